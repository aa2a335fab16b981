"""Test images that a net has learned from are not scored."""

import hashlib
import time

import numpy as np
import pytest
from PIL import Image

from kerascifar.configure import configure
from kerascifar.core.contracts import Dataset, Split
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import PUBLISHED_OVERLAP, load
from kerascifar.run import run


def split(images):
    return Split(images, np.arange(len(images)) % 2)


def noise(count, seed, side=8):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)


def test_equal_pixels_are_counted_in_train_and_validation():
    learned, held_out, other = noise(20, 0), noise(5, 1), noise(6, 2)
    test = np.concatenate([other, learned[3:5], held_out[:1], learned[3:4]])
    data = Dataset("x", ("a", "b"), split(learned), split(held_out), split(test))
    assert data.overlap() == 4  # three images, one of them twice in the test split
    near = learned[:2].copy()
    near[:, 0, 0, 0] ^= 1  # one bit of an image
    assert Dataset("x", ("a", "b"), split(learned), None, split(near)).overlap() == 0
    assert Dataset("x", ("a", "b"), split(learned), None, None).overlap() == 0


def test_a_checksum_is_sha256_of_shape_and_pixels():
    image = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    assert split(image).image_checksums() == [hashlib.sha256(b"(2, 2, 3)" + bytes(range(12))).digest()]
    turned = image.transpose(0, 2, 1, 3)  # not contiguous
    assert split(turned).image_checksums() == split(turned.copy()).image_checksums() != split(image).image_checksums()


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A folder of class folders, two of whose eight test pictures are training pictures under another name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for place, name in enumerate(("cat", "dog")):
        images = noise(24, seed=place, side=32)
        images[20] = images[3]
        for part_name, chosen in (("train", range(20)), ("test", range(20, 24))):
            folder = tmp_path / "data" / part_name / name
            folder.mkdir(parents=True)
            for i in chosen:
                Image.fromarray(images[i]).save(folder / f"{i}.png")
    return {"dataset": "folder", "data_dir": str(tmp_path / "data"), "runs": str(tmp_path / "runs")}


@pytest.mark.parametrize("given", [{"arch": "knn"}, {"arch": "knn", "validation": 0.5}, {"arch": "origin_net"}])
def test_a_run_is_refused_before_it_begins(given, pictures, tmp_path):
    with pytest.raises(InputError) as refused:
        run(configure(**pictures, **given))
    assert str(refused.value) == (
        "2 of the 8 test images are among the training or validation images, pixel for pixel, so a score on them would "
        "be too high; --allow-overlap scores all the same"
    )
    assert not (tmp_path / "runs").exists()


def test_who_allows_it_finds_the_number_in_the_result(pictures):
    asked = {**pictures, "arch": "knn"}
    result = run(configure(**asked, allow_overlap=True))
    assert result.dataset["notes"]["overlap"] == 2
    assert result.run_id == configure(**asked).run_id  # the numbers are those of the same run


def test_what_the_published_set_has_itself_is_noted_and_passes(pictures, monkeypatch):
    monkeypatch.setitem(PUBLISHED_OVERLAP, "folder", 2)
    assert run(configure(**pictures, arch="knn")).dataset["notes"]["overlap"] == 2


def test_a_search_never_sees_the_test_images_so_nothing_overlaps(pictures):
    result = run(configure(**pictures, arch="knn", validation=0.2), validation_only=True)
    assert "overlap" not in result.dataset["notes"]


@pytest.mark.parametrize("dataset", ["digits", "synthetic"])
def test_what_needs_no_files_passes(dataset):
    assert load(configure(arch="knn", dataset=dataset)).overlap() == 0


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
def test_real_cifar_has_what_was_published_and_the_check_is_cheap(dataset, real_data):
    data = load(configure(arch="knn", dataset=dataset, data_dir=str(real_data)))
    started = time.process_time()
    assert data.overlap() == PUBLISHED_OVERLAP.get(dataset, 0)
    assert time.process_time() - started < 1
