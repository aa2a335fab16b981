"""Image classification sets of TensorFlow Datasets. TensorFlow is imported only when one is read."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split, check_class_count
from kerascifar.core.errors import InputError
from kerascifar.core.fields import MOST_SIDE
from kerascifar.core.progress import counted, drawn
from kerascifar.core.reading import MOST_TEXT_BYTES, decode_json, read_json
from kerascifar.core.registry import nearest
from kerascifar.data.sources.images import resize
from kerascifar.data.sources.places import looked_in, places, tfds_folder, unreachable
from kerascifar.data.split import split

SIDE = 32
TEST_SHARE = 0.2  # of a set that has a train split only
_NAME = re.compile(r"(?P<name>[a-z]\w*(/[\w.+-]+)?)(:(?P<version>\d+\.\d+\.\d+))?")
_CLASS_KEYS = ("pythonClassName", "python_class_name", "type")  # where features.json names Python classes
_TEXT_KEYS = ("json", "content")  # where it may hold more JSON as a text
_MOST_TEXTS = 4  # such texts within each other; TFDS itself writes one
# The features of sets of images. TFDS imports the module of any other name, and not only where it is TFDS's own.
_FEATURES = {
    f"tensorflow_datasets.core.features.{name}"
    for name in (
        "bounding_boxes.BBoxFeature", "class_label_feature.ClassLabel", "feature.Tensor", "features_dict.FeaturesDict",
        "image_feature.Image", "scalar.Scalar", "sequence_feature.Sequence", "tensor_feature.Tensor",
        "text_feature.Text",
    )
}  # fmt: skip
_HOST = "https://storage.googleapis.com/tfds-data/"  # where TFDS keeps its catalogue's files


def check(argument: str) -> None:
    """Check the NAME of ``tfds:NAME``: ``mnist``, ``cifar10_corrupted/fog_1``, ``mnist:3.0.1``.

    Raises InputError: it is no such name.
    """
    if not _NAME.fullmatch(argument) or ".." in argument:
        raise InputError(f"--dataset: tfds:NAME needs a name such as tfds:mnist or tfds:mnist:3.0.1, got {argument!r}")


def read(config: RunConfig, argument: str) -> Dataset:
    """Read any TFDS set with a supervised (image, label) pair of uint8 images and class labels.

    A set that lies prepared in ``--data-dir``, ``$KERASCIFAR_DATA`` or TFDS's own folder is used without any network.
    Else TFDS downloads and prepares it, with its progress bar. The split named test is the test part, else validation;
    where there is neither, a stratified 20 % of train, by the seed. Where both are there, validation is the validation
    part, whatever the share, unless ``--validation 0``. Images take the side ``--image-size``; else their own, if the
    set declares one square size; else 32. Grey images get three equal channels.

    Raises:
        InputError: the set is unknown, not on this machine and not to be had, damaged, or of another kind.
    """
    check(argument)
    folders = places(config, tfds_folder())
    folder = next(filter(None, (prepared(folder, argument) for folder in folders)), None)
    builder = _open(folder) if folder else _prepare(argument, config, folders)
    image_key, label_key = _supervised(builder, argument)
    side = config.image_size or _native_side(builder, image_key)
    classes = _classes(builder, label_key)

    def part(name: str) -> Split:
        keys = {"image": image_key, "label": label_key}
        arrays = _arrays(builder, name, keys, side)
        return Split(arrays["image"], arrays["label"])

    splits = set(builder.info.splits)
    if "train" not in splits:
        raise InputError(f"tfds:{argument} has no train split; it has {', '.join(sorted(splits))}")
    train, validation, notes = part("train"), None, {"tfds": builder.info.full_name}
    if not splits & {"test", "validation"}:
        train, test = split(train, TEST_SHARE, config.seed)
        notes |= {"split": "ours", "split_seed": config.seed}
    else:
        test = part("test" if "test" in splits else "validation")
        if {"test", "validation"} <= splits and config.validation > 0:
            validation = part("validation")
            notes |= {"validation": "official"}
    return Dataset(config.dataset, classes, train, validation, test, notes)


def read_by_id(folder: Path, label_key: str) -> tuple[tuple[str, ...], Split, Split]:
    """Read class names, train and test of a prepared CIFAR, put into the order of its ids: that of the official files.

    Raises InputError: the folder is damaged or holds something else.
    """
    builder = _open(folder)
    features = builder.info.features
    if not {"image", "id", label_key} <= set(features) or not {"train", "test"} <= set(builder.info.splits):
        raise InputError(f"{folder}: not TFDS's CIFAR; expected splits train and test of image, {label_key} and id")
    keys = {"image": "image", "label": label_key, "id": "id"}
    parts = []
    for name in ("train", "test"):
        arrays = _arrays(builder, name, keys, SIDE)
        order = np.argsort(arrays["id"])
        parts.append(Split(arrays["image"][order], arrays["label"][order]))
    return _classes(builder, label_key), *parts


def prepared(root: Path, argument: str) -> Path | None:
    """Return where the set lies prepared under the TFDS folder `root`, its highest version, or None.

    Raises InputError: several configurations lie there and `argument` names none.
    """
    match = _NAME.fullmatch(argument)
    if match is None:
        return None
    base = root / match["name"]
    if versions := _versions(base, match["version"]):
        return versions[-1]
    configs = [d for d in sorted(base.iterdir()) if _versions(d, match["version"])] if base.is_dir() else []
    if len(configs) > 1:
        named = ", ".join(f"tfds:{match['name']}/{d.name}" for d in configs)
        raise InputError(f"{base} holds several configurations: choose one of {named}")
    return _versions(configs[0], match["version"])[-1] if configs else None


def _versions(folder: Path, version: str | None) -> list[Path]:
    """Return the prepared versions in `folder`, ascending."""
    if not folder.is_dir():
        return []
    folders = [
        d
        for d in folder.iterdir()
        if re.fullmatch(r"\d+\.\d+\.\d+", d.name)
        and version in (None, d.name)
        and (d / "dataset_info.json").is_file()
        and (d / "features.json").is_file()
    ]
    return sorted(folders, key=lambda d: [int(number) for number in d.name.split(".")])


def _open(folder: Path) -> Any:
    """Return the builder of a prepared folder. Raises InputError: see ``_check``."""
    _check(folder)
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder_from_directory(folder)
        files = [Path(file) for one in builder.info.splits.values() for file in one.filepaths]
    except Exception as error:  # TFDS's readers of damaged metadata raise anything
        raise InputError(f"{folder}: not a whole TFDS folder ({_line(error)}); prepare it again") from None
    for file in files:  # as its metadata has them: anywhere, or a FIFO, which TFDS would wait for without end
        if file.parent != Path(builder.data_dir) or (file.exists() and not file.is_file()):
            raise InputError(
                f"{folder}: refused: its images would be in {file}, which is no regular file of the folder"
            )
    return builder


def _check(folder: Path) -> None:
    """Refuse a folder that TFDS would run code for, read other files for, or wait for.

    Raises InputError: a file is none, is too large or no JSON, or names a class or a file that is no part of the set.
    """
    for path in sorted(folder.iterdir()):
        if path.suffix == ".json" or not (path.is_file() or path.is_dir()):
            _read_metadata(path)
        elif path.suffix == ".txt" and path.stat().st_size > MOST_TEXT_BYTES:
            raise InputError(f"{path}: refused: it has more than {MOST_TEXT_BYTES // 2**20} MiB")
    features = folder / "features.json"
    pending: list[tuple[Any, int]] = [(_read_metadata(features), 0)]
    while pending:
        node, texts = pending.pop()
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if isinstance(value, dict | list):
                pending.append((value, texts))
            elif key in _TEXT_KEYS and isinstance(value, str):
                if texts == _MOST_TEXTS:
                    raise InputError(f"{features}: refused: JSON in texts in texts; prepare the data set again")
                try:
                    pending.append((decode_json(value), texts + 1))
                except ValueError as error:
                    raise InputError(f"{features}: {key!r}: not whole JSON ({_line(error)})") from None
            elif key in _CLASS_KEYS and value not in _FEATURES:
                raise InputError(f"{features}: refused: it names {_short(value)}, which no set of images needs")
            elif key == "names_file":
                raise InputError(f"{features}: refused: it takes class names from the file {_short(value)}")


def _read_metadata(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except (OSError, InputError) as error:
        raise InputError(f"{path}: not whole JSON ({_line(error)}); prepare the data set again") from None


def _short(value: Any) -> str:
    return repr(value)[:80]


def _prepare(argument: str, config: RunConfig, folders: list[Path]) -> Any:
    """Let TFDS download and prepare the set in the last of `folders`."""
    match = _NAME.fullmatch(argument)
    missing = f"tfds:{argument} lies prepared nowhere; looked in {looked_in(config, folders)}"
    reason = unreachable(_HOST)
    if reason is not None:
        raise InputError(
            f"{missing}; no network to download it ({reason}): put a prepared "
            f"{match['name']}/VERSION there, or use --dataset digits, which needs no files"
        )
    import tensorflow_datasets as tfds

    name, _, chosen = match["name"].partition("/")
    try:
        # Not tfds.builder: that would open a folder which `prepared` does not know, and which nobody checked.
        builder = tfds.builder_cls(name)(config=chosen or None, version=match["version"], data_dir=folders[-1])
        if not drawn(sys.stderr):
            tfds.disable_progress_bar()
        builder.download_and_prepare()
    except tfds.core.registered.DatasetNotFoundError:
        raise InputError(f"TFDS knows no data set {name!r}{nearest(name, tfds.list_builders())}") from None
    except Exception as error:  # downloads, disks, generators: whatever they raise
        raise InputError(f"{missing}; TFDS could not prepare it: {_line(error)}") from None
    return builder


def _supervised(builder: Any, argument: str) -> tuple[str, str]:
    """Return the keys of image and label: the supervised pair; where none is declared, the only two of their kind."""
    from tensorflow_datasets.core.features import ClassLabel, FeaturesDict, Image

    features = dict(builder.info.features.items()) if isinstance(builder.info.features, FeaturesDict) else {}
    among = builder.info.supervised_keys or features
    images = [key for key, feature in features.items() if isinstance(feature, Image) and key in among]
    labels = [key for key, feature in features.items() if isinstance(feature, ClassLabel) and key in among]
    if len(images) != 1 or len(labels) != 1:
        raise InputError(
            f"tfds:{argument} is no image classification set: expected one image and one class label, "
            f"got {', '.join(f'{key} ({type(feature).__name__})' for key, feature in features.items())}"
        )
    image = features[images[0]]
    if image.np_dtype != np.uint8 or image.shape[-1] not in (1, 3):
        received = f"{np.dtype(image.np_dtype)} {image.shape}"
        raise InputError(f"tfds:{argument}: expected images of uint8 with 1 or 3 channels, got {received}")
    return images[0], labels[0]


def _native_side(builder: Any, key: str) -> int:
    height, width = builder.info.features[key].shape[:2]
    side = height if height is not None and height == width else SIDE
    if side > MOST_SIDE:
        raise InputError(f"{builder.data_dir}: declares images of {side} pixels a side; at most {MOST_SIDE} are read")
    return side


def _classes(builder: Any, key: str) -> tuple[str, ...]:
    feature = builder.info.features[key]
    check_class_count(feature.num_classes, str(builder.data_dir))
    return tuple(feature.names)


def _arrays(builder: Any, name: str, keys: dict[str, str], side: int) -> dict[str, np.ndarray]:
    """Return the features `keys` of the split `name`; images as uint8 (N, side, side, 3), labels as int64 (N,)."""
    import tensorflow_datasets as tfds

    try:
        count = builder.info.splits[name].num_examples
        size = sum(path.stat().st_size for path in Path(builder.data_dir).iterdir())
        if count > size:  # an example has several bytes
            raise ValueError(f"{count} examples are declared, but its files have {size} bytes")
        wanted = tfds.decode.PartialDecoding(dict.fromkeys(keys.values(), True))
        examples = tfds.as_numpy(builder.as_dataset(split=name, decoders=wanted, shuffle_files=False))
        images = np.empty((count, side, side, 3), np.uint8)
        others: dict[str, list] = {what: [] for what in keys if what != "image"}
        for i, example in enumerate(counted(examples, count, f"{builder.name} ({name})", "image")):
            images[i] = resize(np.broadcast_to(example[keys["image"]], (*example[keys["image"]].shape[:2], 3)), side)
            for what, values in others.items():
                values.append(example[keys[what]])
        if len(others["label"]) != count:
            raise ValueError(f"{len(others['label'])} examples, {count} are declared")
    except Exception as error:  # tf.data reports a damaged file by many kinds of errors
        raise InputError(f"{builder.data_dir}: cannot read {name} ({_line(error)}); prepare it again") from None
    arrays = {what: np.array(values) for what, values in others.items()}
    return arrays | {"image": images, "label": arrays["label"].astype(np.int64)}


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
