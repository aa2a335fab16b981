"""Small images in the first epochs, and the whitening's bias that learns in the first epochs only."""

import numpy as np
import pytest
from test_building import SMALL
from test_fit import stopped_after, trained

from kerascifar.configure import configure
from kerascifar.core.contracts import Split
from kerascifar.core.errors import InputError
from kerascifar.core.progress import epoch_line
from kerascifar.run import run
from kerascifar.training.early_epochs import Stretch, epoch_work, shrunk, stretch_at


def test_stretches_by_hand():
    config = configure(**{**SMALL, "epochs": 6}, sides=(16, 24, 24), whiten_epochs=2)
    stretches = [stretch_at(config, epoch, 32) for epoch in range(6)]
    last = Stretch(6, 32, False)
    assert stretches == [Stretch(1, 16, True), Stretch(2, 24, True), Stretch(3, 24, False), last, last, last]
    assert stretch_at(configure(), 4, 32) == Stretch(10, 32, True)


def test_small_epochs_count_by_their_pixels_in_what_is_left():
    config = configure(**{**SMALL, "epochs": 4}, sides=(16, 24))
    assert epoch_work(config, 32) == [0.25, 0.5625, 1.0, 1.0]
    line = epoch_line({"epoch": 1, "seconds": 1.0}, 4, [1.0], epoch_work(config, 32))
    assert line == "epoch 1/4: 1.0 s, about 10 s left"  # 0.5625 + 2 of four times the first's work


@pytest.mark.parametrize("channels", [1, 3])
def test_images_shrink_without_aliasing(channels):
    # Stripes one pixel wide average to grey; every other column alone would be black or white.
    stripes = np.zeros((2, 32, 32, channels), "uint8")
    stripes[:, :, ::2] = 255
    small = shrunk(Split(stripes, np.array([3, 4])), 16)
    assert (small.images.shape, small.images.dtype, small.labels.tolist()) == ((2, 16, 16, channels), "uint8", [3, 4])
    assert np.all(np.abs(small.images[:, :, 2:-2].astype(int) - 127) < 20)


@pytest.mark.release  # tests/training/test_fit.py kills runs in one stretch
def test_a_run_in_stretches_that_died_twice_ends_bit_for_bit_as_one_that_did_not(tmp_path, monkeypatch):
    options = {**SMALL, "sides": (16,), "whiten_epochs": 2, "checkpoint_steps": 1}
    weights, history = trained(tmp_path / "undisturbed", **options)
    stopped_after(monkeypatch, 2, tmp_path / "disturbed", **options)  # in the epoch of small images
    stopped_after(monkeypatch, 7, tmp_path / "disturbed", **options)  # 2 of the first epoch, 4 of the second, 1 more
    again, resumed = trained(tmp_path / "disturbed", **options)
    assert resumed == history
    for a, b in zip(weights, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert ["val_accuracy" in row for row in history] == [False, True, True]  # small images are not validated
    other, _ = trained(tmp_path / "other", **{**options, "sides": ()})
    assert any((a != b).any() for a, b in zip(weights, other, strict=True))


@pytest.mark.release
def test_the_whitening_bias_stays_after_its_epochs(tmp_path):
    def whitening_bias(**options):
        weights, _ = trained(tmp_path / str(options), **{**SMALL, **options})
        (bias,) = [w for w in weights if w.shape == (24,)]
        return bias

    # With a constant learning rate, two epochs are what the first two of three are.
    two = whitening_bias(epochs=2, schedule="constant")
    np.testing.assert_array_equal(whitening_bias(epochs=3, schedule="constant", whiten_epochs=2), two)
    assert (whitening_bias(epochs=3, schedule="constant") != two).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sides": (24, 24, 24)}, "the last epoch is for images of full size: give fewer than 3 numbers, got 3"),
        ({"sides": (24,), "patience": 1}, "--sides does not go with --patience"),
        ({"sides": (24,), "select": "validation"}, "--select can only be last"),
        ({"whiten_epochs": 1, "ema": 0.9}, "--whiten-epochs does not go with --ema"),
        ({"whiten_epochs": 0}, "--whiten-epochs: must be greater than 0"),
    ],
)
def test_what_does_not_go_together_is_named(options, message):
    with pytest.raises(InputError, match=message):
        configure(**SMALL, **options)


@pytest.mark.parametrize(
    ("sides", "message"), [((32,), "below the images' own side 32, got 32"), ((8,), "at least 9x9 pixels, got 8x8")]
)
def test_sides_that_are_too_large_or_too_small(sides, message, tmp_path):
    with pytest.raises(InputError, match=message):
        run(configure(**SMALL, sides=sides, runs=str(tmp_path)))
