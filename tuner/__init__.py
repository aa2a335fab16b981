"""Search the settings of a training with KerasTuner: ``python -m tuner``."""
