"""SmallMapConv2D: a 3x3 convolution by matrix products, where those are faster.

Of a single pixel the convolution is a dense layer on what that pixel sees. On other small maps the filters' gradient is
nine products: for each place of the kernel, the pixels that it sees, (N x H x W, channels), transposed, times the
gradient of the outputs, (N x H x W, filters). The pixels are copied nine times for it; oneDNN's kernel copies nothing,
but computes the padding too, which on small maps is most of it, and is slow in bfloat16 where channels are many.
"""

from typing import Any, NamedTuple

import keras
from keras import ops


class Faster(NamedTuple):
    """Where the products are faster than the kernel.

    Attributes:
        dtype: in which the layer computes; None for any.
        stride: of the convolution; with 1 it pads ("same"), with 2 it does not ("valid"). None for either.
        side: the largest of the map of outputs, in pixels.
        weights: the fewest at a place of the kernel, channels x filters; nets take the layer from 64 channels on.
        whole: whether the outputs are a product too, and with them the gradient to the inputs.
    """

    dtype: str | None
    stride: int | None
    side: int
    weights: int
    whole: bool = False


# tools/bench_filter_gradient.py measured it: tools/measured/filter_gradient*.json, and 0009-training-speed.md in
# tools/decisions. A run keeps the rows that it was begun with (training.checkpoint): a new one goes to the end.
FASTER = (
    Faster(None, 1, 2, 0),
    Faster("bfloat16", 1, 8, 128 * 128),
    Faster("bfloat16", 2, 8, 128 * 256),
    Faster(None, None, 1, 0, whole=True),
)
LARGEST_SIDE = max(row.side for row in FASTER)


@keras.saving.register_keras_serializable(package="kerascifar")
class SmallMapConv2D(keras.layers.Conv2D):
    """3x3 Conv2D, stride 1 and "same" or stride 2 and "valid", that takes the products of this file where it is faster.

    The outputs and the gradient to the inputs are Conv2D's, those of a single pixel and the filters' gradient are up to
    rounding. Beyond FASTER, on other backends and devices than one CPU, and with other settings this is Conv2D.

    Attributes:
        faster: the rows of FASTER that hold; fewer for a run that an earlier version began.
    """

    faster = FASTER

    def call(self, inputs):
        rows = self._holding(inputs)
        if not rows:
            return super().call(inputs)
        if any(row.whole for row in rows):
            outputs = _of_one_pixel(inputs, self.kernel, self.padding)
        else:
            outputs = _with_products(inputs, self.kernel, self.strides[0])
        if self.use_bias:
            outputs = ops.add(outputs, self.bias)
        return self.activation(outputs)

    def _holding(self, inputs) -> list[Faster]:
        """Return the rows that hold for `inputs`."""
        if keras.backend.backend() != "tensorflow" or self.data_format != "channels_last":
            return []
        import tensorflow as tf

        sides, stride = self.compute_output_shape(inputs.shape)[1:3], self.strides[0]
        usual = (
            self.kernel_size == (3, 3)
            and self.strides == (stride, stride)
            and self.padding == {1: "same", 2: "valid"}.get(stride)
            and self.dilation_rate == (1, 1)
            and self.groups == 1
            and None not in sides
            and not tf.distribute.has_strategy()
            and not tf.config.get_visible_devices("GPU")
        )
        return [
            row
            for row in self.faster
            if usual
            and row.dtype in (None, self.compute_dtype)
            and row.stride in (None, stride)
            and row.side >= max(sides)
            and row.weights <= inputs.shape[-1] * self.filters
        ]


def _of_one_pixel(inputs: Any, kernel: Any, padding: str) -> Any:
    """Return the outputs (N, 1, 1, filters), of what that one pixel sees; all but the centre of "same" is padding."""
    seen, taps = inputs[:, :3, :3], kernel
    if padding == "same":  # slice(), whose gradient is a pad, and faster than that of [1:2, 1:2]
        seen, taps = inputs, ops.slice(kernel, (1, 1, 0, 0), (1, 1, *kernel.shape[2:]))
    columns = seen.shape[1] * seen.shape[2] * seen.shape[3]
    outputs = ops.matmul(ops.reshape(seen, (-1, columns)), ops.reshape(taps, (columns, -1)))
    return ops.reshape(outputs, (-1, 1, 1, taps.shape[-1]))


def _with_products(inputs: Any, kernel: Any, stride: int) -> Any:
    import tensorflow as tf

    padding = "SAME" if stride == 1 else "VALID"

    @tf.custom_gradient
    def convolution(x, kernel):
        def gradient(dy):
            to_inputs = tf.nn.conv2d_transpose(dy, kernel, tf.shape(x), stride, padding)
            return to_inputs, filter_gradient(x, dy, stride)

        return tf.nn.conv2d(x, kernel, stride, padding), gradient

    return convolution(inputs, tf.convert_to_tensor(kernel))  # Keras's own leaves a variable one


def filter_gradient(x: Any, dy: Any, stride: int) -> Any:
    """Return (3, 3, channels, filters), the filters' gradient of a 3x3 convolution, as nine matrix products.

    Args:
        x: its inputs (N, H, W, channels).
        dy: the gradient of its outputs (N, H, W, filters), as many pixels as `x` has; with stride 2 those of "valid".
        stride: 1, padded ("same"), or 2, not padded ("valid").
    """
    import tensorflow as tf

    flat = tf.reshape(dy, (-1, dy.shape[-1]))
    seen = _seen(x, *dy.shape[1:3], stride)
    products = [tf.matmul(tf.reshape(part, (-1, x.shape[-1])), flat, transpose_a=True) for part in seen]
    return tf.reshape(tf.stack(products), (3, 3, x.shape[-1], dy.shape[-1]))


def _seen(x: Any, height: int, width: int, stride: int) -> list:
    """Return the pixels (N, height, width, channels) that each place of the kernel sees, row by row."""
    import tensorflow as tf

    places = [(row, column) for row in range(3) for column in range(3)]
    if stride == 1:
        x = tf.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return [x[:, row : row + height, column : column + width] for row, column in places]
    # As pairs of rows and of columns: TensorFlow copies slices with a step many times more slowly.
    below, right = 2 * (height + 1) - x.shape[1], 2 * (width + 1) - x.shape[2]
    x = tf.pad(x, ((0, 0), (0, below), (0, right), (0, 0)))
    x = tf.reshape(x, (-1, height + 1, 2, width + 1, 2, x.shape[-1]))
    return [
        x[:, row // 2 : row // 2 + height, row % 2, column // 2 : column // 2 + width, column % 2]
        for row, column in places
    ]
