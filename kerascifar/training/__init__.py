"""Train a Keras net: optimizers, schedules, losses, checkpoints, and the engine that ties them together.

May import models, data, augment, devices and what they stand on. Must not import scratch, architectures or run; Keras
and TensorFlow only inside functions, but for callbacks.py and muon.py, which are themselves imported late.
"""
