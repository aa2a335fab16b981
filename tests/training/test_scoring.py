import numpy as np
import pytest

from kerascifar.configure import configure
from kerascifar.core import progress
from kerascifar.core.errors import InputError
from kerascifar.training.scoring import score, tta_variants

# 1 2 3
# 4 5 6
# 7 8 9
IMAGE = np.arange(1, 10, dtype="uint8").reshape(1, 3, 3, 1)


def variants(tta):
    return [(weight, images[0, :, :, 0].tolist()) for weight, images in tta_variants(IMAGE, tta)]


def test_no_augmentation_is_the_image_itself():
    assert variants("none") == [(1.0, IMAGE[0, :, :, 0].tolist())]


def test_mirror():
    assert variants("mirror") == [(0.5, [[1, 2, 3], [4, 5, 6], [7, 8, 9]]), (0.5, [[3, 2, 1], [6, 5, 4], [9, 8, 7]])]


def test_mirror_translate_by_hand():
    # Reflected, a row 1 2 3 becomes 2 1 2 3 2; moved down and right, the first row is the second one's reflection.
    assert variants("mirror_translate") == [
        (0.25, [[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
        (0.25, [[3, 2, 1], [6, 5, 4], [9, 8, 7]]),
        (0.125, [[5, 4, 5], [2, 1, 2], [5, 4, 5]]),
        (0.125, [[5, 4, 5], [2, 1, 2], [5, 4, 5]]),
        (0.125, [[5, 6, 5], [8, 9, 8], [5, 6, 5]]),
        (0.125, [[5, 6, 5], [8, 9, 8], [5, 6, 5]]),
    ]


class FirstPixel:
    """A model whose logits are (first pixel, 0)."""

    def predict(self, images, batch_size, verbose, callbacks):
        first = images[:, 0, 0, 0].astype("float32")
        return np.stack([first, np.zeros_like(first)], 1)


@pytest.mark.parametrize(
    ("tta", "logit"),
    # first pixels of the variants above: (1 + 3) / 2, and (1 + 3) / 4 + 4 x 5 / 8
    [("none", 1.0), ("mirror", 2.0), ("mirror_translate", 3.5)],
)
def test_logits_are_averaged_before_the_softmax(tta, logit):
    expected = 1 / (1 + np.exp(-logit))
    np.testing.assert_allclose(score(FirstPixel(), IMAGE, 8, tta=tta), [[expected, 1 - expected]], rtol=1e-6)


@pytest.mark.parametrize("steps", [1, 2])  # batches that one step of predict takes
def test_long_scoring_tells_how_far_it_is(steps, monkeypatch, capsys):
    import keras

    monkeypatch.setattr(progress, "SECONDS", 0.0)
    net = keras.Sequential([keras.Input((3, 3, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    net.compile(steps_per_execution=steps)
    images = np.repeat(IMAGE, 8, axis=0)
    expected = score(net, images, 2, "mirror")
    assert capsys.readouterr().err == ""
    np.testing.assert_array_equal(score(net, images, 2, "mirror", "scoring test images"), expected)
    told = [int(line.split(" of 8 steps")[0].rpartition(" ")[2]) for line in capsys.readouterr().err.splitlines()]
    assert told == list(range(steps, 8, steps))


def test_a_wrong_name_and_a_net_without_it_are_refused():
    with pytest.raises(InputError, match="--tta: must be one of none, mirror, mirror_translate, got 'flip'"):
        configure(tta="flip")
    with pytest.raises(InputError, match="--tta does not apply to scratch_cnn"):
        configure(arch="scratch_cnn", tta="mirror")
