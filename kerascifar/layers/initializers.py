"""Starting weights of our own."""

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="kerascifar")
class PartialIdentity(keras.initializers.Initializer):
    """The first filters of a convolution copy the channels of its input; the others start from `rest`.

    A kernel (h, w, in, out) of odd sides gets, for each i below min(in, out), filter i that is 1 at the centre of
    channel i and 0 elsewhere, as torch.nn.init.dirac_ on the first `in` filters does. What the layer below knows
    goes through at first unchanged, so that a net without shortcuts is quickly trained (Jordan 2024, arXiv
    2404.00498, section 3.2).

    Args:
        rest: initialiser of the whole kernel, of which the other filters keep their part. None is PyTorch's own,
            U(-b, b) with b = (h w in)^-1/2.
    """

    def __init__(self, rest: keras.initializers.Initializer | None = None):
        self.rest = rest

    def __call__(self, shape, dtype=None):
        height, width, fan_in, fan_out = shape
        if height % 2 == 0 or width % 2 == 0:
            raise ValueError(f"PartialIdentity: a kernel of {height}x{width} has no centre")
        bound = (height * width * fan_in) ** -0.5
        rest = keras.initializers.RandomUniform(-bound, bound) if self.rest is None else self.rest
        copies = min(fan_in, fan_out)
        identity = np.zeros((height, width, fan_in, copies), "float32")
        identity[height // 2, width // 2, range(copies), range(copies)] = 1
        kernel = rest(shape, dtype)
        return keras.ops.concatenate([keras.ops.cast(identity, kernel.dtype), kernel[..., copies:]], -1)

    def get_config(self):
        return {"rest": keras.saving.serialize_keras_object(self.rest)}

    @classmethod
    def from_config(cls, config):
        """Return the initialiser that `get_config` told."""
        return cls(keras.saving.deserialize_keras_object(config["rest"]))
