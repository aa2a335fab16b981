"""From labels and scores to numbers: metrics, calibration, and the vote of several runs.

Imports core and results, NumPy, SciPy and scikit-learn; never Keras or TensorFlow.
"""
