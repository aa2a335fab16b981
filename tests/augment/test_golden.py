"""What each augmentation layer makes of a 4x4 image, worked out by hand."""

import numpy as np
import pytest
from keras import ops

from kerascifar.augment.colour import Cutout, Solarize
from kerascifar.augment.geometry import Flip, PadCrop, ResizedCrop
from kerascifar.augment.transforms import TRANSFORMS

# Golden images: 4x4, one channel, pixels 0 to 15 from left to right, top to bottom.
GOLDEN = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)


def golden(layer):
    return np.asarray(layer(GOLDEN, training=True))[0, :, :, 0].tolist()


def test_golden_flip():
    assert golden(Flip(1.0)) == [[3, 2, 1, 0], [7, 6, 5, 4], [11, 10, 9, 8], [15, 14, 13, 12]]
    assert golden(Flip(0.0)) == GOLDEN[0, :, :, 0].tolist()


@pytest.mark.parametrize(
    ("edges", "wanted"),
    [
        # Rows start at 0 - 2 = -2, columns at 3 - 2 = 1. Zeros: rows -2, -1 and column 4 lie outside.
        ("zeros", [[0, 0, 0, 0], [0, 0, 0, 0], [1, 2, 3, 0], [5, 6, 7, 0]]),
        # Reflect: rows -2 -1 0 1 are read as 2 1 0 1, columns 1 2 3 4 as 1 2 3 2.
        ("reflect", [[9, 10, 11, 10], [5, 6, 7, 6], [1, 2, 3, 2], [5, 6, 7, 6]]),
    ],
)
def test_golden_crop(edges, wanted):
    layer = PadCrop(2, edges)
    layer.whole = lambda shape, below: ops.convert_to_tensor([[[0]], [[3]]])
    assert golden(layer) == wanted


def test_golden_resized_crop():
    layer = ResizedCrop()
    # The 2x2 pixels from row 1, column 2: 6 7 / 10 11, over 4x4. Centres of the result lie at
    # (i + 0.5) x 2/4 - 0.5 = -0.25, 0.25, 0.75, 1.25, clamped to 0, 0.25, 0.75, 1: columns 6, 6.25, 6.75, 7;
    # rows add 4 times as much: 0, 1, 3, 4. Rounded, a half to the even neighbour (none here).
    layer.boxes = lambda *_: (
        (ops.convert_to_tensor([[1.0]]), ops.convert_to_tensor([[2.0]])),
        (ops.convert_to_tensor([[2.0]]), ops.convert_to_tensor([[2.0]])),
    )
    assert golden(layer) == [[6, 6, 7, 7], [7, 7, 8, 8], [9, 9, 10, 10], [10, 10, 11, 11]]


def test_golden_solarize():
    # 15 - 2 = 13 of the pixels 0 to 15 are at or above 2: x becomes 255 - x from 2 (253) on.
    assert golden(Solarize(2.0)) == [[0, 1, 253, 252], [251, 250, 249, 248], [247, 246, 245, 244], [243, 242, 241, 240]]


def test_golden_cutout():
    layer = Cutout(2)
    layer.whole = lambda shape, below: ops.convert_to_tensor([[0]])
    # Around pixel 0 a square of 2 goes from -1 to 0: only the corner lies in the image.
    assert golden(layer) == [[128, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]]
    layer.whole = lambda shape, below: ops.convert_to_tensor([[2]])
    assert golden(layer) == [[0, 1, 2, 3], [4, 128, 128, 7], [8, 128, 128, 11], [12, 13, 14, 15]]


def test_golden_rotation_is_counterclockwise():
    layer = TRANSFORMS["rotate"].build(90.0, 90.0, seed=0)
    assert golden(layer) == np.rot90(GOLDEN[0, :, :, 0]).tolist()  # the right column comes on top
