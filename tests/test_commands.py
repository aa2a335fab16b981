"""The command lines as a user meets them: quick answers, one-line errors, exit codes, nothing half-written."""

import re
import resource
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from kerascifar.__main__ import commands, dispatch
from tests.answers import refused

ROOT = Path(__file__).resolve().parent.parent
# Every module at the top of the package with a main, so that none can be forgotten here.
COMMANDS = tuple(
    path.stem
    for path in sorted((ROOT / "kerascifar").glob("*.py"))
    if path.stem != "__main__" and re.search(r"^def main\(", path.read_text(encoding="utf-8"), re.MULTILINE)
)
HEAVY = {"keras", "tensorflow", "tensorflow_datasets", "keras_tuner", "tensorboard"}


def cpu_seconds():
    """CPU time of the finished subprocesses, which does not depend on what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("name", COMMANDS)
def test_help_answers_at_once(name, command):
    before = cpu_seconds()
    done = command(f"kerascifar.{name}", "--help")
    assert cpu_seconds() - before < 3  # it takes less than one; importing TensorFlow alone takes five
    assert done.returncode == 0
    assert f"python -m kerascifar.{name}" in done.stdout


def test_lists_help_and_argument_errors_import_neither_keras_nor_tensorflow():
    lines = [[name, flag] for name in COMMANDS for flag in ("--help", "--no-such-flag")]
    lines += [["train", "--list"], ["train", "--list-augment"], ["train", "--epochs", "-3"], ["train", "--arch", "x"]]
    code = (
        "import sys, kerascifar.configure\n"
        "from importlib import import_module\n"
        f"for name, *argv in {lines}:\n"
        "    try: import_module('kerascifar.' + name).main(argv)\n"
        "    except (SystemExit, ValueError): pass\n"
        f"    print('AFTER', name, argv, *({HEAVY} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    after = [line for line in done.stdout.splitlines() if line.startswith("AFTER")]
    assert after == [f"AFTER {name} {argv}" for name, *argv in lines]
    assert re.search(r"^mobilenet_mod +\d", done.stdout, re.MULTILINE)
    assert re.search(r"^flip_crop_cutmix ", done.stdout, re.MULTILINE)


def test_the_package_lists_every_command_with_its_first_line(capsys):
    assert tuple(commands()) == COMMANDS
    dispatch([])
    listed = capsys.readouterr().out
    for name in COMMANDS:
        first_line = import_module(f"kerascifar.{name}").__doc__.splitlines()[0]
        assert re.search(rf"^{name} +{re.escape(first_line)}$", listed, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_package_hands_each_command_its_arguments(name, monkeypatch):
    calls = []
    monkeypatch.setattr(import_module(f"kerascifar.{name}"), "main", calls.append)
    dispatch([name, "RUN", "--flag", "--", "-x"])
    assert calls == [["RUN", "--flag", "--", "-x"]]


def test_a_command_of_the_package_is_the_module_s(command):
    for argv in (["train", "--help"], ["evaluate", "nowhere"], ["train", "--epochs", "-3"]):
        name, *rest = argv
        module, package = command(f"kerascifar.{name}", *rest), command("kerascifar", *argv)
        assert (package.returncode, package.stdout, package.stderr) == (module.returncode, module.stdout, module.stderr)
    refused(command("kerascifar", "trian"), "unknown command 'trian' (did you mean train?)")
    helped = command("kerascifar", "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "python -m kerascifar COMMAND" in helped.stdout


def test_the_console_script_is_the_package_s_command():
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    assert "kerascifar = kerascifar.__main__:main" in setup


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--arch", "mobilenet_mo"], "unknown --arch 'mobilenet_mo' (did you mean mobilenet_mod?)"),
        (["--dataset", "cifar1"], "did you mean cifar10?"),
        (["--optimizer", "sdg"], "did you mean sgd?"),
        (["--schedule", "cosin"], "did you mean cosine?"),
        (["--loss", "entropy"], "unknown --loss 'entropy'"),
        (["--augment", "flip_corp"], "did you mean flip_crop?"),
        (["--normalize", "chanel"], "did you mean channel?"),
        (["--epoch", "3"], "unknown argument --epoch (did you mean --epochs?)"),
        (["--epochs"], "--epochs: expected one argument"),
        (["--epochs", "-3"], "--epochs: must be greater than 0, got -3"),
        (["--batch-size", "0"], "--batch-size: must be greater than 0, got 0"),
        (["--tcns", "1,16,1;6"], "--tcns: expected rows of four whole numbers"),
        (["--arch", "lenet", "--tcns", "1,16,1,1"], "--tcns does not apply to lenet; it applies to mobilenet_mod"),
        (["--dataset", "digits", "--tcns", "1,16,1,2;6,24,2,4;6,32,2,4;6,64,1,2"], "64x64 pixels, got 32x32"),
        (["--patience", "3", "--validation", "0"], "--patience watches the validation accuracy"),
        (["--device", "tpu"], "got 'tpu'"),
        (
            ["--arch", "lenet", "--faults", "output_relu"],
            "--faults does not apply to lenet; it applies to scratch",
        ),
        (["--arch", "knn", "--freeze", "2"], "--freeze does not apply to knn; it applies to Keras nets"),
        (["--arch", "knn", "--epochs", "2"], "--epochs does not apply to knn: nothing is trained in steps"),
        (["--arch", "lenet", "--k", "3"], "--k does not apply to lenet; it applies to knn"),
        (["--config", "none.toml"], "--config: there is no file none.toml"),
        (["--init-weights", "none.pth", "--dataset", "digits"], "none.pth"),
    ],
)
def test_train_refuses_with_one_line(argv, message, command, tmp_path):
    refused(command("kerascifar.train", *argv), message)
    assert not list(tmp_path.rglob("*"))


def test_where_there_is_no_data_set_it_says_what_to_do(command, tmp_path):
    began = time.perf_counter()
    done = command("kerascifar.train", KERASCIFAR_DATA="", HOME=str(tmp_path), TFDS_DATA_DIR="")
    assert time.perf_counter() - began < 12
    refused(done, "--dataset digits")
    assert "cifar-10-python.tar.gz" in done.stderr


def test_a_toml_file_gives_flags_and_a_flag_overrides_it(command, tmp_path):
    (tmp_path / "my.toml").write_text('arch = "lenet_relu"\ndataset = "synthetic:60"\nepochs = 9\nbatch_size = 0\n')
    refused(command("kerascifar.train", "--config", "my.toml"), "--batch-size: must be greater than 0, got 0")


@pytest.mark.parametrize("name", ["evaluate", "predict", "ensemble"])
def test_a_run_that_is_none_is_refused(name, command, tmp_path):
    extra = ["x.png"] if name == "predict" else []
    refused(command(f"kerascifar.{name}", "nowhere", *extra), "RUN nowhere is not a folder")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    from kerascifar.configure import configure
    from kerascifar.run import run

    config = configure(
        arch="modified_net", dataset="synthetic:200", epochs=1, runs=str(tmp_path_factory.mktemp("runs")), device="cpu"
    )
    run(config)
    return config.folder


def test_evaluate_gets_the_same_numbers(finished, command):
    done = command("kerascifar.evaluate", finished)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.count("as in result.json") == 2


def test_predict_takes_pictures_folders_arrays_and_pickles(finished, command, tmp_path):
    import pickle

    from PIL import Image

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(images[0]).save(folder / "one.png")
    Image.fromarray(images[1]).resize((90, 50)).save(folder / "two.jpg")
    np.save(tmp_path / "array.npy", images)
    rows = images.transpose(0, 3, 1, 2).reshape(4, 3072)
    (tmp_path / "hidden").write_bytes(pickle.dumps({b"data": rows, b"ids": [70, 81, 92, 103]}, protocol=2))
    done = command(
        "kerascifar.predict", finished, "photos", "array.npy", "hidden", "photos/one.png", "--csv", "labels.csv"
    )
    assert done.returncode == 0, done.stderr
    head, *lines = (tmp_path / "labels.csv").read_text().splitlines()
    assert head.split(",")[:4] == ["image", "label", "label_id", "confidence"]
    assert len(head.split(",")) == 4 + 10
    by_name = {line.split(",")[0]: line.split(",")[1:] for line in lines}
    assert len(lines) == 2 + 4 + 4 + 1
    # The same pixels get the same answer through each door.
    assert by_name["array.npy[0]"] == by_name["hidden[70]"] == by_name["photos/one.png"]
    label, label_id, confidence, *each = by_name["array.npy[2]"]
    assert float(confidence) == max(map(float, each))
    assert int(label_id) == np.argmax([float(p) for p in each])
    assert head.split(",")[4 + int(label_id)] == label


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.png", b"\x89PNG garbage", "a.png: not a whole image"),
        ("a.npy", b"\x93NUMPY garbage", "a.npy is corrupt"),
        ("hidden", b"\x80\x02garbage", "hidden: not a whole CIFAR pickle"),
        ("evil", b"cos\nsystem\n(S'touch ran'\ntR.", "os.system"),
    ],
)
def test_predict_refuses_bad_files_without_running_them(name, content, message, finished, command, tmp_path):
    (tmp_path / name).write_bytes(content)
    refused(command("kerascifar.predict", finished, name), message)
    assert not (tmp_path / "ran").exists()


def test_predict_labels_what_can_be_labelled(finished, command, tmp_path):
    np.save(tmp_path / "array.npy", np.zeros((2, 32, 32, 3), np.uint8))
    (tmp_path / "bad.png").write_bytes(b"<html>")
    done = command("kerascifar.predict", finished, "bad.png", "array.npy", "--csv", "labels.csv")
    assert done.returncode == 3
    assert done.stderr == "not labelled: bad.png: not a whole image (cannot identify image file)\n"
    assert len((tmp_path / "labels.csv").read_text().splitlines()) == 3


def test_a_corrupt_model_is_refused(finished, command, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    (copy / "model.keras").write_bytes(b"PK not a model")
    np.save(tmp_path / "a.npy", np.zeros((1, 32, 32, 3), np.uint8))
    refused(command("kerascifar.predict", copy, "a.npy"), "is not a Keras model that can be loaded")


@pytest.mark.slow
def test_nan_is_one_line_and_keeps_the_checkpoint(command, tmp_path):
    done = command(
        "kerascifar.train", "--arch", "lenet_relu", "--dataset", "synthetic:200", "--learning-rate", "1e30",
        "--schedule", "constant", "--checkpoint-steps", "1", "--device", "cpu",
    )  # fmt: skip
    refused(done, "the last good checkpoint is kept")
    assert list(tmp_path.rglob("checkpoint.npz"))
    assert not list(tmp_path.rglob("result.json"))


def test_a_full_disk_is_one_line_and_leaves_no_part(command, tmp_path):
    import resource

    # A file may grow to 20 KiB only: the first checkpoint fails as it would on a full disk.
    done = command(
        "kerascifar.train", "--arch", "modified_net", "--dataset", "synthetic:60", "--epochs", "1", "--device", "cpu",
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20480, 20480)),
    )  # fmt: skip
    refused(done, "checkpoint.npz: File too large")
    assert not list(tmp_path.rglob("*.npz"))
    assert not list(tmp_path.rglob("result.json"))


def test_a_runs_folder_that_cannot_be_made_is_one_line(command, tmp_path):
    (tmp_path / "file").write_text("")
    done = command("kerascifar.train", "--arch", "modified_net", "--dataset", "synthetic:60", "--runs", "file")
    refused(done, "file/modified_net")
