"""Convolutions: PairedConv2D for few filters, PatchWhitening for a first layer."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="kerascifar")
class PairedConv2D(keras.layers.Conv2D):
    """Conv2D for few filters: computes two neighbouring columns of the output at once.

    oneDNN's kernels compute 16 filters at a time, so with 6 of them most of the work is for nothing. Here the kernel
    is taken twice, the second time one column further right, and moves by two columns: what comes out,
    (N, H, W / 2, 2 x filters), lies in memory as (N, H, W, filters) does. The values are Conv2D's up to rounding.
    Pays where no gradient to the inputs is wanted, in a net's first layer. Where the output's width is odd or unknown,
    or with strides, dilation or groups, this is Conv2D.
    """

    def call(self, inputs):
        if not self._pairs(inputs):
            return super().call(inputs)
        kernels = [ops.pad(self.kernel, ((0, 0), (shift, 1 - shift), (0, 0), (0, 0))) for shift in (0, 1)]
        outputs = ops.conv(inputs, ops.concatenate(kernels, -1), strides=(1, 2), padding=self.padding)
        if self.use_bias:
            outputs = ops.add(outputs, ops.tile(self.bias, 2))
        outputs = ops.reshape(outputs, (-1, *self.compute_output_shape(inputs.shape)[1:]))
        return self.activation(outputs)

    def _pairs(self, inputs) -> bool:
        _, height, width, _ = self.compute_output_shape(inputs.shape)
        return (
            self.data_format == "channels_last"
            and self.strides == self.dilation_rate == (1, 1)
            and self.groups == 1
            and None not in (height, width)
            and width % 2 == 0
            # With an even kernel, "same" puts the odd row and column of padding elsewhere.
            and (self.padding == "valid" or self.kernel_size[1] % 2 == 1)
        )


@keras.saving.register_keras_serializable(package="kerascifar")
class PatchWhitening(keras.layers.Conv2D):
    """Frozen convolution that whitens the patches of its input, each direction beside its negative; its bias learns.

    Filter i is v / sqrt(l + epsilon), where v is an eigenvector and l the eigenvalue of E[p p'], the second moments of
    the patches p that ``adapt`` saw. So the outputs are uncorrelated, of variance near 1 where l is well above
    epsilon, and the noise in directions of hardly any variance stays small. After a first layer of this kind a net
    learns in fewer epochs (tysam-code's hlb-CIFAR10; Jordan 2024, arXiv 2404.00498, section 3.1).

    Args:
        filters: 2 x height x width of the kernel x channels of the input: every direction and its negative.
        kernel_size: side of the patches in pixels.
        epsilon: added to the eigenvalues, in squared units of the input.
        kwargs: as for Conv2D.

    Until ``adapt`` has been called the kernel is random. It is saved and loaded with the model.
    """

    def __init__(self, filters: int, kernel_size: int = 2, epsilon: float = 5e-4, **kwargs):
        super().__init__(filters, kernel_size, **kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        wanted = 2 * self.kernel_size[0] * self.kernel_size[1] * input_shape[-1]
        if self.filters != wanted:
            raise ValueError(f"PatchWhitening: {input_shape[-1]} channels need filters={wanted}, got {self.filters}")
        super().build(input_shape)

    def add_weight(self, *args, name=None, trainable=True, **kwargs):
        return super().add_weight(*args, name=name, trainable=trainable and name != "kernel", **kwargs)

    def adapt(self, images: np.ndarray) -> None:
        """Set the kernel from `images`, float (N, H, W, C), as the layer will see them.

        The same images give the same kernel: of an eigenvector and its negative the one whose largest entry is
        positive comes first.
        """
        moments, count, size = 0.0, 0, np.prod(self.kernel.shape[:-1])
        for start in range(0, len(images), 256):
            windows = np.lib.stride_tricks.sliding_window_view(images[start : start + 256], self.kernel_size, (1, 2))
            patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, size).astype("float64")
            moments, count = moments + patches.T @ patches, count + len(patches)
        values, vectors = np.linalg.eigh(moments / count)
        vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(0), np.arange(size)])
        filters = vectors / np.sqrt(values + self.epsilon)
        self.kernel.assign(np.concatenate([filters, -filters], 1).reshape(self.kernel.shape))

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
