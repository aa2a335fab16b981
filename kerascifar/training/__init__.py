"""Fit a Keras net: optimizers, schedules, losses, checkpoints, and the engine that ties them together."""
