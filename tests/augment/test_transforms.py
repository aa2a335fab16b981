import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from PIL import Image

from kerascifar.augment.base import AugmentLayer, StatelessSeeds, take_pixels
from kerascifar.augment.colour import Cutout
from kerascifar.augment.geometry import AlternatingFlip, Flip, PadCrop, ResizedCrop, _mirrored
from kerascifar.augment.policies import parse
from kerascifar.augment.transforms import TRANSFORMS
from kerascifar.core.errors import InputError
from kerascifar.data import draws

# One way to write each part; a part that is added needs a line here.
WRITTEN = {
    "flip": "flip(0.5)",
    "alternating_flip": "alternating_flip",
    "crop": "crop(2, reflect)",
    "resized_crop": "resized_crop(0.3)",
    "rotate": "rotate(30)",
    "translate": "translate(0.2)",
    "invert": "invert(0.5)",
    "solarize": "solarize(100, 0.5)",
    "trivial_augment": "trivial_augment",
    "cutout": "cutout(3)",
    "mixup": "mixup(0.5)",
    "cutmix": "cutmix(1)",
    "mixup_or_cutmix": "mixup_or_cutmix(1, 1)",
}


def test_every_part_is_written_below():
    assert list(WRITTEN) == list(TRANSFORMS)


def layer_of(name, seed=7):
    (step,) = parse(WRITTEN[name])
    return TRANSFORMS[name].build(*step.arguments, seed=seed)


def images_of(n=12, side=8, dtype="uint8", seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3)).astype(dtype)


def call(layer, x, training):
    """Call a layer of ours with all that a batch holds, a layer of Keras with the images."""
    if not isinstance(layer, AugmentLayer):
        return layer(x, training=training)
    n = len(x)
    data = {"images": x, "labels": np.eye(n, dtype="float32"), "index": np.arange(n), "epoch": np.array(1)}
    return layer(data, training=training)["images"]


def layers_under(policy, name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return layer_of(name), layer_of(name)
    finally:
        keras.config.set_dtype_policy(before)


POLICIES = ["float32", "mixed_bfloat16", "mixed_float16"]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_uint8_and_float_under_any_policy(name, policy):
    layer, same = layers_under(policy, name)
    x = images_of()
    bytes_, floats = call(layer, x, True), call(same, x.astype("float32"), True)
    dtypes = [keras.backend.standardize_dtype(images.dtype) for images in (bytes_, floats)]
    assert dtypes == ["uint8" if isinstance(layer, AugmentLayer) else "float32", "float32"]
    np.testing.assert_allclose(bytes_, floats, atol=0.5)  # rounding alone
    assert not np.array_equal(bytes_, x)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.data runs TensorFlow")
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_alone_as_in_a_pipeline_under_any_policy(name, policy):
    import tensorflow as tf

    layer, piped = layers_under(policy, name)
    x = images_of()
    (mapped,) = tf.data.Dataset.from_tensors(x).map(lambda b: call(piped, b, True))
    np.testing.assert_allclose(mapped, call(layer, x, True), atol=0.5)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_nothing_happens_outside_of_training(name):
    for dtype in ("uint8", "float32"):
        x = images_of(dtype=dtype)
        np.testing.assert_array_equal(call(layer_of(name), x, False), x)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_saved_config_gives_the_same_layer(name):
    layer = layer_of(name)
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer), safe_mode=True)
    assert type(twin) is type(layer)
    assert twin.get_config() == layer.get_config()
    np.testing.assert_array_equal(call(layer, images_of(), True), call(twin, images_of(), True))


def test_stateless_seeds_count_from_their_key_and_nothing_else():
    seeds = StatelessSeeds()

    def three(key):
        with seeds.keyed(key):
            return [tuple(np.asarray(seeds.next())) for _ in range(3)]

    assert three(draws.key(1, 2)) == three(draws.key(1, 2))
    assert len({*three(draws.key(1, 2)), *three(draws.key(1, 3)), *three(draws.key(2, 2))}) == 9
    with pytest.raises(RuntimeError):
        seeds.next()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.integers(0, 99))
def test_take_pixels_is_indexing(n, height, width, channels, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (n, height, width, channels), dtype=np.uint8)
    rows, columns = rng.integers(0, height, (n, 3)), rng.integers(0, width, (n, 5))
    taken = take_pixels(x, rows.astype("int32"), columns.astype("int32"))
    np.testing.assert_array_equal(taken, x[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]])


def within_five_sigma(count, n, p):
    return abs(count - n * p) <= 5 * np.sqrt(n * p * (1 - p))


@pytest.mark.parametrize(
    ("written", "changed"),
    [
        ("flip(0.2)", lambda x: x[:, :, ::-1]),
        ("flip(0.5)", lambda x: x[:, :, ::-1]),
        ("invert(0.2)", lambda x: 255 - x),
        ("solarize(100, 0.2)", lambda x: np.where(x >= 100, 255 - x, x)),
    ],
)
def test_an_image_is_changed_with_the_probability_or_left_alone(written, changed):
    (step,) = parse(written)
    x = images_of(5000, 4)
    y = np.asarray(TRANSFORMS[step.name].build(*step.arguments, seed=1)(x, training=True))
    done, left = (y == changed(x)).all((1, 2, 3)), (y == x).all((1, 2, 3))
    assert (done ^ left).all()
    assert within_five_sigma(done.sum(), 5000, step.arguments[-1])


def test_each_place_of_a_crop_is_as_likely_and_each_image_has_its_own():
    x = np.tile(images_of(1, 4), (4500, 1, 1, 1))
    y = np.asarray(PadCrop(1, seed=2)(x, training=True))
    padded = np.pad(x[0], ((1, 1), (1, 1), (0, 0)))
    for top in range(3):
        for left in range(3):
            here = (y == padded[top : top + 4, left : left + 4]).all((1, 2, 3)).sum()
            assert within_five_sigma(here, 4500, 1 / 9)


@pytest.mark.parametrize("size", [2, 5])
def test_reflected_places_are_numpys(size):
    place = np.arange(-(size - 1), 2 * size - 1)
    wanted = np.pad(np.arange(size), size - 1, mode="reflect")
    np.testing.assert_array_equal(_mirrored(ops.convert_to_tensor(place), size), wanted)


@pytest.mark.parametrize(("written", "low", "high"), [("rotate(10)", -10, 10), ("rotate(0, 180)", 0, 180)])
def test_angles_fill_their_range(written, low, high):
    (step,) = parse(written)
    side, n = 48, 300
    ramp = np.broadcast_to(np.arange(side, dtype="float32")[None, None, :, None] * 5, (n, side, side, 1))
    y = np.asarray(TRANSFORMS["rotate"].build(*step.arguments, seed=3)(ramp, training=True))[..., 0]
    # Within the disc that no corner enters, a rotated ramp is a plane; its slope points along the angle.
    i, j = np.mgrid[:side, :side] - (side - 1) / 2
    disc = np.hypot(i, j) < side / 2 - 2
    plane = np.stack([i[disc], j[disc], np.ones(disc.sum())], 1)
    slope_down, slope_right, _ = np.linalg.lstsq(plane, y[:, disc].T, rcond=None)[0]
    angle = np.degrees(np.arctan2(-slope_down, slope_right))
    assert angle.min() > low - 1
    assert angle.max() < high + 1
    # 300 uniform draws leave a tenth of the range empty at an end with a chance of 0.9^300 = 2e-14.
    assert angle.min() < low + (high - low) / 10
    assert angle.max() > high - (high - low) / 10
    assert abs(np.median(angle) - (low + high) / 2) < (high - low) / 8


def test_resized_crop_agrees_with_pillow():
    layer, x = ResizedCrop(0.08, 1.0, seed=5), images_of(60, 16)
    boxes = layer.boxes(60, 16, 16)
    layer.boxes = lambda *_: boxes
    y = np.asarray(layer(x, training=True)).astype(int)
    (top, tall), (left, wide) = np.asarray(boxes[0])[..., 0], np.asarray(boxes[1])[..., 0]
    for k in range(60):
        area = left[k], top[k], left[k] + wide[k], top[k] + tall[k]
        wanted = Image.fromarray(x[k]).crop(tuple(map(int, area))).resize((16, 16), Image.Resampling.BILINEAR)
        assert np.abs(y[k] - np.asarray(wanted)).max() <= 1  # Pillow rounds after each axis


def test_rectangles_of_a_resized_crop_lie_in_the_image_and_in_the_ranges():
    (top, tall), (left, wide) = (np.asarray(b)[..., 0] for b in ResizedCrop(0.25, 0.5, seed=6).boxes(4000, 40, 40))
    assert top.min() == 0 == left.min()
    assert (top + tall).max() == 40 == (left + wide).max()
    # Sides are rounded to whole pixels, by half a pixel of 17 (40 x 0.43) at least: 3 % a side, 6 % an area.
    share, aspect = tall * wide / 1600, wide / tall
    assert share.min() >= 0.25 * 0.94
    assert share.max() <= 0.5 * 1.06
    assert aspect.min() >= 0.75 * 0.94
    assert aspect.max() <= 4 / 3 * 1.06
    assert abs(share.mean() - 0.375) < 0.005  # sigma of the mean: 0.25 / sqrt(12 x 4000) = 0.0011
    assert abs(np.log(aspect).mean()) < 0.015  # sigma of the mean: 0.575 / sqrt(12 x 4000) = 0.0026


def test_a_rectangle_that_never_fits_gives_the_whole_image():
    # All of 8 x 32 pixels at a width over height of at most 4/3 would be at least 13.9 pixels high.
    (top, tall), (left, wide) = ResizedCrop(1.0, 1.0, seed=0).boxes(50, 8, 32)
    assert np.unique(np.concatenate([top, tall, left, wide], 1), axis=0).tolist() == [[0, 8, 0, 32]]


def test_cutout_greys_one_square():
    y = np.asarray(Cutout(4, seed=1)(np.zeros((500, 12, 12, 3), np.uint8), training=True))
    grey = (y == 128).all(-1)
    assert set(np.unique(y)) == {0, 128}
    rows, columns = grey.any(2).sum(1), grey.any(1).sum(1)
    np.testing.assert_array_equal(grey.sum((1, 2)), rows * columns)
    assert rows.max() == 4 == columns.max()
    assert rows.min() == 2 == columns.min()  # around pixel 0: from -2 to 1


def flipped_side(epoch, index, seed=3):
    """Whether AlternatingFlip mirrors each image of `index` on `epoch`."""
    x = np.tile(np.array([[[[0], [1]]]], np.uint8), (len(index), 1, 1, 1))
    data = {"images": x, "index": np.asarray(index), "epoch": np.int64(epoch)}
    return np.asarray(AlternatingFlip(seed=seed)(data, training=True)["images"])[:, 0, 0, 0] == 1


def test_alternating_flip_takes_turns():
    index = np.arange(4000)
    first = flipped_side(0, index)
    np.testing.assert_array_equal(flipped_side(1, index), ~first)
    np.testing.assert_array_equal(flipped_side(2, index), first)
    np.testing.assert_array_equal(flipped_side(7, index), ~first)
    np.testing.assert_array_equal(flipped_side(0, index[::-1]), first[::-1])  # the image decides, not its place
    assert within_five_sigma(first.sum(), 4000, 0.5)
    assert within_five_sigma((first ^ flipped_side(0, index, seed=4)).sum(), 4000, 0.5)
    # Neighbours are independent: as many pairs alike as unlike.
    assert within_five_sigma((first[1:] ^ first[:-1]).sum(), 3999, 0.5)


def test_alternating_flip_asks_for_index_and_epoch():
    with pytest.raises(InputError, match="index and epoch"):
        AlternatingFlip()(images_of(), training=True)


def test_a_single_image_is_refused():
    with pytest.raises(InputError, match="batch, height, width, channels"):
        Flip()(images_of()[0], training=True)
