"""A stranger's .keras file is loaded, or refused in one line before it takes memory."""

import json
import os
import zipfile

import pytest

from kerascifar.core.errors import InputError
from kerascifar.models.keras_files import read_model


@pytest.fixture
def saved(tmp_path):
    import keras

    pooled = keras.layers.GlobalAveragePooling2D()
    layers = [keras.Input((4, 4, 3)), keras.layers.ZeroPadding2D(1), pooled, keras.layers.Dense(7)]
    keras.Sequential(layers).save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def rewrite(path, change):
    """Change the config in a .keras file."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change({layer["class_name"]: layer["config"] for layer in config["config"]["layers"]})
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | {"config.json": json.dumps(config)}).items():
            archive.writestr(name, content)


@pytest.mark.slow
def test_a_saved_model_comes_back(saved):
    assert read_model(saved).output_shape == (None, 7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "key", "value", "told"),
    [
        ("Dense", "units", 5_000_000, "has weights of shape (3, 5000000)"),
        ("ZeroPadding2D", "padding", [[50_000, 50_000], [50_000, 50_000]], "which fills memory"),
    ],
)
def test_layers_that_would_fill_memory_are_refused(saved, kind, key, value, told):
    rewrite(saved, lambda layers: layers[kind].update({key: value}))
    with pytest.raises(InputError) as refused:
        read_model(saved)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_no_such_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "fifo.keras")
    (tmp_path / "garbage.keras").write_bytes(b"garbage")
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * 100_000_000)
    for name, told in (("fifo", "no regular file"), ("garbage", "not a zip"), ("bomb", "unpacks to 100000000 bytes")):
        with pytest.raises(InputError, match=told):
            read_model(tmp_path / f"{name}.keras")
