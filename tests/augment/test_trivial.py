"""TrivialAugment's operations against Pillow's, which the paper's code calls."""

import numpy as np
import pytest
from keras import ops
from PIL import Image, ImageEnhance, ImageOps

from kerascifar.augment.trivial import LEVELS, STRONGEST, TrivialAugment

AFFINE = {  # output pixel (x, y) comes from (a x + b y + c, d x + e y + f)
    "shear_x": lambda v: (1, v, 0, 0, 1, 0),
    "shear_y": lambda v: (1, 0, 0, v, 1, 0),
    "translate_x": lambda v: (1, 0, int(v), 0, 1, 0),
    "translate_y": lambda v: (1, 0, 0, 0, 1, int(v)),
}
ENHANCE = ("brightness", "color", "contrast", "sharpness")


def pillow(name, image, magnitude, sign):
    if name == "identity":
        return image
    if name in AFFINE:
        return image.transform(image.size, Image.Transform.AFFINE, AFFINE[name](magnitude * sign))
    if name == "rotate":
        return image.rotate(magnitude * sign)
    if name in ENHANCE:
        return getattr(ImageEnhance, name.capitalize())(image).enhance(1 + magnitude * sign)
    if name == "posterize":
        return ImageOps.posterize(image, 8 - round(magnitude))
    if name == "solarize":
        return ImageOps.solarize(image, 255 - magnitude)
    return getattr(ImageOps, name)(image)


@pytest.fixture(scope="module")
def images():
    """Noise over soft colours, of narrow range in places, and one image of a single colour."""
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 1, 32)[:, None, None] * rng.uniform(-150, 150, (12, 1, 1, 3))
    x = rng.uniform(60, 190, (12, 1, 1, 3)) + slope + rng.normal(0, 20, (12, 32, 32, 3))
    x[-1] = 77
    return np.clip(x, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("level", [0, 7, 16, 29])
@pytest.mark.parametrize("name", STRONGEST)
def test_each_operation_is_pillows(name, level, images):
    for sign in (-1, 1):
        layer = TrivialAugment()
        layer.draw = lambda n, sign=sign: (
            ops.full((n,), list(STRONGEST).index(name), "int32"), ops.full((n,), level, "int32"),
            ops.full((n,), sign, "float32"),
        )  # fmt: skip
        ours = np.asarray(layer(images, training=True)).astype(int)
        magnitude = STRONGEST[name] * level / (LEVELS - 1)
        theirs = np.stack([np.asarray(pillow(name, Image.fromarray(x), magnitude, sign)) for x in images]).astype(int)
        # Rounding: of a value by 1, or of a place half-way between two pixels.
        assert (np.abs(ours - theirs) > 1).mean() < 0.002
        assert (ours != theirs).mean() < 0.02


def test_operations_strengths_and_signs_are_equally_likely():
    n = 14000
    operation, strength, sign = map(np.asarray, TrivialAugment(seed=1).draw(n))
    assert np.abs(np.bincount(operation, minlength=14) - n / 14).max() < 5 * np.sqrt(n / 14)
    assert np.abs(np.bincount(strength, minlength=LEVELS) - n / LEVELS).max() < 5 * np.sqrt(n / LEVELS)
    assert set(sign) == {-1, 1}
    assert abs(sign.sum()) < 5 * np.sqrt(n)


def test_images_of_one_channel_are_taken_too():
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    assert TrivialAugment(seed=1)(x, training=True).shape == x.shape
