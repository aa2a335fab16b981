"""Where a run computes: backend, device, precision, threads; division of a step over devices and processes.

Imports core, config and results; TensorFlow only once a run starts.
"""
