import hashlib
import os
import pickle

import numpy as np
import pytest

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Split
from kerascifar.core.errors import InputError
from kerascifar.data.sources import cifar
from kerascifar.data.sources.cifar_tables import LABELLINGS

LAYOUTS = ["cifar-10-batches-py", "cifar-10-batches-bin", "cifar-100-python", "cifar-100-binary"]


def read(dataset, folder, **more):
    return cifar.read(RunConfig(dataset=dataset, data_dir=str(folder), **{"unverified": True, **more}))


def set_of(layout):
    return "cifar100" if "100" in layout else "cifar10"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("where", ["parent", "the folder itself", "archive", "archive itself", "archive with ./"])
def test_every_layout_gives_the_same_images_and_labels(tmp_path, tiny_cifar, layout, where):
    tiny = tiny_cifar(layout)
    if "archive" in where:
        place = tiny.archive(tmp_path, prefix="./" if "./" in where else "")
    else:
        place = tiny.folder(tmp_path)
    dataset = read(set_of(layout), place if "itself" in where else tmp_path)
    np.testing.assert_array_equal(dataset.train.images, tiny.images(tiny.train))
    np.testing.assert_array_equal(dataset.test.images, tiny.images(tiny.test))
    assert dataset.train.labels.tolist() == [label for name in tiny.train for label in tiny.labels[name]]
    assert dataset.test.labels.tolist() == tiny.labels[tiny.test[0]]
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.labels.dtype == np.int64
    assert dataset.classes[:2] == (("f0", "f1") if "100" in layout else ("c0", "c1"))
    assert dataset.validation is None


@pytest.mark.parametrize("layout", ["cifar-100-python", "cifar-100-binary"])
def test_coarse_labels_are_the_other_ones(tmp_path, tiny_cifar, layout):
    tiny = tiny_cifar(layout)
    tiny.folder(tmp_path)
    dataset = read("cifar100_coarse", tmp_path)
    assert dataset.train.labels.tolist() == tiny.coarse["train"]
    assert dataset.classes == tuple(f"s{i}" for i in range(20))


@pytest.mark.parametrize("variable", ["KERASCIFAR_DATA", "KERAS_HOME"])
def test_places_in_their_order(tmp_path, tiny_cifar, monkeypatch, variable):
    keras = tmp_path / "datasets"
    (keras / "cifar-10-batches-py-target").mkdir(parents=True)
    tiny = tiny_cifar("cifar-10-batches-py")
    tiny.folder(keras / "cifar-10-batches-py-target")  # where Keras 3 unpacks to
    monkeypatch.setenv(variable, str(keras if variable == "KERASCIFAR_DATA" else tmp_path))
    dataset = cifar.read(RunConfig(dataset="cifar10", unverified=True))
    assert len(dataset.train) == 20
    given = tmp_path / "given"
    given.mkdir()
    tiny_cifar("cifar-10-batches-bin", each=1).folder(given)
    assert len(read("cifar10", given).train) == 5


def test_a_folder_that_was_named_is_the_only_place(tmp_path, tiny_cifar, monkeypatch):
    monkeypatch.setenv("KERASCIFAR_DATA", str(tmp_path))
    tiny_cifar("cifar-10-batches-py").folder(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"empty.*cifar-10-python\.tar\.gz.*--dataset digits"):
        read("cifar10", empty)
    with pytest.raises(InputError, match="no such folder"):
        read("cifar10", tmp_path / "nowhere")


def test_wrong_md5_names_both_sums(tmp_path, tiny_cifar):
    tiny_cifar("cifar-10-batches-py").folder(tmp_path)
    with pytest.raises(InputError, match=r"data_batch_1|batches.meta") as refused:
        read("cifar10", tmp_path, unverified=False)
    assert "5ff9c542aee3614f3951f8cda6e48888" in str(refused.value)  # batches.meta, the first in the alphabet
    assert hashlib.md5((tmp_path / "cifar-10-batches-py/batches.meta").read_bytes()).hexdigest() in str(refused.value)


def test_wrong_archive_md5_names_both_sums(tmp_path, tiny_cifar):
    tiny_cifar("cifar-100-binary").archive(tmp_path)
    with pytest.raises(InputError, match=r"MD5 is [0-9a-f]{32}, the official one is 03b5dce01913d631647c71ecec9e9cb8"):
        read("cifar100", tmp_path, unverified=False)


def test_binary_folders_are_checked_by_content(tmp_path, tiny_cifar):
    tiny_cifar("cifar-10-batches-bin").folder(tmp_path)
    official = LABELLINGS["cifar10"].sha256[0]
    with pytest.raises(InputError, match=rf"SHA-256 is [0-9a-f]{{64}}, the official one is {official}"):
        read("cifar10", tmp_path, unverified=False)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_label_out_of_range_names_file_index_and_value(tmp_path, tiny_cifar, layout):
    tiny = tiny_cifar(layout)
    tiny.labels[tiny.train[-1]][2] = 200
    tiny.folder(tmp_path)
    with pytest.raises(InputError, match=rf"{tiny.train[-1]}.*: the label of image 2 is 200, expected 0 to 9"):
        read(set_of(layout), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [1, 2]}, "'labels' should be 3 whole numbers"),
        ({"labels": ["a", "b", "c"]}, "'labels' should be 3 whole numbers"),
        ({"labels": [[1], [2, 3], 4]}, "'labels' should be 3 whole numbers"),
        ({"labels": [-1, 0, 0]}, "the label of image 0 is -1"),
        ({"labels": None}, "'labels' should be 3 whole numbers"),
        ({"data": None}, r"'data' should be uint8 \(N, 3072\), got NoneType"),
        ({"data": np.zeros((3, 100), np.uint8)}, r"got uint8 \(3, 100\)"),
        ({"data": np.zeros((3, 3072), np.int64)}, r"got int64 \(3, 3072\)"),
    ],
)
def test_a_pickle_with_other_content(tmp_path, tiny_cifar, change, message):
    batch = {"data": np.zeros((3, 3072), np.uint8), "labels": [0, 0, 0], **change}
    tiny_cifar("cifar-10-batches-py").folder(tmp_path, data_batch_3=pickle.dumps(batch))
    with pytest.raises(InputError, match=message) as refused:
        read("cifar10", tmp_path)
    assert "data_batch_3" in str(refused.value)


def test_a_pickle_that_calls_something_does_not_run(tmp_path, tiny_cifar):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/ran",)

    tiny_cifar("cifar-10-batches-py").folder(tmp_path, test_batch=pickle.dumps({"data": Evil()}))
    with pytest.raises(InputError, match=r"test_batch: refused: .*system"):
        read("cifar10", tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "missing"])
def test_a_damaged_file_is_named(tmp_path, tiny_cifar, layout, damage):
    folder = tiny_cifar(layout).folder(tmp_path)
    victim = sorted(folder.glob("*test*"))[0]
    content = victim.read_bytes()
    victim.write_bytes({"truncated": content[:-100], "garbage": b"\xff" * 999, "empty": b""}.get(damage, b""))
    if damage == "missing":
        victim.unlink()
    with pytest.raises(InputError, match=victim.name):
        read(set_of(layout), tmp_path)


def test_class_names_of_the_wrong_number(tmp_path, tiny_cifar):
    tiny_cifar("cifar-10-batches-bin").folder(tmp_path, **{"batches.meta.txt": b"a\nb\n"})
    with pytest.raises(InputError, match="names of 10 classes"):
        read("cifar10", tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "garbage", "no gzip inside", "empty"])
def test_a_damaged_archive(tmp_path, tiny_cifar, damage):
    path = tiny_cifar("cifar-10-batches-py").archive(tmp_path)
    content = path.read_bytes()
    damaged = {"truncated": content[: len(content) // 2], "garbage": content[:20] + b"\x00" * 999}
    path.write_bytes(damaged.get(damage, b"" if damage == "empty" else b"no archive" * 100))
    with pytest.raises(InputError, match=r"cifar-10-python\.tar\.gz: not a whole \.tar\.gz"):
        read("cifar10", tmp_path)


@pytest.mark.parametrize("shape", [(5, 3072), (5, 32, 32, 3)])
def test_unlabelled_pickles(tmp_path, shape):
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)
    data = images if len(shape) == 4 else images.transpose(0, 3, 1, 2).reshape(5, 3072)
    (tmp_path / "hidden.pkl").write_bytes(pickle.dumps({b"data": data, b"ids": np.arange(5)}))
    names, found = cifar.unlabelled(tmp_path / "hidden.pkl")
    np.testing.assert_array_equal(found, images)
    assert names == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (np.array([7, 5, 9]), ["7", "5", "9"]),
        ([7, 5, 9], ["7", "5", "9"]),
        ([np.int64(7), np.int64(5), np.int64(-9)], ["7", "5", "-9"]),
        ([b"a.png", "b.png", 3], ["a.png", "b.png", "3"]),
        ([7, 5], ["0", "1", "2"]),  # no name for each
        ([7, 7, 9], ["0", "1", "2"]),  # no different names
        ({"a": 1}, ["0", "1", "2"]),
    ],
)
def test_hidden_images_have_the_names_that_the_file_gives(tmp_path, ids, names):
    (tmp_path / "hidden.pkl").write_bytes(pickle.dumps({b"data": np.zeros((3, 3072), np.uint8), b"ids": ids}))
    assert cifar.unlabelled(tmp_path / "hidden.pkl")[0] == names


@pytest.mark.slow
@pytest.mark.parametrize("dataset", LABELLINGS)
def test_real_files(real, tmp_path, dataset):
    python = read(dataset, real, unverified=False)
    labelling = LABELLINGS[dataset]
    assert np.bincount(python.train.labels).tolist() == [50_000 // labelling.classes] * labelling.classes
    assert np.bincount(python.test.labels).tolist() == [10_000 // labelling.classes] * labelling.classes
    assert python.train.images.shape == (50_000, 32, 32, 3)
    assert (python.train.checksum, python.test.checksum) == labelling.sha256
    # The first labels as the data set's page and every tutorial show them.
    assert [python.classes[k] for k in python.train.labels[:2]] == {
        "cifar10": ["frog", "truck"],
        "cifar100": ["cattle", "dinosaur"],
        "cifar100_coarse": ["large_omnivores_and_herbivores", "reptiles"],
    }[dataset]


@pytest.mark.slow
def test_real_files_in_the_binary_layout_give_equal_arrays(real, tmp_path):
    python = read("cifar10", real, unverified=False)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()

    def write(name: str, split: Split) -> None:
        rows = split.images.transpose(0, 3, 1, 2).reshape(len(split), 3072)
        (folder / name).write_bytes(np.hstack([split.labels[:, None].astype(np.uint8), rows]).tobytes())

    for i in range(5):
        at = slice(10_000 * i, 10_000 * (i + 1))
        write(f"data_batch_{i + 1}.bin", Split(python.train.images[at], python.train.labels[at]))
    write("test_batch.bin", python.test)
    (folder / "batches.meta.txt").write_text("\n".join(python.classes) + "\n")
    binary = read("cifar10", tmp_path, unverified=False)
    assert binary.train.checksum == python.train.checksum
    assert binary.classes == python.classes
    with open(folder / "data_batch_4.bin", "r+b") as file:  # one pixel more
        file.seek(5000)
        byte = file.read(1)[0]
        file.seek(5000)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(InputError, match=r"training images and labels: SHA-256 is"):
        read("cifar10", tmp_path, unverified=False)
