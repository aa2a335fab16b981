"""Where a run computes: backend, device, precision and threads; how a step is divided over devices and processes.

May import core and config. Must not import data or models; Keras and TensorFlow only inside functions.
"""
