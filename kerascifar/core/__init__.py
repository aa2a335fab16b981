"""Ground that everything stands on: errors, files, field types, tables of named things, the data that stages hand on.

Imports nothing of ours, and neither Keras nor TensorFlow.
"""
