"""Classical baselines: nearest neighbours and centroids, exact. NumPy, never Keras."""
