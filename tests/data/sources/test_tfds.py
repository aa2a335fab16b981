import json
import os

import numpy as np
import pytest

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Split
from kerascifar.core.errors import InputError
from kerascifar.data.sources import cifar, tfds
from kerascifar.data.sources.cifar_tables import LABELLINGS


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("plain", "plain/10.0.0"),
        ("plain:9.0.0", "plain/9.0.0"),
        ("plain:8.0.0", None),
        ("nothing", None),
        ("one", "one/only/1.0.0"),
        ("one/only", "one/only/1.0.0"),
        ("one/only:1.0.0", "one/only/1.0.0"),
        ("many/b", "many/b/1.0.0"),
    ],
)
def test_prepared_folders_are_found_without_tfds(tmp_path, argument, expected):
    for name in ("plain/9.0.0", "plain/10.0.0", "one/only/1.0.0", "many/a/1.0.0", "many/b/1.0.0"):
        (tmp_path / name).mkdir(parents=True)
        for file in ("dataset_info.json", "features.json"):
            (tmp_path / name / file).write_text("{}")
    (tmp_path / "plain" / "11.0.0.incompleteABC").mkdir()  # what an interrupted preparation leaves
    (tmp_path / "plain" / "12.0.0").mkdir()
    assert tfds.prepared(tmp_path, argument) == (expected and tmp_path / expected)
    with pytest.raises(InputError, match="choose one of tfds:many/a, tfds:many/b"):
        tfds.prepared(tmp_path, "many")


RNG = np.random.default_rng(0)


def store(folder, set_name="tiny", image=None, label=None, keys=("image", "label"), extra=None, **splits):
    """Let TFDS prepare a data set, shuffled as it always does; `splits` are dicts of columns."""
    import tensorflow_datasets

    f = tensorflow_datasets.features
    kinds = {"image": image or f.Image(shape=(32, 32, 3)), "label": label or f.ClassLabel(names=["cat", "dog"])}
    kinds |= extra(f) if extra else {}

    class Tiny(tensorflow_datasets.core.GeneratorBasedBuilder, skip_registration=True):
        name = set_name
        VERSION = tensorflow_datasets.core.Version("1.0.0")

        def _info(self):
            return tensorflow_datasets.core.DatasetInfo(
                builder=self, features=f.FeaturesDict(kinds), supervised_keys=keys
            )

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(columns) for split, columns in splits.items()}

        def _generate_examples(self, columns):
            for i, row in enumerate(zip(*columns.values(), strict=True)):
                yield i, dict(zip(columns, row, strict=True))

    Tiny(data_dir=folder).download_and_prepare()
    return folder


def some(count, shape=(32, 32, 3), classes=2):
    return {
        "image": list(RNG.integers(0, 256, (count, *shape)).astype(np.uint8)),
        "label": [i % classes for i in range(count)],
    }


def read(folder, name="tiny", **more):
    return tfds.read(RunConfig(dataset=f"tfds:{name}", data_dir=str(folder), **more), name)


def pairs(*parts):
    return sorted(
        (image.tobytes(), int(label)) for part in parts for image, label in zip(part.images, part.labels, strict=True)
    )


def stored(*splits):
    return sorted(
        (np.asarray(i).tobytes(), int(k)) for s in splits for i, k in zip(s["image"], s["label"], strict=True)
    )


@pytest.mark.slow
class TestPrepared:
    def test_train_and_test(self, tmp_path):
        train, test = some(12), some(5)
        dataset = read(store(tmp_path, train=train, test=test))
        assert pairs(dataset.train) == stored(train)
        assert pairs(dataset.test) == stored(test)
        assert dataset.classes == ("cat", "dog")
        assert dataset.train.labels.dtype == np.int64
        assert dataset.notes == {"tfds": "tiny/1.0.0"}
        assert read(tmp_path).train.checksum == dataset.train.checksum
        assert read(tmp_path, image_size=8).side == 8

    def test_validation_is_the_sets_own(self, tmp_path):
        train, validation, test = some(4), some(3), some(2)
        dataset = read(store(tmp_path, train=train, validation=validation, test=test))
        assert pairs(dataset.validation) == stored(validation)
        assert dataset.notes["validation"] == "official"
        assert read(tmp_path, validation=0).validation is None

    def test_validation_in_place_of_a_test(self, tmp_path):
        validation = some(3)
        dataset = read(store(tmp_path, train=some(4), validation=validation))
        assert pairs(dataset.test) == stored(validation)
        assert dataset.validation is None

    def test_train_alone_is_split(self, tmp_path):
        train = some(20)
        dataset = read(store(tmp_path, train=train))
        assert pairs(dataset.train, dataset.test) == stored(train)
        assert np.bincount(dataset.test.labels).tolist() == [2, 2]
        assert dataset.notes["split"] == "ours"

    def test_grey_images_of_their_own_size(self, tmp_path):
        import tensorflow_datasets

        train = some(4, (28, 28, 1))
        image = tensorflow_datasets.features.Image(shape=(28, 28, 1))
        dataset = read(store(tmp_path, image=image, train=train, test=some(2, (28, 28, 1))))
        assert dataset.side == 28
        tripled = {**train, "image": [np.repeat(i, 3, -1) for i in train["image"]]}
        assert pairs(dataset.train) == stored(tripled)

    def test_images_of_any_size_become_32(self, tmp_path):
        import tensorflow_datasets

        image = tensorflow_datasets.features.Image(shape=(None, None, 3))
        both = {"image": [some(1, (20, 30, 3))["image"][0], some(1, (50, 40, 3))["image"][0]], "label": [0, 1]}
        assert read(store(tmp_path, image=image, train=both, test=both)).side == 32

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"keys": None, "extra": lambda f: {"depth": f.Image(shape=(32, 32, 3))}}, "no image classification set"),
            ({"keys": ("label", "depth"), "extra": lambda f: {"depth": f.Scalar(np.int64)}}, "no image classification"),
            ({"label": "a number"}, "no image classification set"),
            ({"image": "16 bits"}, r"expected images of uint8 with 1 or 3 channels, got uint16"),
        ],
    )
    def test_other_kinds_of_sets(self, tmp_path, changed, message):
        import tensorflow_datasets

        f = tensorflow_datasets.features
        kinds = {"a number": f.Scalar(np.int64), "16 bits": f.Image(shape=(32, 32, 3), dtype=np.uint16)}
        train = some(2)
        if "extra" in changed:
            train["depth"] = train["label"] if changed["keys"] else train["image"]
        if "image" in changed:
            train["image"] = [i.astype(np.uint16) for i in train["image"]]
        options = {k: kinds.get(v, v) for k, v in changed.items()}
        with pytest.raises(InputError, match=message):
            read(store(tmp_path, train=train, **options))

    def test_no_supervised_keys_but_one_image_and_one_label(self, tmp_path):
        train = {**some(4), "number": [1, 2, 3, 4]}
        store(tmp_path, keys=None, extra=lambda f: {"number": f.Scalar(np.int64)}, train=train)
        dataset = read(tmp_path)
        assert pairs(dataset.train, dataset.test) == stored(train)

    def test_all_features_of_sets_of_images(self, tmp_path):
        def extra(f):
            return {
                "nested": {"box": f.BBoxFeature(), "words": f.Sequence(f.Text())},
                "many": f.Sequence({"number": f.Scalar(np.int32), "matrix": f.Tensor(shape=(2,), dtype=np.float32)}),
            }

        from tensorflow_datasets.core.features import BBox

        more = {
            "nested": [{"box": BBox(0.0, 0.0, 1.0, 1.0), "words": ["a"]}] * 4,
            "many": [{"number": [1], "matrix": [[1, 2]]}] * 4,
        }
        store(tmp_path, extra=extra, train=some(4) | more, test=some(4) | more)
        assert len(read(tmp_path).test) == 4

    @pytest.mark.parametrize(
        ("file", "old", "new", "message"),
        [
            ("dataset_info.json", '"8"', '"999999999999"', "999999999999 examples are declared"),
            ("features.json", '"numClasses": "2"', '"numClasses": "999999999999"', "999999999999 classes; at most"),
            ("features.json", '"32"', '"1000000"', "images of 1000000 pixels a side"),
        ],
    )
    def test_what_declares_more_than_its_files_hold(self, tmp_path, file, old, new, message):
        store(tmp_path, train=some(8), test=some(2))
        path = tmp_path / "tiny/1.0.0" / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        (tmp_path / "tiny/1.0.0/label.labels.txt").unlink()
        with pytest.raises(InputError, match=message):
            read(tmp_path)

    @pytest.mark.parametrize("template", ["../../outside", "/dev/zero", "a/../{SPLIT}"])
    def test_images_outside_the_folder(self, tmp_path, template):
        store(tmp_path, train=some(8), test=some(2))
        path = tmp_path / "tiny/1.0.0/dataset_info.json"
        info = json.loads(path.read_text())
        for each in info["splits"]:
            each["filepathTemplate"] = template
        path.write_text(json.dumps(info))
        with pytest.raises(InputError, match="refused: its images would be in"):
            read(tmp_path)

    def test_a_fifo_instead_of_images_is_not_waited_for(self, tmp_path):
        store(tmp_path, train=some(8), test=some(2))
        shard = next((tmp_path / "tiny/1.0.0").glob("*train*"))
        shard.unlink()
        os.mkfifo(shard)
        with pytest.raises(InputError, match=r"no regular file|not whole JSON"):
            read(tmp_path)

    def test_no_train_split(self, tmp_path):
        with pytest.raises(InputError, match="has no train split; it has test"):
            read(store(tmp_path, test=some(2)))

    @pytest.mark.parametrize("damage", ["truncated", "garbage", "missing", "metadata"])
    def test_damaged_files(self, tmp_path, damage):
        store(tmp_path, train=some(8), test=some(2))
        shard = next((tmp_path / "tiny/1.0.0").glob("*train*"))
        if damage == "missing":
            shard.unlink()
        elif damage == "metadata":
            (tmp_path / "tiny/1.0.0/dataset_info.json").write_text('{"name": 3')
        else:
            whole = shard.read_bytes()
            shard.write_bytes(whole[: len(whole) // 2] if damage == "truncated" else b"garbage" * 500)
        with pytest.raises(InputError) as refused:
            read(tmp_path)
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "cifar100_coarse"])
    def test_cifar_is_put_back_into_the_official_order(self, tmp_path, tiny_cifar, monkeypatch, dataset):
        """As tensorflow_datasets/image_classification/cifar.py stores it: ids train_00000, ..., shuffled."""
        tiny = tiny_cifar("cifar-10-batches-py" if dataset == "cifar10" else "cifar-100-python", each=15)
        labelling = LABELLINGS[dataset]

        def split(prefix, names):
            fine, coarse = ([k for n in names for k in labels[n]] for labels in (tiny.labels, tiny.coarse))
            images = list(tiny.images(names))
            arrays = {"image": images, "label": fine, "id": [f"{prefix}_{i:05d}" for i in range(len(images))]}
            return arrays | ({} if dataset == "cifar10" else {"coarse_label": coarse})

        def extra(f):
            return {"id": f.Text()} | ({} if dataset == "cifar10" else {"coarse_label": f.ClassLabel(num_classes=20)})

        import tensorflow_datasets

        label = tensorflow_datasets.features.ClassLabel(num_classes=10 if dataset == "cifar10" else 100)
        train, test = split("train", tiny.train), split("test", tiny.test)
        store(tmp_path, labelling.tfds[0], label=label, extra=extra, train=train, test=test)
        config = RunConfig(dataset=dataset, data_dir=str(tmp_path), unverified=True)
        read_back = cifar.read(config)
        labels = train["coarse_label" if dataset == "cifar100_coarse" else "label"]
        assert read_back.train.checksum == Split(tiny.images(tiny.train), np.array(labels)).checksum
        with pytest.raises(InputError, match=r"SHA-256 is .*the official one is"):
            cifar.read(RunConfig(dataset=dataset, data_dir=str(tmp_path)))
        # TFDS did store them in another order.
        shuffled = tfds.read(RunConfig(dataset="tfds:x", data_dir=str(tmp_path)), labelling.tfds[0])
        assert not np.array_equal(shuffled.train.images, tiny.images(tiny.train))
