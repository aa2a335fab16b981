import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split
from kerascifar.core.errors import InputError
from kerascifar.data import datasets
from kerascifar.data.datasets import DATASETS, check_name, check_place, load


def numbered(count: int, first: int, classes: int = 4) -> Split:
    """Images that carry their number, so that one can see where each went."""
    number = np.arange(first, first + count)
    images = np.zeros((count, 2, 2, 3), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = number % 256, number // 256
    return Split(images, number % classes)


def numbers(split: Split) -> list[int]:
    return (split.images[:, 0, 0, :2].astype(int) @ [1, 256]).tolist()


@pytest.fixture
def row(monkeypatch):
    """Put a data set of 1,000 + 200 numbered images into the table; returns a function that changes it."""

    def put(**changed):
        splits = {"train": numbered(1000, 0), "validation": None, "test": numbered(200, 1000)} | changed
        dataset = Dataset("numbered", tuple("abcd"), **splits)
        monkeypatch.setitem(DATASETS, "numbered", datasets.Source(lambda config, _: dataset, "x", "x"))

    put()
    return put


@pytest.mark.parametrize(("share", "held"), [(0.1, 100), (0.25, 250), (0, None)])
def test_the_validation_part_comes_out_of_the_training_images(row, share, held):
    dataset = load(RunConfig(dataset="numbered", validation=share))
    assert numbers(dataset.test) == list(range(1000, 1200))
    validation = numbers(dataset.validation) if held else []
    assert len(validation) == (held or 0)
    assert sorted(numbers(dataset.train) + validation) == list(range(1000))
    assert numbers(dataset.train) == sorted(numbers(dataset.train))  # in their original order
    assert validation == sorted(validation)
    if held:
        assert np.bincount(dataset.validation.labels).tolist() == pytest.approx([held / 4] * 4, abs=1)
    for split in dataset.splits.values():
        np.testing.assert_array_equal(split.labels, np.array(numbers(split)) % 4)


def test_the_seed_decides_the_split(row):
    one, same, other = (load(RunConfig(dataset="numbered", seed=seed)) for seed in (3, 3, 4))
    assert one.validation.checksum == same.validation.checksum
    assert one.train.checksum == same.train.checksum
    assert one.validation.checksum != other.validation.checksum
    assert one.test.checksum == other.test.checksum


def test_limits_take_the_first_images_before_the_split(row):
    dataset = load(RunConfig(dataset="numbered", train_limit=100, test_limit=7))
    assert sorted(numbers(dataset.train) + numbers(dataset.validation)) == list(range(100))
    assert len(dataset.validation) == 10
    assert numbers(dataset.test) == list(range(1000, 1007))
    assert len(load(RunConfig(dataset="numbered", test_limit=10**6)).test) == 200


@given(limit=st.integers(8, 300), share=st.floats(0.01, 0.5))
@settings(max_examples=30, deadline=None)
def test_small_limits_still_split(limit, share):
    dataset = load(RunConfig(dataset="synthetic:300", train_limit=limit, validation=share))
    assert len(dataset.train) + len(dataset.validation) == limit
    assert len(dataset.validation) >= 1


def test_a_sets_own_validation_part_is_taken_as_it_is(row):
    row(validation=numbered(50, 2000))
    dataset = load(RunConfig(dataset="numbered", validation=0.3, train_limit=10))
    assert numbers(dataset.validation) == list(range(2000, 2050))
    assert numbers(dataset.train) == list(range(10))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("label", [-1, 4])
def test_labels_out_of_range(row, split, label):
    wrong = numbered(20, 0)
    wrong.labels[5] = label
    row(**{split: wrong})
    with pytest.raises(InputError, match=rf"numbered \({split}\): the label of image 5 is {label}, expected 0 to 3"):
        load(RunConfig(dataset="numbered"))


def test_too_few_images(row):
    row(train=numbered(4, 0))
    with pytest.raises(InputError, match="no class has two images"):
        load(RunConfig(dataset="numbered"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dataset": "cifar"}, r"unknown --dataset 'cifar' \(did you mean cifar10"),
        ({"dataset": "sinthetic:50"}, "did you mean synthetic"),
        ({"dataset": ""}, "--dataset: expected a text, got ''"),
        ({"dataset": "cifar10:3"}, "nothing may follow the name, got '3'"),
        ({"dataset": "synthetic:"}, "something must follow"),
        ({"dataset": "synthetic:x"}, "synthetic:N needs a whole number"),
        ({"dataset": "synthetic:0"}, "synthetic:N needs a whole number"),
        ({"dataset": "tfds"}, "tfds:NAME needs a name"),
        ({"dataset": "tfds:../x"}, "tfds:NAME needs a name"),
        ({"dataset": "tfds:a:b"}, "tfds:NAME needs a name"),
        ({"dataset": "cifar10", "image_size": 64}, "--image-size: the images of cifar10 have one size"),
        ({"dataset": "digits", "image_size": 64}, "--image-size"),
    ],
)
def test_bad_names_are_refused_without_reading_anything(fields, message):
    for check in (check_name, load):
        with pytest.raises(InputError, match=message):
            check(RunConfig(**fields))


def test_only_who_reads_pictures_needs_their_folder():
    check_name(RunConfig(dataset="folder"))  # a net is used without the pictures that it learned from
    for check in (check_place, load):
        with pytest.raises(InputError, match="--data-dir DIR is needed"):
            check(RunConfig(dataset="folder"))


@pytest.mark.parametrize(
    "fields",
    [{"dataset": n} for n in ("cifar10", "cifar100", "cifar100_coarse", "cinic10", "digits", "synthetic")]
    + [{"dataset": n} for n in ("synthetic:40", "tfds:mnist", "tfds:cifar10_corrupted/fog_1", "tfds:mnist:3.0.1")]
    + [{"dataset": "tfds:x", "image_size": 8}, {"dataset": "folder", "data_dir": "x", "image_size": 8}],
)
def test_good_names(fields):
    check_name(RunConfig(**fields))


def test_every_row_says_what_it_is():
    for source in DATASETS.values():
        assert source.help
        assert source.source


def test_the_table_is_there_in_a_blink_and_without_heavy_imports():
    program = (
        "import sys; from kerascifar.data import datasets\n"
        "from kerascifar.config import RunConfig\n"
        "datasets.load(RunConfig(dataset='synthetic:100'))\n"
        "print(*{'tensorflow', 'keras', 'sklearn', 'tensorflow_datasets', 'PIL'} & set(sys.modules))"
    )
    root = Path(__file__).parents[2]
    out = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""


@pytest.mark.slow
def test_real_cifar10_through_load(real):
    dataset = load(RunConfig(dataset="cifar10", data_dir=str(real)))
    assert np.bincount(dataset.train.labels).tolist() == [4500] * 10
    assert np.bincount(dataset.validation.labels).tolist() == [500] * 10
    assert len(dataset.test) == 10_000
