"""Data sets: files, archives and pictures in, a checked and split ``contracts.Dataset`` out."""
