"""A net as a file for other programs: how each format is written, and how its own runtime reads it."""
