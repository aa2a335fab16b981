"""Images read in a wrong order, by hand and against what study 000's code does."""

import numpy as np
import pytest

from kerascifar.data.pixel_order import READINGS, interleaved_as_planar, planar_as_hwc, read

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)


def test_an_interleaved_image_read_as_planar_by_hand():
    # A 1x2 image of two pixels, (1, 2, 3) and (4, 5, 6), lies in memory as 1 2 3 4 5 6. Taken for planar, red is 1 2,
    # green 3 4, blue 5 6; so the first pixel is (1, 3, 5) and the second (2, 4, 6).
    image = np.array([[[[1, 2, 3], [4, 5, 6]]]], np.uint8)
    np.testing.assert_array_equal(interleaved_as_planar(image), [[[[1, 3, 5], [2, 4, 6]]]])


def test_interleaved_is_what_a_reshape_to_nchw_gives():
    reshaped = IMAGES.reshape(5, 3, 32, 32)  # study 000's line; PyTorch reads it as (N, C, H, W)
    np.testing.assert_array_equal(interleaved_as_planar(IMAGES), np.moveaxis(reshaped, 1, -1))


def test_the_two_readings_undo_each_other():
    np.testing.assert_array_equal(planar_as_hwc(interleaved_as_planar(IMAGES)), IMAGES)
    np.testing.assert_array_equal(interleaved_as_planar(planar_as_hwc(IMAGES)), IMAGES)


@pytest.mark.parametrize("order", READINGS)
def test_every_reading_keeps_an_images_own_bytes(order):
    found = read(IMAGES, order)
    assert (found.shape, found.dtype) == (IMAGES.shape, np.uint8)
    np.testing.assert_array_equal(np.sort(found.reshape(5, -1)), np.sort(IMAGES.reshape(5, -1)))
    assert (read(IMAGES, order) is IMAGES) == (order == "hwc")


def test_no_order_is_the_right_one():
    assert read(IMAGES, None) is IMAGES
