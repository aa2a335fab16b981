import base64
import io

import numpy as np
import pytest
from PIL import Image

from kerascifar.auditing.album import GRADES, STRENGTH, Album, choose_grade, difference, store


def pixels(shot):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(shot.data))).convert("RGB"))


def test_the_finest_grade_keeps_each_pixel(read):
    np.testing.assert_array_equal(pixels(store(read("test", 1), GRADES[0])), read("test", 1))


@pytest.mark.parametrize("grade", GRADES)
def test_fewer_bits_are_off_by_half_a_step_at_the_most(read, grade):
    apart = np.abs(pixels(store(read("test", 1), grade)).astype(int) - read("test", 1))
    assert apart.max() <= 2 ** (8 - grade.bits)  # the lightest are rounded down
    assert np.percentile(apart, 90) <= 2 ** (8 - grade.bits) // 2


def test_a_large_picture_is_made_smaller_and_keeps_its_proportions(read):
    shot = store(read("test", 1, (300, 600, 3)), GRADES[0])
    assert (shot.width, shot.height, shot.full_width, shot.full_height) == (256, 128, 600, 300)
    assert pixels(shot).shape == (128, 256, 3)


def test_the_grade_fits_the_budget(read):
    keys = [("test", i) for i in range(200)]
    size = {grade: sum(len(store(read(*key), grade).data) for key in keys) for grade in GRADES[:4]}
    for grade, taken in size.items():
        assert choose_grade(keys, read, int(taken * 1.01)) == grade
    assert choose_grade(keys, read, 10) == GRADES[-1]
    assert choose_grade([], read, 10) == GRADES[0]


def test_an_album_stores_each_image_once_and_stops_at_its_budget(read):
    size = len(store(read("test", 1), GRADES[0]).data)
    album = Album(GRADES[0], read, budget=size * 3)
    assert album.add([("test", 1), ("test", 2), ("test", 1)], None)
    assert not album.add([("test", 3), ("test", 4)], None)
    assert album.add([("test", 1)], None)
    assert sorted(album.shots) == [("test", 1), ("test", 2)]


def test_a_difference_is_shown_stronger_and_told_as_it_is(read):
    image = read("test", 1) // 2
    drawn = difference(image, image + 17, GRADES[0])
    assert drawn.mean == 17
    assert (pixels(drawn.shot) == 17 * STRENGTH).all()
    with pytest.raises(ValueError, match="must have the shape"):
        difference(image, image[:16], GRADES[0])


@pytest.mark.parametrize("bad", [np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)])
def test_other_arrays_are_refused(bad):
    with pytest.raises(ValueError, match="must be uint8"):
        store(bad, GRADES[0])
