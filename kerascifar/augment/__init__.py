"""Keras layers of our own for augmentation: what Keras lacks, or does otherwise than its name says."""
