"""From labels and scores to numbers: metrics, calibration, voting of several runs. NumPy and scikit-learn only.

Imports core and results; never Keras.
"""
