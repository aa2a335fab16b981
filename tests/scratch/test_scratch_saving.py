"""A saved net comes back the same, and a file that is not one is refused without doing harm."""

import json
import zipfile

import numpy as np
import pytest

from kerascifar.core import reading
from kerascifar.core.errors import InputError
from kerascifar.scratch import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    Momentum,
    Network,
    Normalize,
    ReLU,
    SoftmaxCrossEntropy,
    load,
    save,
)
from kerascifar.scratch.saving import read_archive, write_archive


@pytest.fixture
def network():
    layers = [
        *(Normalize([0.5], [2.0]), Conv2D(3, 3, padding=1), MaxPool2D(2), BatchNormalization(), ReLU()),
        *(Flatten(), Dropout(0.2), Dense(4)),
    ]
    network = Network(layers, (6, 6, 2), SoftmaxCrossEntropy(0.1, [1.0, 2.0, 1.0, 1.0]))
    rng = np.random.default_rng(0)
    for _ in range(3):  # so that the moving averages are not those of a fresh net
        network.step(rng.random((8, 6, 6, 2), np.float32), rng.integers(0, 4, 8), Momentum(), 0.1, rng)
    return network


@pytest.fixture
def path(network, tmp_path):
    save(tmp_path / "model.npz", network)
    return tmp_path / "model.npz"


def test_round_trip(network, path):
    loaded = load(path)
    x = np.random.default_rng(1).random((5, 6, 6, 2), np.float32)
    np.testing.assert_array_equal(loaded.predict(x), network.predict(x))
    assert loaded.layers[1] is not network.layers[1]
    assert vars(loaded.loss) | {"gradient": 0} == vars(network.loss) | {"gradient": 0}
    loaded.step(x, np.zeros(5, int), Momentum(), 0.1, np.random.default_rng(0))  # and it can be trained on


def test_float64_comes_back_as_float64(tmp_path):
    save(tmp_path / "model.npz", Network([Flatten(), Dense(2)], (2, 2, 1), dtype=np.float64))
    assert load(tmp_path / "model.npz").parameters["1/kernel"].dtype == np.float64


def refuse(path):
    with pytest.raises(InputError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)


def test_missing(tmp_path):
    refuse(tmp_path / "none.npz")


@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.9, 0.99])
def test_a_flipped_byte_is_noticed_or_harmless(network, path, place):
    written = bytearray(path.read_bytes())
    written[int(place * len(written))] ^= 0xFF
    path.write_bytes(written)
    try:
        loaded = load(path)
    except InputError as error:
        assert "model.npz" in str(error)
    else:  # zip headers hold bytes, such as dates, that mean nothing here
        for name, w in network.parameters.items():
            np.testing.assert_array_equal(loaded.parameters[name], w)


def test_a_flipped_weight_is_noticed(network, path):
    written = path.read_bytes()
    weights = network.parameters["7/kernel"].tobytes()
    assert weights in written
    path.write_bytes(written.replace(weights, weights[:-1] + bytes([weights[-1] ^ 1])))
    refuse(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_cut_short(path, share):
    written = path.read_bytes()
    path.write_bytes(written[: int(share * len(written))])
    refuse(path)


def test_a_compressed_file_is_read_like_any_other(network, path):
    spec, arrays = read_archive(path)
    np.savez_compressed(path, spec=np.array(json.dumps(spec)), **arrays)
    loaded = load(path)
    for name, w in (network.parameters | network.state).items():
        np.testing.assert_array_equal((loaded.parameters | loaded.state)[name], w)


@pytest.mark.parametrize("save_archive", [np.savez, np.savez_compressed])
def test_a_compressed_file_that_unpacks_to_too_much_is_refused(path, monkeypatch, save_archive):
    spec, arrays = read_archive(path)
    save_archive(path, spec=np.array(json.dumps(spec)), **arrays)
    monkeypatch.setattr(reading, "MOST_UNPACKED_BYTES", 1000)
    monkeypatch.setattr(reading, "MOST_TIMES", 0)
    if save_archive is np.savez:  # what lies in the file as it is needs no limit
        load(path)
    else:
        refuse(path)


def test_pickles_are_not_executed(path, tmp_path):
    class Harmful:
        def __reduce__(self):
            return (open, (str(tmp_path / "harm"), "w"))

    np.savez(path, spec=np.array(Harmful(), dtype=object))
    refuse(path)
    assert not (tmp_path / "harm").exists()


def test_an_array_that_claims_to_be_huge_takes_no_memory(path):
    with zipfile.ZipFile(path, "w") as file:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"
        header += b" " * (118 - len(header) - 1) + b"\n"
        file.writestr("spec.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    refuse(path)


CHANGES = {
    "unknown layer": lambda spec, arrays: spec["layers"][1].update(kind="Harmful"),
    "unknown argument": lambda spec, arrays: spec["layers"][1]["arguments"].update(harm=1),
    "argument of a wrong type": lambda spec, arrays: spec["layers"][1]["arguments"].update(filters="3"),
    "more filters than weights": lambda spec, arrays: spec["layers"][1]["arguments"].update(filters=10**12),
    "shape of nothing": lambda spec, arrays: spec.update(input_shape=[0, 6, 2]),
    "no layers": lambda spec, arrays: spec.pop("layers"),
    "layers of a wrong type": lambda spec, arrays: spec.update(layers=3),
    "unknown loss": lambda spec, arrays: spec.update(loss={"kind": "x", "arguments": {}}),
    "array missing": lambda spec, arrays: arrays.pop("parameters/7/bias"),
    "array too many": lambda spec, arrays: arrays.update({"parameters/0/kernel": np.zeros(2, np.float32)}),
    "array of another shape": lambda spec, arrays: arrays.update({"parameters/7/bias": np.zeros(5, np.float32)}),
    "array of integers": lambda spec, arrays: arrays.update({"parameters/7/bias": np.zeros(4, np.int64)}),
    "not a number": lambda spec, arrays: arrays.update({"parameters/7/bias": np.full(4, np.nan, np.float32)}),
    "moving average missing": lambda spec, arrays: arrays.pop("state/3/mean"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed(path, change):
    spec, arrays = read_archive(path)
    CHANGES[change](spec, arrays)
    write_archive(path, spec, arrays)
    refuse(path)
