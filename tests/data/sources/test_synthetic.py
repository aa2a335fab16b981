import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.data.sources import synthetic


@pytest.fixture(scope="module")
def drawn():
    return synthetic.read(RunConfig(dataset="synthetic"))


def test_shapes_and_balance(drawn):
    assert drawn.train.images.shape == (2000, 32, 32, 3)
    assert drawn.test.images.shape == (500, 32, 32, 3)
    assert drawn.train.images.dtype == np.uint8
    assert np.bincount(drawn.train.labels).tolist() == [200] * 10
    assert np.bincount(drawn.test.labels).tolist() == [50] * 10
    assert len(drawn.classes) == 10
    assert (np.bincount(drawn.train.labels[:100], minlength=10) > 2).all()  # shuffled: the first are a mix


@pytest.mark.parametrize("count", [40, 1001, 2500])
def test_any_number(count):
    dataset = synthetic.read(RunConfig(dataset=f"synthetic:{count}"), str(count))
    assert (len(dataset.train), len(dataset.test)) == (count, count // 4)
    counts = np.bincount(dataset.train.labels, minlength=10)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("argument", ["0", "39", "-5", "many", "1e3", "10000000000", "٤٠"])
def test_other_numbers_are_refused(argument):
    with pytest.raises(InputError, match="synthetic:N needs a whole number of at least 40"):
        synthetic.check(argument)


def test_the_same_for_every_seed_of_a_run(drawn):
    again = synthetic.read(RunConfig(dataset="synthetic", seed=5))
    assert again.train.checksum == drawn.train.checksum


def test_learnable_but_not_by_everyone(drawn):
    flat = [part.images.reshape(len(part), -1) for part in (drawn.train, drawn.test)]
    pixels = NearestCentroid().fit(flat[0], drawn.train.labels).score(flat[1], drawn.test.labels)
    assert 0.15 < pixels < 0.6  # the tint alone; chance is 0.1
    # What a convolution can find, the direction of the waves, is in the spectrum whatever the phase.
    spectra = [
        np.abs(np.fft.fft2(part.images.mean(-1) - 127.5)).reshape(len(part), -1) for part in (drawn.train, drawn.test)
    ]
    assert NearestCentroid().fit(spectra[0], drawn.train.labels).score(spectra[1], drawn.test.labels) > 0.9


def test_no_test_image_is_a_training_image(drawn):
    flat = [part.images.reshape(len(part), -1).astype(np.float32) for part in (drawn.train, drawn.test)]
    distances, _ = KNeighborsClassifier(1).fit(flat[0], drawn.train.labels).kneighbors(flat[1])
    assert distances.min() > 500  # noise of 25 in both: about 25 * sqrt(2 * 3072) = 1,960 for the same grating
