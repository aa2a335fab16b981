"""MixUp and CutMix, drawn for each image, with labels that weigh whole pixels."""

from typing import Any

import keras
from keras import ops

from kerascifar.augment.base import PACKAGE, AugmentLayer, like
from kerascifar.core.errors import InputError


@keras.saving.register_keras_serializable(PACKAGE)
class Mix(AugmentLayer):
    """Mix an image, and its label, with another of the batch.

    Called with a dict of "images" and "labels", float (B, classes). MixUp (Zhang et al. 2017) blends the whole
    image; CutMix (Yun et al. 2019) puts in a rectangle, cut off at the border, whose share of whole pixels is
    the partner's share of the label. Both draw lambda from Beta(alpha, alpha) for each image; with both alphas
    given, each image gets one or the other with equal chance. The partner comes from one permutation a batch.
    keras.layers.CutMix weighs labels by a box that is not rounded to pixels, up to 0.06 off.

    Args:
        mixup: alpha of MixUp; None for none.
        cutmix: alpha of CutMix; None for none.
        probability: that an image is mixed at all.
    """

    def __init__(
        self, mixup: float | None = None, cutmix: float | None = None, probability: float = 1.0, **how: Any
    ) -> None:
        super().__init__(**how)
        if mixup is None and cutmix is None:
            raise InputError("Mix: needs mixup=ALPHA, cutmix=ALPHA or both")
        self.mixup, self.cutmix, self.probability = mixup, cutmix, probability

    def augment(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return images and labels mixed.

        Raises InputError: the labels are missing or are not float rows of one number a class.
        """
        images, labels = data["images"], _checked(data.get("labels"))
        n, height, width = ops.shape(images)[:3]
        partner = keras.random.shuffle(ops.arange(n), seed=self.generator)
        # How much of each pixel, and of the label, the partner gives; (B, 1 or H, 1 or W, 1) and (B, 1).
        if self.cutmix is None:
            share = self._remainder(n, self.mixup)
            weight = share[:, :, None, None]
        else:
            weight = self._rectangle(n, height, width)
            share = ops.sum(weight, axis=(1, 2)) / ops.cast(height * width, "float32")
            if self.mixup is not None:
                blend, cut = self._remainder(n, self.mixup), self.uniform((n, 1)) < 0.5
                weight = ops.where(cut[:, :, None, None], weight, blend[:, :, None, None])
                share = ops.where(cut, share, blend)
        mixed = ops.cast(self.uniform((n, 1)) < self.probability, "float32")
        return {
            "images": like(images, _blend(ops.cast(images, "float32"), partner, weight * mixed[:, :, None, None])),
            "labels": _blend(labels, partner, share * mixed),
        }

    def _remainder(self, n: Any, alpha: float) -> Any:
        """Draw 1 - lambda, (n, 1)."""
        return 1.0 - keras.random.beta((n, 1), alpha, alpha, dtype="float32", seed=self.generator)

    def _rectangle(self, n: Any, height: Any, width: Any) -> Any:
        """Draw masks (n, H, W, 1), 1 where the partner's pixels go."""
        side = ops.sqrt(self._remainder(n, self.cutmix))
        rows, columns = self._span(n, height, side), self._span(n, width, side)
        return ops.cast(rows[:, :, None, None] & columns[:, None, :, None], "float32")

    def _span(self, n: Any, length: Any, share: Any) -> Any:
        """Draw booleans (n, length), true on floor(length x share) pixels in a row."""
        return self.span(n, length, ops.cast(ops.floor(ops.cast(length, "float32") * share), "int32"))


def _blend(values: Any, partner: Any, weight: Any) -> Any:
    """Return values (1 - weight) + partners' values weight; exact where weight is 0 or 1."""
    return values * (1.0 - weight) + ops.take(values, partner, axis=0) * weight


def _checked(labels: Any) -> Any:
    if labels is None:
        raise InputError("MixUp and CutMix mix labels too: call with a dict of images and labels")
    dtype = keras.backend.standardize_dtype(labels.dtype)
    if "float" not in dtype or len(labels.shape) != 2:
        raise InputError(
            f"MixUp and CutMix need float one-hot labels (batch, classes), got {dtype} of shape {tuple(labels.shape)}"
        )
    return ops.cast(labels, "float32")
