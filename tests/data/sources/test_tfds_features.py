"""What a prepared TFDS folder may name: nothing in it is imported, waited for, or believed."""

import json
import os

import pytest

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.data.sources import tfds


def read(folder, name="tiny", **more):
    return tfds.read(RunConfig(dataset=f"tfds:{name}", data_dir=str(folder), **more), name)


CORE = "tensorflow_datasets.core.features"
DICT = f"{CORE}.features_dict.FeaturesDict"
EVIL = "evil_features.Evil"


def in_text(features, times=1):
    """Put `features` into a text of JSON, as TFDS writes what has no message of its own, `times` deep."""
    for _ in range(times):
        features = {"pythonClassName": DICT, "jsonFeature": {"json": json.dumps({"x": features})}}
    return features


EVIL_FEATURES = {
    "modern": {"pythonClassName": EVIL},
    "other spelling": {"python_class_name": EVIL, "jsonFeature": {"json": "{}"}},
    "legacy": {"type": EVIL, "content": {}},
    "in a dict": {"pythonClassName": DICT, "featuresDict": {"features": {"x": {"pythonClassName": EVIL}}}},
    "in a text": in_text({"type": EVIL, "content": {}}),
    "in texts in texts": in_text({"pythonClassName": EVIL}, 3),
    "in too many texts": in_text({"pythonClassName": EVIL}, 6),
    "in a message as text": {
        "type": DICT,
        "proto_cls": "tensorflow_datasets.FeaturesDict",
        "content": json.dumps({"features": {"x": {"pythonClassName": EVIL}}}),
    },
    "what only Python's reader reads": {
        "pythonClassName": DICT,
        "jsonFeature": {"json": json.dumps({"x": {"type": EVIL, "content": {"y": float("nan")}}})},
    },
    "of TFDS but no feature": {"pythonClassName": "tensorflow_datasets.scripts.cli.main.Evil"},
    "beside TFDS": {"pythonClassName": "tensorflow_datasets.core.features.evil_features.Evil"},
    "of a sequence": {"type": f"{CORE}.sequence_feature.Sequence", "content": {"feature": {"type": EVIL}}},
}


def features_folder(folder, features):
    folder = folder / "x" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "features.json").write_text(features if isinstance(features, str) else json.dumps(features))
    (folder / "dataset_info.json").write_text('{"name": "x", "version": "1.0.0", "moduleName": "evil_features"}')
    (folder / "metadata.json").write_text('{"type": "evil_features.Evil"}')


@pytest.mark.parametrize("features", EVIL_FEATURES.values(), ids=EVIL_FEATURES)
def test_features_that_would_import_a_module_are_refused_and_it_is_not_imported(tmp_path, monkeypatch, features):
    (tmp_path / "evil_features.py").write_text(f"open({str(tmp_path / 'acted')!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    features_folder(tmp_path, features)
    with pytest.raises(InputError, match=r"refused: |not whole JSON"):
        read(tmp_path, "x")
    assert not (tmp_path / "acted").exists()


@pytest.mark.parametrize(
    ("features", "message"),
    [
        # The last of two keys counts, for TFDS as for us.
        (f'{{"type": "{DICT}", "type": "{EVIL}", "content": {{}}}}', f"refused: it names '{EVIL}'"),
        (
            {"type": f"{CORE}.class_label_feature.ClassLabel", "content": {"names_file": "/etc/passwd"}},
            "it takes class names from the file '/etc/passwd'",
        ),
        ("{", "not whole JSON"),
        ("", "not whole JSON"),
        ("3", "not whole JSON"),
        ("[" * 100_000, "not whole JSON"),
        ('{"type": ' + "7" * 5000 + "}", "refused|not whole JSON"),
    ],
)
def test_features_that_are_none_are_refused(tmp_path, features, message):
    features_folder(tmp_path, features)
    with pytest.raises(InputError, match=message):
        read(tmp_path, "x")


def test_a_prepared_folder_that_would_be_waited_for_is_refused(tmp_path):
    features_folder(tmp_path, "{}")
    os.mkfifo(tmp_path / "x/1.0.0/label.labels.txt")
    with pytest.raises(InputError, match="no regular file"):
        read(tmp_path, "x")
