import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.data.sources import folders, images


def picture(path: Path, value: int, size: tuple[int, int] = (32, 32)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)


def class_folders(root: Path, classes="ab", each: int = 10, first: int = 0, **options) -> Path:
    """Grey pictures; the value tells class and number: 20 x class + number + first."""
    for k, name in enumerate(classes):
        for i in range(each):
            picture(root / name / f"{i}.png", 20 * k + i + first, **options)
    return root


def read(dataset, folder, **more):
    reader = {"cinic10": folders.read_cinic10, "folder": folders.read_folder}[dataset]
    return reader(RunConfig(dataset=dataset, data_dir=str(folder), **more))


def values(part):
    return part.images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("name", ["cinic10", "CINIC-10", "."])
def test_cinic10_with_its_own_splits(tmp_path, name):
    root = tmp_path / name
    for first, split in ((0, "train"), (100, "valid"), (200, "test")):
        class_folders(root / split, ("cat", "truck"), 4, first)
    (root / "README.md").write_text("x")
    dataset = read("cinic10", tmp_path)
    assert dataset.classes == ("cat", "truck")
    assert sorted(values(dataset.train)) == [0, 1, 2, 3, 20, 21, 22, 23]
    assert sorted(values(dataset.validation)) == [100, 101, 102, 103, 120, 121, 122, 123]
    assert sorted(values(dataset.test)) == [200, 201, 202, 203, 220, 221, 222, 223]
    for part, first in ((dataset.train, 0), (dataset.validation, 100), (dataset.test, 200)):
        np.testing.assert_array_equal(part.labels, (np.array(values(part)) - first) // 20)
    assert dataset.notes == {"split": "official", "validation": "official"}
    assert read("cinic10", tmp_path, validation=0).validation is None


def test_one_flat_set_is_split_by_the_seed(tmp_path):
    class_folders(tmp_path / "cinic10-sample", ("cat", "dog"), 10)
    dataset = read("cinic10", tmp_path)
    assert dataset.notes == {"split": "ours", "split_seed": 0}
    assert np.bincount(dataset.train.labels).tolist() == [8, 8]
    assert np.bincount(dataset.test.labels).tolist() == [2, 2]
    assert sorted(values(dataset.train) + values(dataset.test)) == [*range(10), *range(20, 30)]
    assert read("cinic10", tmp_path).test.checksum == dataset.test.checksum
    assert read("cinic10", tmp_path, seed=1).test.checksum != dataset.test.checksum


def test_the_first_images_are_a_mix(tmp_path):
    class_folders(tmp_path, "abcd", 20)
    labels = read("folder", tmp_path).train.labels
    assert len(set(labels[:16].tolist())) == 4


def test_pictures_of_other_sizes_are_refused_for_cinic10_and_resized_for_a_folder(tmp_path):
    class_folders(tmp_path / "cinic10", ("cat", "dog"), 4, size=(40, 24))
    with pytest.raises(InputError, match=r"png: expected 32x32 pixels, got 40x24"):
        read("cinic10", tmp_path)
    assert read("folder", tmp_path / "cinic10").side == 32
    assert read("folder", tmp_path / "cinic10", image_size=48).side == 48


def test_only_visible_pictures_count(tmp_path):
    class_folders(tmp_path, "ab", 5)
    for name in ("a/.hidden.png", "a/Thumbs.db", "b/notes.txt", "a/.DS_Store"):
        (tmp_path / name).write_text("no picture")
    (tmp_path / ".git").mkdir()
    (tmp_path / "a" / "sub.png").mkdir()
    dataset = read("folder", tmp_path)
    assert dataset.classes == ("a", "b")
    assert len(dataset.train) + len(dataset.test) == 10


def test_train_and_test_folders_of_a_folder(tmp_path):
    class_folders(tmp_path / "train", "xyz", 3)
    class_folders(tmp_path / "test", "xyz", 2, 100)
    dataset = read("folder", tmp_path)
    assert (len(dataset.train), len(dataset.test), dataset.validation) == (9, 6, None)
    assert dataset.notes == {"split": "official"}


def test_parts_must_have_the_same_classes(tmp_path):
    class_folders(tmp_path / "train", "xyz", 3)
    class_folders(tmp_path / "test", "xy", 2)
    with pytest.raises(InputError, match=r"test: its classes are not those of train; differing: z"):
        read("folder", tmp_path)


def test_an_empty_class_folder_is_named(tmp_path):
    class_folders(tmp_path, "ab", 3)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "readme.txt").write_text("no picture")
    with pytest.raises(InputError, match=rf"empty class folder {tmp_path}/c"):
        read("folder", tmp_path)


def test_no_class_folders(tmp_path):
    picture(tmp_path / "x.png", 1)
    with pytest.raises(InputError, match="expected a folder of pictures for each of two classes"):
        read("folder", tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        read("folder", tmp_path / "x.png")
    with pytest.raises(InputError, match="no such folder"):
        read("folder", tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"garbage", "half"])
def test_a_broken_picture_is_named_and_nothing_is_cached(tmp_path, monkeypatch, content):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    class_folders(tmp_path / "data", "ab", 3)
    victim = tmp_path / "data" / "b" / "1.png"
    victim.write_bytes(victim.read_bytes()[:60] if content == "half" else content)
    with pytest.raises(InputError, match=r"b/1\.png: not a whole image"):
        read("folder", tmp_path / "data")
    assert not (tmp_path / "cache").exists()


def test_all_damaged_pictures_are_named_up_to_ten(tmp_path):
    for part in ("train", "test"):
        class_folders(tmp_path / part, "ab", 8)
        for i in range(6):
            (tmp_path / part / "b" / f"{i}.png").write_bytes(b"x")
    with pytest.raises(InputError, match=r"12 pictures cannot be read: .*/b/0\.png.*; and 2 more$") as refused:
        read("folder", tmp_path)
    assert str(refused.value).count("not a whole image") == 10


@pytest.mark.parametrize(
    "names", [("train", "test1"), ("Training", "Testing"), ("train", "val"), ("cat", "dog", "test")]
)
def test_classes_called_like_splits_are_refused(tmp_path, names):
    class_folders(tmp_path, names, 3)
    with pytest.raises(InputError, match=r"called like splits.*expected train/CLASS/ and test/CLASS/"):
        read("folder", tmp_path)


def test_train_alone_is_refused_with_the_reason(tmp_path):
    class_folders(tmp_path / "train", "ab", 3)
    with pytest.raises(InputError, match=r"train is called like splits of a data set"):
        read("folder", tmp_path)


@pytest.mark.parametrize("names", [("bus", "train"), ("invalid", "valid"), ("trainers", "valves")])
def test_words_that_are_classes_too_are_read(tmp_path, names):
    assert read("folder", class_folders(tmp_path, names, 3)).classes == names


def test_capitals_make_no_difference_to_parts(tmp_path):
    for first, part in ((0, "Train"), (100, "TEST"), (200, "Valid")):
        class_folders(tmp_path / part, "ab", 2, first)
    dataset = read("folder", tmp_path)
    assert [min(values(part)) for part in (dataset.train, dataset.test, dataset.validation)] == [0, 100, 200]


def test_what_is_passed_over_is_counted(tmp_path, capsys):
    for part in ("train", "test"):
        class_folders(tmp_path / part, "ab", 3)
    class_folders(tmp_path / "train" / "a", ("day", "night"), 4)
    class_folders(tmp_path / "val2", "ab", 2)
    picture(tmp_path / "test" / "loose.png", 1)
    (tmp_path / "test" / "b" / "x.heic").write_bytes(bytes(20))
    os.mkfifo(tmp_path / "test" / "b" / "y.png")
    assert len(read("folder", tmp_path).train) == 6
    said = capsys.readouterr().err
    for what in (
        "files in folders inside class folders: 8",
        "files in folders beside train and test: 4",
        "pictures outside class folders: 1",
        "files that hold no picture: 2",
    ):
        assert f"passed over {what} (" in said


def test_pictures_under_other_names_are_read(tmp_path):
    class_folders(tmp_path, "ab", 3)
    for i, suffix in enumerate((".jfif", ".jpe", "")):
        Image.new("RGB", (32, 32)).save(tmp_path / "a" / f"w{i}{suffix}", "JPEG")
    dataset = read("folder", tmp_path)
    assert len(dataset.train) + len(dataset.test) == 9


def test_two_forms_of_a_name_are_one_class(tmp_path):
    composed, apart = "caf\u00e9", "cafe\u0301"
    class_folders(tmp_path / "train", (apart, "cafz"), 3)
    class_folders(tmp_path / "test", ("cafz", composed), 2, 100)
    dataset = read("folder", tmp_path)
    assert dataset.classes == (apart, "cafz")
    assert sorted(zip(values(dataset.test), dataset.test.labels.tolist(), strict=True)) == [
        (100, 1), (101, 1), (120, 0), (121, 0),
    ]  # fmt: skip
    class_folders(tmp_path / "train", (composed,), 3)
    assert len(read("folder", tmp_path).train) == 9


def test_a_name_that_is_no_text_is_escaped(tmp_path):
    dataset = read("folder", class_folders(tmp_path, ("aa", os.fsdecode(b"b\xe9b")), 3))
    assert dataset.classes == ("aa", r"b\xe9b")


def test_cinic10_nowhere(tmp_path):
    with pytest.raises(InputError, match=r"cinic10 not found.*CINIC-10\.tar\.gz.*--dataset digits"):
        read("cinic10", tmp_path)


class TestCache:
    @pytest.fixture(autouse=True)
    def _folders(self, tmp_path, monkeypatch):
        self.cache = tmp_path / "cache" / "kerascifar"
        self.data = class_folders(tmp_path / "data", "ab", 5)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def test_the_second_reading_opens_no_picture(self, monkeypatch, capsys):
        first = read("folder", self.data)
        assert capsys.readouterr().err == ""  # too short for a line of progress
        monkeypatch.setattr(images, "read_image", None)
        assert read("folder", self.data).train.checksum == first.train.checksum
        assert capsys.readouterr().err == ""

    def test_a_changed_picture_is_read_again(self):
        read("folder", self.data)
        picture(self.data / "a" / "0.png", 255)
        both = read("folder", self.data)
        assert 255 in values(both.train) + values(both.test)

    def test_another_size_is_another_cache(self):
        assert read("folder", self.data).side == 32
        assert read("folder", self.data, image_size=16).side == 16

    @pytest.mark.parametrize("damage", [b"", b"garbage", "half", "foreign", "pickled"])
    def test_a_damaged_cache_is_made_anew(self, damage):
        first = read("folder", self.data)
        (cached,) = self.cache.iterdir()
        if damage == "foreign":
            np.savez(cached, images=np.zeros((1, 32, 32, 3), np.uint8), labels=np.zeros(1, np.int64))
        elif damage == "pickled":
            np.savez(cached, images=np.array([None]), labels=np.array([None]))
        else:
            whole = cached.read_bytes()
            cached.write_bytes(whole[: len(whole) // 2] if damage == "half" else damage)
        assert read("folder", self.data).train.checksum == first.train.checksum

    def test_what_is_nearly_black_is_said_again(self, capsys):
        grey = Image.fromarray(np.full((32, 32), 4000, np.uint16))
        grey.save(self.data / "a" / "grey.png")
        for _ in range(2):
            read("folder", self.data)
            assert "nearly black pictures: 1" in capsys.readouterr().err

    def test_an_unwritable_cache_does_no_harm(self, monkeypatch, capsys):
        blocked = self.data.parent / "file"
        blocked.write_text("a file where the cache folder should be")
        monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
        assert len(read("folder", self.data).train) == 8
        assert "not cached" in capsys.readouterr().err


@pytest.mark.slow
def test_the_real_sample(real):
    dataset = read("cinic10", real)
    assert len(dataset.train) + len(dataset.test) == sum(
        len(os.listdir(d)) for d in (real / "cinic10-sample").iterdir()
    )
    assert dataset.classes[0] == "airplane"
    assert len(dataset.classes) == 10
