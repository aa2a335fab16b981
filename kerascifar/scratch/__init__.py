"""Neural networks from scratch, in NumPy: layers that can be read, gradients that can be checked, and that learn.

May import core, config, results, data and the formulas of training that NumPy and Keras share, never Keras itself.
`layers`, `convolution`, `pooling` and `batch_normalization` hold one class per layer, `network` chains them, `training`
is the loop, `engine` runs the nets of VARIANTS. A walk through them:

>>> import numpy as np
>>> from kerascifar.scratch import Conv2D, Dense, Flatten, MaxPool2D, Momentum, Network, ReLU, check_gradients, train
>>> def layers():
...     return [Conv2D(4, size=3, padding=1), ReLU(), MaxPool2D(2), Flatten(), Dense(2)]
>>> network = Network(layers(), input_shape=(6, 6, 1))
>>> [layer.output_shape for layer in network.layers]
[(6, 6, 4), (6, 6, 4), (3, 3, 4), (36,), (2,)]
>>> network.trainable_parameters  # 3*3*1*4 + 4, and 36*2 + 2
114

Sixty images: label 1 where the left half is brighter than the right one.

>>> rng = np.random.default_rng(0)
>>> images = rng.random((60, 6, 6, 1), dtype=np.float32)
>>> labels = (images[:, :, :3].sum((1, 2, 3)) > images[:, :, 3:].sum((1, 2, 3))).astype(int)
>>> how = {"epochs": 40, "learning_rate": 0.05, "batch_size": 20, "show": False}
>>> history = train(network, images, labels, Momentum(), **how).history
>>> bool(history[-1]["loss"] < history[0]["loss"] / 4), history[-1]["accuracy"]
(True, 1.0)

Is backward the derivative of forward? Measure the slope of the loss, one weight at a time, in double precision:

>>> exact = Network(layers(), input_shape=(6, 6, 1), dtype=np.float64)
>>> errors = check_gradients(exact, images[:5].astype(np.float64), labels[:5])
>>> sorted(errors), max(errors.values()) < 1e-6
(['0/bias', '0/kernel', '4/bias', '4/kernel'], True)
"""

from kerascifar.scratch.architectures import VARIANTS
from kerascifar.scratch.batch_normalization import BatchNormalization
from kerascifar.scratch.convolution import Conv2D
from kerascifar.scratch.faults import FAULTS
from kerascifar.scratch.gradient_check import check_gradients, numeric_gradient, relative_error
from kerascifar.scratch.layers import Dense, Dropout, Flatten, Layer, Normalize, ReLU, Sigmoid, Tanh
from kerascifar.scratch.losses import L2, MSE, SoftmaxCrossEntropy, softmax
from kerascifar.scratch.network import Network
from kerascifar.scratch.optimizers import SGD, Adam, Momentum, Nesterov
from kerascifar.scratch.pooling import AveragePool2D, MaxPool2D
from kerascifar.scratch.saving import load, save
from kerascifar.scratch.training import train
from kerascifar.scratch.validation import cross_validate, folds

__all__ = [
    "FAULTS",
    "L2",
    "MSE",
    "SGD",
    "VARIANTS",
    "Adam",
    "AveragePool2D",
    "BatchNormalization",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "MaxPool2D",
    "Momentum",
    "Nesterov",
    "Network",
    "Normalize",
    "ReLU",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "Tanh",
    "check_gradients",
    "cross_validate",
    "folds",
    "load",
    "numeric_gradient",
    "relative_error",
    "save",
    "softmax",
    "train",
]
