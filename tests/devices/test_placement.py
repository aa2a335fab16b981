"""Which device a run uses: a malformed or missing one is refused, and the choice is printed."""

import json
import re
from pathlib import Path

import pytest

from kerascifar.config import RunConfig
from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.devices import placement
from kerascifar.results import SCORES, read_result

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("text", ["tpu", "gpu:", "gpu:x", "cpu:", "auto:1", "cpu:-2", "gpu:1.0"])
def test_malformed_devices_are_refused(text):
    with pytest.raises(InputError, match="expected auto, cpu, cpu:N, gpu or gpu:N"):
        configure(device=text)


def test_a_cpu_is_split_in_two_or_more():
    with pytest.raises(InputError, match="2 or more"):
        configure(device="cpu:1")


@pytest.mark.parametrize(
    ("device", "strategy", "message"),
    [
        ("cpu:2", "none", "is for --strategy mirrored; give --device cpu"),
        ("cpu", "mirrored", "is one device, and --strategy mirrored needs several"),
        ("gpu:1", "mirrored", "is one device, and --strategy mirrored needs several"),
    ],
)
def test_a_device_that_the_strategy_has_no_use_for_is_refused(device, strategy, message):
    with pytest.raises(InputError, match=message):
        placement.check_place(RunConfig(device=device, strategy=strategy))


@pytest.mark.parametrize(
    ("device", "gpus", "chosen"), [("auto", 0, []), ("auto", 2, [0]), ("gpu:1", 2, [1]), ("cpu", 2, [])]
)
def test_the_gpu_that_is_taken(device, gpus, chosen):
    assert placement._choose(RunConfig(device=device), gpus) == chosen


def test_mirrored_takes_all_gpus_and_needs_two():
    assert placement._choose(RunConfig(device="auto", strategy="mirrored"), 3) == [0, 1, 2]
    with pytest.raises(InputError, match=r"sees no GPU here, and the strategy needs 2 or more; --device cpu:2"):
        placement._choose(RunConfig(device="auto", strategy="mirrored"), 0)
    with pytest.raises(InputError, match=r"sees 1 GPU\(s\)"):
        placement._choose(RunConfig(device="gpu", strategy="mirrored"), 1)


def test_workers_of_one_machine_take_a_gpu_each(monkeypatch):
    config = RunConfig(device="gpu", strategy="multiworker")
    cluster = '{"cluster": {"worker": ["a:1", "b:1", "b:2"]}, "task": {"type": "worker", "index": %d}}'
    monkeypatch.setenv("TF_CONFIG", cluster % 1)
    assert placement._choose(config, 2) == [0]  # the first of host b
    monkeypatch.setenv("TF_CONFIG", cluster % 2)
    assert placement._choose(config, 2) == [1]  # its second
    with pytest.raises(InputError, match="worker 2 would take gpu:1"):
        placement._choose(config, 1)


@pytest.mark.parametrize("device", ["gpu", "gpu:97"])
def test_a_gpu_that_is_not_there_is_no_fall_back(device):
    with pytest.raises(InputError, match="TensorFlow sees no GPU here; use --device cpu or auto"):
        placement._choose(RunConfig(device=device), 0)


def test_auto_says_what_it_chose(capsys):
    notes = placement.start(RunConfig())
    output = capsys.readouterr().out
    assert output.count("\n") == 1
    assert f"device {notes['device']}" in output
    assert ("(auto: no GPU is visible to TensorFlow)" in output) == (notes["device"] == "cpu")


def test_a_backend_that_is_not_installed_is_one_line(command, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(  # as where there is no JAX
        "import importlib.util as u\nold = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'jax' else old(name, package)\n"
    )
    paths = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    for line in ("train --arch lenet --dataset digits --input arrays", "explore --arch vgg16"):
        done = command("kerascifar", *line.split(), KERAS_BACKEND="jax", **paths)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "error: KERAS_BACKEND=jax: jax is not installed here; pip install jax, or name another\n"


TRAIN = ("--arch", "lenet", "--dataset", "digits", "--train-limit", "200", "--epochs", "1", "--threads", "1")


def test_settings_of_keras_on_this_machine_change_nothing(command, tmp_path):
    settings = {"floatx": "float16", "epsilon": 0.1, "backend": "torch", "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    odd = {"KERAS_HOME": str(tmp_path), "KERAS_MAX_STEPS_PER_EPOCH": "1", "KERAS_MAX_EPOCHS": "0"}
    for runs, environment in (("plain", {}), ("odd", odd)):
        done = command("kerascifar.train", *TRAIN, "--runs", runs, **environment)
        assert done.returncode == 0, done.stderr
    plain, odd = (next((tmp_path / runs).glob("*/*/result.json")).parent for runs in ("plain", "odd"))
    assert read_result(plain).metrics == read_result(odd).metrics
    assert (plain / SCORES).read_bytes() == (odd / SCORES).read_bytes()


@pytest.mark.parametrize("settings", ['{"floatx": "decimal"}', '{"epsilon": 1}', "[]"])
def test_settings_that_keras_refuses_are_one_line(command, tmp_path, settings):
    (tmp_path / "keras.json").write_text(settings)
    done = command("kerascifar.train", *TRAIN, KERAS_HOME=str(tmp_path))
    assert done.returncode == 2
    assert re.fullmatch(r"error: Keras cannot start with the settings in \S+/keras.json: .*\n", done.stderr)
