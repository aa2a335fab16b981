"""Pictures of a data set: each function takes a Dataset and the config that it was loaded by, and gives a Figure."""
