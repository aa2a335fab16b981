"""Every command of README and docs runs as it stands in a folder like a newcomer's; what takes long, at reduced size.

Flags put behind a command reduce it: of a flag given twice the last one counts.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.servers import served_page
from tests.test_readme import PAGES

pytestmark = pytest.mark.release
ROOT = Path(__file__).resolve().parent.parent
SMALL = "--dataset synthetic:60"
# What stands behind each command that is run at reduced size; the first pattern that fits counts.
REDUCED = (
    (r"train .*--(list|config|plugin)|train .*folder|train .*digits|train --init", ""),
    (r"train .*--(dry-run|seeds)|train .*resnet18", f"--arch lenet {SMALL} --epochs 1"),
    (r"train .*--arch (knn|nearest_centroid)", SMALL),
    (r"train .*--exclude", "--arch lenet --train-limit 200 --test-limit 50 --epochs 1"),
    (r"kerascifar\.train ", f"{SMALL} --epochs 1"),
    (r"lr_find .*(folder|cifar100)", "--dataset synthetic:60 --steps 40"),
    (r"lr_find", f"--arch lenet {SMALL} --steps 40"),
    (r"audit .*--scores-of", f"{SMALL} --scores-of saved_models/mobilenet_mod"),
    (r"audit .*--dataset cifar10", f"{SMALL} --folds 2"),
    (r"explore .*--plugin", ""),
    (r"explore", SMALL),
    (r"launch", f"--arch lenet {SMALL} --epochs 1"),
    (r"tuner .*--plugin", "--max-trials 1 --epochs 1"),
    (r"tuner --arch", f"{SMALL} --max-trials 2 --initial-points 1 --epochs 1"),
    (r"reproduce rawat", "--only final"),
    (r"reproduce lai", "--budget 20s"),
)
# Commands that need CIFAR-10 itself, which scores the nets that come along, and is the data of the studies.
NEEDS_CIFAR = r"(evaluate|card) .*tiny36k|export tiny |train .*--exclude|reproduce (rawat|lai)"
SERVERS = r"demo (?!.*--(out|fetch)).*|tensorboard"
# Not run here, and where else they are.
ELSEWHERE = {
    r"tools/run$": "tests/test_main_job.py",
    r"source ": "a shell's own",
    r"--fetch-runtime site/runtime$": "loads from the network: tests/demonstration/test_runtime.py has an archive's",
    r"--runtime-archive": "tests/demonstration/test_runtime.py, on an archive like that",
    r"--data-dir /data/cinic10": "tests/studies, on a folder like CINIC-10's",
}
RUNS = ("saved_models/mobilenet_mod", "saved_models/second", "saved_models/third")


def commands():
    """Return (page, command) of each line in a block of shell commands, each command once."""
    found = {}
    for page, text in PAGES.items():
        for block in re.findall(r"```sh\n(.*?)```", text, re.S):
            for line in block.replace("\\\n", " ").splitlines():
                command = " ".join(line.split("  #")[0].split())
                if command and not any(re.search(pattern, command) for pattern in ELSEWHERE):
                    found.setdefault(command, page)
    return [(page, command) for command, page in found.items()]


COMMANDS = commands()


def reduced(command):
    for run in RUNS:
        command = re.sub(r"(?<![\w-])RUN\b", run, command, count=1)
    command = re.sub(r"(?<![\w-])DIR\b", "MY_PICTURES", command)
    return f"{command} {next((more for pattern, more in REDUCED if re.search(pattern, command)), '')}".strip()


def environment(folder):
    """Return the environment in which `python` is the one of these tests, and nothing outside `folder` is written."""
    (folder / "bin").mkdir(exist_ok=True)
    places = [str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {
        **os.environ, "PATH": os.pathsep.join(places), "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache"),
    }  # fmt: skip


def shell(folder, command, timeout=280):
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment(folder),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
    return done


def pictures(folder, classes=("cat", "dog"), count=12):
    draws = np.random.default_rng(0)
    for place, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            image = draws.integers(0, 120, (32, 32, 3)) + 100 * place
            Image.fromarray(image.astype(np.uint8)).save(folder / name / f"{i}.png")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder as it is after the commands that others build on: nets, pictures, lists."""
    folder = tmp_path_factory.mktemp("home")
    kept = ("tiny36k", "tiny12k", "modified_net", "records/airbench95/20a11ddc0ad5", "records/airbench94/4309e8d0c41e")
    for name in kept:
        shutil.copytree(ROOT / "saved_models" / name, folder / "saved_models" / name)
    searches = "saved_models/andrzejczuk_orslowski/searches"
    shutil.copytree(ROOT / searches, folder / searches)
    shutil.copytree(ROOT / "saved_models/audits/cifar10", folder / "audit")
    shutil.copytree(ROOT / "docs", folder / "docs")
    frog = ROOT / "docs/pictures/frog.png"
    (folder / "photos").mkdir()
    for name in ("cat.png", "photo.png", "photos/1.png", "photos/2.png"):
        shutil.copy(frog, folder / name)
    shutil.copytree(ROOT / "saved_models/tiny36k", folder / "tiny")  # what `card tiny36k --out tiny` makes
    for name in ("MY_PICTURES", "my_pictures"):
        pictures(folder / name)
    (folder / "my_run.toml").write_text('arch = "lenet"\ndataset = "synthetic:60"\nepochs = 1\n', encoding="utf-8")
    for line in (
        f"python -m kerascifar.train --arch mobilenet_mod --name mobilenet_mod {SMALL} --epochs 1",
        f"python -m kerascifar.train --arch lenet --name second {SMALL} --epochs 1",
        f"python -m kerascifar.train --arch lenet_relu --name third {SMALL} --epochs 1",
        "python -m kerascifar.train --plugin docs/my_plugin.py --arch my_net --dataset my_data --augment my_policy",
        "python -m kerascifar.train --name mine --init-weights tiny36k --dataset folder --data-dir MY_PICTURES "
        "--epochs 2",
    ):
        shell(folder, line)
    pairs = (folder / "audit/pairs.csv").read_text(encoding="utf-8")
    (folder / "pairs.csv").write_text(pairs, encoding="utf-8")
    head, first = (line.split(",") for line in pairs.splitlines()[:2])
    twin = dict(zip(head, first, strict=True))  # of a training image, as if its label were suspect
    labels = (folder / "audit/labels.csv").read_text(encoding="utf-8")
    more = f"train,{twin['b_index']},{twin['b_sha256']},{twin['b_label']},truck,-0.5,yes\n"
    (folder / "labels.csv").write_text(labels + more, encoding="utf-8")
    return folder


@pytest.fixture
def here(home, tmp_path):
    """A copy of that folder, so that no command meets what another one left."""
    return shutil.copytree(home, tmp_path / "home")


@pytest.mark.parametrize("command", [line for _, line in COMMANDS if not re.search(SERVERS, line)])
def test_the_command_runs(here, command, request):
    if re.search(NEEDS_CIFAR, command):
        request.getfixturevalue("real_data")
    done = shell(here, reduced(command))
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [line for _, line in COMMANDS if re.search(SERVERS, line)])
def test_the_command_serves_a_page(here, command):
    line = f"exec {reduced(command)} --port 0"
    assert b"<html" in served_page(["bash", "-c", line], here, environment(here)).lower()


def test_every_pattern_is_of_use():
    lines = [line for _, line in COMMANDS]
    for pattern, _ in REDUCED:
        assert any(re.search(pattern, line) for line in lines), pattern
    text = "\n".join(PAGES.values())
    for pattern in ELSEWHERE:
        assert re.search(pattern, text, re.M) or re.search(pattern.rstrip("$"), text), pattern
