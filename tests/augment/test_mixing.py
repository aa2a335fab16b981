import numpy as np
import pytest
from scipy import stats

from kerascifar.augment.mixing import Mix
from kerascifar.core.errors import InputError


def mixed(n=64, height=16, width=16, dtype="uint8", **how):
    """Mix n images of one value each, its own, and one class each; returns values (n, H, W) and labels (n, n)."""
    x = np.broadcast_to(np.arange(n).reshape(n, 1, 1, 1), (n, height, width, 1)).astype(dtype)
    out = Mix(**{"seed": 1, **how})({"images": x, "labels": np.eye(n, dtype="float32")}, training=True)
    return np.asarray(out["images"])[..., 0], np.asarray(out["labels"])


def counts(values, n):
    return np.stack([np.bincount(v.ravel().astype(int), minlength=n) for v in values])


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_cutmix_labels_are_the_counted_pixels(alpha, dtype):
    values, labels = mixed(cutmix=alpha, dtype=dtype)
    # 256 pixels: each share k / 256 is exact in float32.
    np.testing.assert_array_equal(labels, counts(values, 64) / 256)


def test_cutmix_labels_are_the_counted_pixels_of_any_shape():
    values, labels = mixed(height=11, width=7, cutmix=1.0)
    np.testing.assert_allclose(labels, counts(values, 64) / 77, atol=1e-7)


def test_cutmix_puts_in_one_rectangle_drawn_for_each_image():
    values, labels = mixed(n=200, cutmix=1.0)
    other = values != np.arange(200)[:, None, None]
    rows, columns = other.any(2).sum(1), other.any(1).sum(1)
    np.testing.assert_array_equal(other.sum((1, 2)), rows * columns)
    assert len(np.unique(labels.max(1))) > 30
    # Squares, but for those that the border cuts off. Of side r x 16, r of density 2r, one lies inside with probability
    # (1 - r)^2, so the integral of 2r (1 - r)^2, a sixth, do; 5 sigma of 200 are 0.13.
    assert 1 / 6 - 0.13 < (rows == columns).mean() < 0.95


def test_golden_cutmix():
    layer = Mix(cutmix=1.0)
    # 1 - lambda = 0.25: a square of floor(4 x 0.5) = 2 pixels around pixel 3 goes from 2 to 3. It takes
    # 4 of 16 pixels, a quarter of the label. Partners are swapped below.
    layer._remainder = lambda n, alpha: np.full((n, 1), 0.25, "float32")
    layer.whole = lambda shape, below: np.full(shape, 3, "int32")
    x = np.stack([np.zeros((4, 4, 1), np.uint8), np.full((4, 4, 1), 8, np.uint8)])
    for seed in range(20):
        layer.generator = seed
        out = layer({"images": x, "labels": np.eye(2, dtype="float32")}, training=True)
        if np.asarray(out["images"]).any(axis=(1, 2, 3))[0]:  # else the permutation left both in place
            break
    assert np.asarray(out["images"])[0, :, :, 0].tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 8, 8], [0, 0, 8, 8]]
    assert np.asarray(out["labels"]).tolist() == [[0.75, 0.25], [0.25, 0.75]]


def test_mixup_blends_pixels_as_it_blends_labels():
    values, labels = mixed(mixup=1.0, dtype="float32")
    assert np.ptp(values, axis=(1, 2)).max() == 0
    np.testing.assert_allclose(values[:, 0, 0], labels @ np.arange(64), rtol=1e-5)
    np.testing.assert_allclose(labels.sum(1), 1, atol=1e-6)
    assert ((labels > 0).sum(1) <= 2).all()
    whole, same = mixed(mixup=1.0)
    np.testing.assert_array_equal(whole, np.round(values))  # uint8 is rounded, not cut
    np.testing.assert_array_equal(same, labels)


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_lambda_is_beta_distributed(alpha):
    n = 2000
    _, labels = mixed(n=n, height=1, width=1, mixup=alpha, dtype="float32")
    own = np.diag(labels)[labels.max(1) < 1]
    if alpha == 1.0:  # at 0.2 float32 rounds a part of them to 0 and 1, which were left out above
        assert stats.kstest(own, stats.beta(alpha, alpha).cdf).pvalue > 1e-3
    assert abs(np.diag(labels).mean() - 0.5) < 5 * np.sqrt(stats.beta(alpha, alpha).var() / n)


@pytest.mark.parametrize("alpha", [0.05, 1000.0])
def test_extreme_alphas_stay_finite(alpha):
    for how in ({"mixup": alpha}, {"cutmix": alpha}):
        values, labels = mixed(n=3000, height=2, width=2, dtype="float32", **how)
        assert np.isfinite(values).all()
        np.testing.assert_allclose(labels.sum(1), 1, atol=1e-6)


def test_one_or_the_other_is_drawn_for_each_image():
    # Alpha 50 keeps lambda near 1/2, so that a CutMix has pixels of two values and a MixUp one new value.
    n = 1000
    values, labels = mixed(n=n, mixup=50.0, cutmix=50.0, dtype="float32")
    own = np.arange(n)[:, None, None]
    cut = np.ptp(values, axis=(1, 2)) > 0
    blended = ~cut & (values != own).all((1, 2))
    assert abs(cut.sum() - n / 2) < 5 * np.sqrt(n / 4)
    assert abs(blended.sum() - n / 2) < 5 * np.sqrt(n / 4)
    assert cut.sum() + blended.sum() >= n - 10  # the rest met itself
    np.testing.assert_array_equal(labels[cut], counts(values[cut], n) / 256)
    np.testing.assert_allclose(values[blended, 0, 0], (labels @ np.arange(n))[blended], rtol=1e-4)


def test_the_probability_leaves_the_others_alone():
    values, labels = mixed(n=1000, mixup=50.0, probability=0.3, dtype="float32")
    left = (values == np.arange(1000)[:, None, None]).all((1, 2))
    assert abs((~left).sum() - 300) < 5 * np.sqrt(1000 * 0.3 * 0.7)
    np.testing.assert_array_equal(labels[left], np.eye(1000)[left])


@pytest.mark.parametrize("labels", [np.arange(4), np.arange(4.0), np.eye(4, dtype=int)])
def test_labels_that_cannot_be_mixed_are_refused(labels):
    with pytest.raises(InputError, match="float one-hot"):
        Mix(mixup=1.0)({"images": np.zeros((4, 2, 2, 3)), "labels": labels}, training=True)


def test_images_alone_cannot_be_mixed():
    with pytest.raises(InputError, match="labels too"):
        Mix(cutmix=1.0)(np.zeros((4, 2, 2, 3)), training=True)
    with pytest.raises(InputError, match="mixup=ALPHA"):
        Mix()
