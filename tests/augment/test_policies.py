import subprocess
import sys

import numpy as np
import pytest

from kerascifar.augment.policies import POLICIES, Step, check_augment, make_augment, parse
from kerascifar.augment.transforms import TRANSFORMS
from kerascifar.core.contracts import Split
from kerascifar.core.errors import InputError


def test_a_list_is_read_part_by_part_and_defaults_are_filled_in():
    text = "flip(0.5) crop(4, reflect) rotate(10) solarize(100, 0.2) resized_crop(0.08) cutout(8) mixup(0.2) flip"
    assert parse(text) == (
        Step("flip", (0.5,)),
        Step("crop", (4, "reflect")),
        Step("rotate", (10.0, None)),
        Step("solarize", (100.0, 0.2)),
        Step("resized_crop", (0.08, 1.0)),
        Step("cutout", (8,)),
        Step("mixup", (0.2, 1.0)),
        Step("flip", (0.5,)),
    )


def test_a_policy_may_stand_in_a_list():
    assert parse(" flip_crop  mixup( 0.2 )") == (*parse("flip_crop"), Step("mixup", (0.2, 1.0)))
    assert parse("none") == ()


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_reads_as_its_parts_and_has_a_source(name):
    assert parse(name) == (parse(POLICIES[name].transforms) if name != "none" else ())
    assert name == "none" or parse(" ".join(map(str, parse(name)))) == parse(name)
    assert POLICIES[name].source
    assert name not in TRANSFORMS  # or the list would be ambiguous


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("flpcrop", "unknown policy 'flpcrop' (did you mean flip_crop?)"),
        ("flip_crop solarise(3)", "unknown transform 'solarise' (did you mean solarize?)"),
        ("flip(1.5)", "probability of flip must be from 0 to 1, got 1.5"),
        ("invert(-0.1)", "probability of invert must be from 0 to 1, got -0.1"),
        ("mixup(0.2, 2)", "probability of mixup must be from 0 to 1, got 2"),
        ("flip(nan)", "probability of flip must be from 0 to 1, got nan"),
        ("flip(often)", "must be a number from 0 to 1, got 'often'"),
        ("crop(4.5)", "pad of crop must be a whole number greater than 0, got '4.5'"),
        ("crop(-1)", "pad of crop must be greater than 0, got -1"),
        ("crop(4, mirror)", "edges of crop must be one of zeros, reflect, got mirror"),
        ("crop", "crop is written crop(pad[, edges]), got 0 arguments"),
        ("flip(0.5, 0.5)", "flip is written flip([probability]), got 2 arguments"),
        ("mixup_or_cutmix(1)", "written mixup_or_cutmix(mixup_alpha, cutmix_alpha[, probability]), got 1 arguments"),
        ("mixup(0)", "alpha of mixup must be from 0.05 to 1000, got 0"),
        ("solarize(300)", "threshold of solarize must be from 0 to 255"),
        ("rotate(20, 10)", "degrees of rotate must not exceed to, got 20 and 10"),
        ("resized_crop(0.5, 0.1)", "low of resized_crop must not exceed high, got 0.5 and 0.1"),
        ("flip_crop(4)", "flip_crop is a policy and takes no arguments"),
        ("flip(0.5) crop(4", "cannot read 'crop(4'"),
        ("flip(0.5)crop(4)", "cannot read"),
        ("flip(0.5), crop(4)", "cannot read"),
        ("crop(4))", "cannot read"),
        ("", "cannot read ''"),
        ("  ", "cannot read"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(text, told):
    with pytest.raises(InputError) as caught:
        check_augment(text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_crop_or_square_must_be_less_than_the_image():
    assert check_augment("crop(7, reflect) cutout(7)", (8, 9, 3))
    with pytest.raises(InputError, match=r"crop\(8, zeros\): pad must be less .* got 8 for images of 8x9 pixels"):
        make_augment("crop(8)", 0, (8, 9, 3))
    with pytest.raises(InputError, match=r"cutout\(9\): size must be less .* got 9 for images of 8x9 pixels"):
        check_augment("flip cutout(9)", (8, 9, 3))


def test_checking_needs_neither_tensorflow_nor_keras():
    code = (
        "import sys; from kerascifar.augment.policies import check_augment; check_augment('both'); "
        "sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_none_maps_nothing():
    assert make_augment("none", 0, (32, 32, 3)) is None


CLASSES, BATCH, EPOCHS = 5, 8, 2


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 18, 18, 3), dtype=np.uint8)
    return Split(images, rng.integers(0, CLASSES, 20))


def _batches(split, text, first_step=0, seed=1):
    from kerascifar.data.batches import training_batches

    augment = make_augment(text, seed, split.images.shape[1:])
    made = training_batches(split, CLASSES, BATCH, seed, EPOCHS, first_step, augment)
    return [(x.numpy(), y.numpy()) for x, y in made]


def _same(a, b):
    return len(a) == len(b) and all(
        np.array_equal(p, q) for one, two in zip(a, b, strict=True) for p, q in zip(one, two, strict=True)
    )


@pytest.mark.parametrize("name", POLICIES)
def test_each_policy_is_a_function_of_seed_epoch_and_batch(name, split, monkeypatch):
    import tensorflow as tf

    whole = _batches(split, name)
    assert [len(x) for x, _ in whole] == [8, 8, 4] * EPOCHS
    for x, y in whole:
        assert (x.dtype, y.dtype, x.shape[1:]) == (np.uint8, np.float32, split.images.shape[1:])
        np.testing.assert_allclose(y.sum(1), 1, atol=1e-6)
    # Resumed within the second epoch, and mapped one batch after the other; each with layers and a graph of its own.
    monkeypatch.setattr(tf.data, "AUTOTUNE", 1)
    assert _same(_batches(split, name, first_step=4), whole[4:])
    assert _same(_batches(split, name), whole)


def test_epochs_batches_and_seeds_draw_anew():
    same = Split(np.tile(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1), (16, 1, 1, 3)), np.zeros(16, int))
    first, second, third, fourth = (x for x, _ in _batches(same, "flip crop(4)"))
    assert not any(np.array_equal(a, b) for a, b in [(first, second), (first, third), (second, fourth)])
    assert not np.array_equal(_batches(same, "flip crop(4)", seed=2)[0][0], first)


def test_two_parts_of_a_kind_draw_apart(split):
    # Did both flips see the same coin, the image would always come back as it was.
    plain, twice = _batches(split, "none"), _batches(split, "flip(0.5) flip(0.5)")
    assert not _same(plain, twice)


def test_four_threads_see_what_one_sees(split):
    import tensorflow as tf

    def mapped(threads):
        augment = make_augment("both", 3, split.images.shape[1:])
        x, y, index = tf.constant(split.images), tf.one_hot(split.labels, CLASSES), tf.range(20, dtype=tf.int64)
        steps = tf.data.Dataset.range(40)
        made = steps.map(
            lambda step: augment(x, y, index=index, epoch=step // 4, batch=step % 4), num_parallel_calls=threads
        )
        return [(a.numpy(), b.numpy()) for a, b in made]

    assert _same(mapped(None), mapped(4))


def test_the_image_gets_its_other_side_on_the_odd_epoch(split):
    """Over two epochs of the pipeline, whatever the order: each image is seen once plain and once mirrored."""
    distinct = Split(split.images, np.arange(20) % CLASSES)
    seen = np.concatenate([x for x, _ in _batches(distinct, "alternating_flip")])
    for image in split.images:
        assert (seen == image).all((1, 2, 3)).sum() == 1
        assert (seen == image[:, ::-1]).all((1, 2, 3)).sum() == 1
