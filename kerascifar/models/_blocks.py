"""Layers with PyTorch's geometry and initial weights, named as its state_dict names them.

A layer's name is the path of the module in the PyTorch model that holds the same weights ("layer1.0.conv1"),
so that a checkpoint finds its layers by name. Shapes are (N, H, W, C).
"""

from collections.abc import Callable

import keras
import numpy as np
from keras import initializers, layers

from kerascifar.core.errors import InputError
from kerascifar.layers import BatchNormalization, PairedConv2D, Rescaling, SmallMapConv2D
from kerascifar.layers.small_maps import LARGEST_SIDE

_FEW_FILTERS = 8  # half of what oneDNN's kernels compute at a time
_MANY_CHANNELS = 64  # from here on SmallMapConv2D may be faster

# Kernel and bias initialisers from fan-in and fan-out as PyTorch counts them.
Start = Callable[[int, int], tuple[initializers.Initializer, initializers.Initializer]]


def torch_default(fan_in: int, fan_out: int) -> tuple[initializers.Initializer, initializers.Initializer]:
    """U(-b, b) with b = fan_in^-1/2 for kernel and bias: the default of torch.nn.Conv2d and Linear.

    The studies trained in PyTorch with its default initialisers.
    """
    bound = fan_in**-0.5
    return initializers.RandomUniform(-bound, bound), initializers.RandomUniform(-bound, bound)


def he_fan_out(fan_in: int, fan_out: int) -> tuple[initializers.Initializer, initializers.Initializer]:
    """N(0, 2 / fan_out), bias 0: torchvision's convolutions (He et al. 2015, arXiv 1502.01852, eq. 14)."""
    return initializers.RandomNormal(0.0, (2.0 / fan_out) ** 0.5), initializers.Zeros()


def small_normal(fan_in: int, fan_out: int) -> tuple[initializers.Initializer, initializers.Initializer]:
    """N(0, 0.01^2), bias 0: torchvision's dense layers in VGG and MobileNetV2."""
    return initializers.RandomNormal(0.0, 0.01), initializers.Zeros()


def pixels(input_shape: tuple[int, int, int], mean, std) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return the input, uint8 pixels, and ``(pixels - mean) / std`` in float32.

    `mean` and `std` are in units of pixels from 0 to 255, one number or one per channel.

    Raises:
        InputError: another number of values, NaN or infinity, or a std that is not above 0.
    """
    mean, std = np.asarray(mean, "float64"), np.asarray(std, "float64")
    for name, value in (("mean", mean), ("std", std)):
        if value.shape not in ((), (input_shape[-1],)) or not np.isfinite(value).all():
            raise InputError(f"{name}: expected one number or {input_shape[-1]}, one per channel, got {value.tolist()}")
    if not (std > 0).all():
        raise InputError(f"std: must be greater than 0, got {std.tolist()}")
    inputs = keras.Input(input_shape, dtype="uint8", name="pixels")
    # Always float32: half precision cannot hold scale and offset well enough; the first convolution casts.
    scale, offset = (1 / std).tolist(), (-mean / std).tolist()
    return inputs, Rescaling(scale, offset, dtype="float32", name="normalization")(inputs)


def _pad(x: keras.KerasTensor, kernel: int, stride: int, padding: int, name: str) -> tuple[keras.KerasTensor, str]:
    """Pad as PyTorch does, equally on all sides, and return the `padding` argument for the Keras layer that follows.

    With stride 2 and an even side, Keras's "same" pads only after the last row: another geometry.
    """
    if stride == 1 and 2 * padding == kernel - 1:
        return x, "same"  # equal on all sides, without a copy
    if padding:
        x = layers.ZeroPadding2D(padding, name=f"{name}.pad")(x)
    return x, "valid"


def conv(
    x: keras.KerasTensor,
    filters: int,
    kernel: int,
    name: str,
    *,
    stride: int = 1,
    padding: int = 0,
    bias: bool = True,
    start: Start = torch_default,
) -> keras.KerasTensor:
    """Apply torch.nn.Conv2d(channels, filters, kernel, stride, padding, bias=bias)."""
    small = kernel == 3 and padding == 1 and x.shape[1] <= stride * LARGEST_SIDE and x.shape[-1] >= _MANY_CHANNELS
    x, rest = _pad(x, kernel, stride, padding, name)
    kind = SmallMapConv2D if small else None
    return conv_layer(
        x.shape[-1], filters, kernel, name, stride=stride, padding=rest, bias=bias, start=start, kind=kind
    )(x)


def conv_layer(
    channels: int,
    filters: int,
    kernel: int,
    name: str,
    *,
    stride: int = 1,
    padding: str = "valid",
    bias: bool = True,
    start: Start = torch_default,
    kind: type[keras.Layer] | None = None,
) -> keras.Layer:
    """Return the layer that `conv` applies, for nets that apply it several times; `padding` is Keras's."""
    weights, biases = start(kernel**2 * channels, kernel**2 * filters)
    few = channels <= 3 and filters <= _FEW_FILTERS
    return (kind or (PairedConv2D if few else layers.Conv2D))(
        filters, kernel, stride, padding, use_bias=bias, kernel_initializer=weights, bias_initializer=biases, name=name
    )


def depthwise(x: keras.KerasTensor, name: str, *, stride: int = 1, start: Start = torch_default) -> keras.KerasTensor:
    """Apply torch.nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False)."""
    x, rest = _pad(x, 3, stride, 1, name)
    return depthwise_layer(x.shape[-1], name, stride=stride, padding=rest, start=start)(x)


def depthwise_layer(
    channels: int, name: str, *, stride: int = 1, padding: str = "same", start: Start = torch_default
) -> keras.Layer:
    """Return the layer that `depthwise` applies, for nets that apply it several times; `padding` is Keras's."""
    # PyTorch counts fans on a kernel of shape (channels, 1, 3, 3): fan-out is 9 x channels although only 9 are used.
    weights, _ = start(9, 9 * channels)
    return layers.DepthwiseConv2D(3, stride, padding, use_bias=False, depthwise_initializer=weights, name=name)


def batch_norm(x: keras.KerasTensor, name: str, affine: bool = True) -> keras.KerasTensor:
    """Apply torch.nn.BatchNorm2d(channels, affine=affine)."""
    return BatchNormalization(scale=affine, center=affine, name=name)(x)


def relu(x: keras.KerasTensor, name: str, limit: float | None = None) -> keras.KerasTensor:
    """Apply torch.nn.ReLU, or ReLU6 with ``limit=6``; `name` is that of the preceding layer."""
    return layers.ReLU(max_value=limit, name=f"{name}.relu")(x)


def max_pool(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Apply torch.nn.MaxPool2d(2): an odd last row or column is dropped, as in PyTorch."""
    return layers.MaxPooling2D(2, name=name)(x)


def dense(
    x: keras.KerasTensor, units: int, name: str, start: Start = torch_default, dtype: str | None = None
) -> keras.KerasTensor:
    """Apply torch.nn.Linear(features, units)."""
    weights, biases = start(x.shape[-1], units)
    return layers.Dense(units, kernel_initializer=weights, bias_initializer=biases, name=name, dtype=dtype)(x)


def dropout(x: keras.KerasTensor, rate: float, name: str) -> keras.KerasTensor:
    """Apply torch.nn.Dropout(rate); no layer at all if the rate is 0."""
    return layers.Dropout(rate, name=name)(x) if rate else x


def classifier(
    inputs: keras.KerasTensor,
    x: keras.KerasTensor,
    classes: int,
    name: str,
    model_name: str,
    start: Start = torch_default,
) -> keras.Model:
    """Return the model, closed by a dense layer that gives logits (N, classes), float32 under any dtype policy."""
    return keras.Model(inputs, dense(x, classes, name, start, dtype="float32"), name=model_name)
