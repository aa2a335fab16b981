import numpy as np
import pytest

from kerascifar.core.errors import InputError
from kerascifar.data.normalization import NORMALIZATIONS, statistics

IMAGES = np.random.default_rng(0).integers(3, 250, (20, 8, 8, 3), dtype=np.uint8)


def test_channel_and_zscore_equal_numpy():
    mean, std = statistics("channel", IMAGES)
    np.testing.assert_allclose(mean, IMAGES.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, IMAGES.std((0, 1, 2)), rtol=1e-12)
    mean, std = statistics("zscore", IMAGES)
    np.testing.assert_allclose([mean, std], [IMAGES.mean(), IMAGES.std()], rtol=1e-12)


def test_minmax_maps_to_0_and_1():
    mean, std = statistics("minmax", IMAGES)
    scaled = (IMAGES - mean) / std
    assert scaled.min() == 0
    assert scaled.max() == 1


def test_study003_has_the_statistics_that_its_text_prints():
    mean, std = statistics("study003", IMAGES)
    np.testing.assert_allclose(mean / 255, (0.4914, 0.4822, 0.4465), rtol=1e-12)
    np.testing.assert_allclose(std / 255, (0.2023, 0.1994, 0.2010), rtol=1e-12)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_constant_images_never_divide_by_zero(name):
    mean, std = statistics(name, np.full((2, 4, 4, 3), 7, np.uint8))
    assert np.all(np.isfinite((7 - mean) / std))


def test_unknown_name():
    with pytest.raises(InputError, match=r"did you mean zscore\?"):
        statistics("z-score", IMAGES)
