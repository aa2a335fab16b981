"""The wheel holds the shipped nets and a picture, and works where there is no repository."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import util
from pathlib import Path

import pytest

from kerascifar.core import shipped
from tests.servers import served_page

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("kerascifar", "tuner", "saved_models", "docs", "setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in",
           "README.md", "LICENSE")  # fmt: skip
PACKED = [name for name, net in shipped.NETS.items() if net.packed]
HOOK = "import setuptools.build_meta as made; print(made.build_sdist('sdist'))"


@pytest.fixture
def setup(monkeypatch):
    import setuptools

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(setuptools, "setup", lambda **settings: None)
    spec = util.spec_from_file_location("setup", ROOT / "setup.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_same_nets_are_named_in_both_places(setup):
    assert {name: net.run for name, net in shipped.NETS.items() if net.packed} == setup.NETS
    grafted = {f"graft saved_models/{name}/{run}" for name, run in setup.NETS.items()}
    assert grafted <= set((ROOT / "MANIFEST.in").read_text().splitlines())
    assert all(list(ROOT.glob(pattern)) for pattern in setup.FILES.values())


def test_what_an_index_shows_leads_to_nothing_that_only_the_repository_has(setup):
    shown = setup.description()
    assert "saved_models/figures" not in shown
    assert "[studies](docs/studies.md)" not in shown
    assert re.findall(r"\]\((?!https?:)", shown) == []
    assert shown.startswith("# kerascifar\n\nTrain and compare")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of an installation from a wheel that was built from an sdist."""
    place = tmp_path_factory.mktemp("packed")
    hidden = shutil.ignore_patterns("__pycache__")
    for name in SOURCES:
        source = ROOT / name
        (shutil.copytree(source, place / name, ignore=hidden) if source.is_dir() else shutil.copy(source, place / name))
    subprocess.run([sys.executable, "-c", HOOK], cwd=place, check=True, capture_output=True)
    pip = [sys.executable, "-m", "pip", "--no-input", "-q"]
    alone = ["--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", *alone, "--no-build-isolation", "-w", "wheel", *place.glob("sdist/*")],
                   cwd=place, check=True)  # fmt: skip
    (wheel,) = place.glob("wheel/*.whl")
    subprocess.run([*pip, "install", *alone, "--target", place / "there", wheel], check=True)
    return wheel, place / "there"


@pytest.mark.release
def test_it_runs_from_an_empty_folder(installed, tmp_path):
    _, there = installed

    def call(*argv):
        return subprocess.run(
            [sys.executable, there / "bin" / "kerascifar", *argv], cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(there)}, check=True,
        ).stdout  # fmt: skip

    listed = call("--list")
    for name in PACKED:
        assert re.search(rf"^{name} +cifar10 +\d\d,\d{{3}} +0\.\d{{4}}$", listed, re.MULTILINE)
    assert "frog.png" in listed
    row = call("predict", "tiny36k", "frog.png").splitlines()[-1]
    assert row.startswith(str(there / "kerascifar" / "shipped" / "pictures" / "frog.png"))
    assert row.split()[1] == "frog"
    assert not list(tmp_path.iterdir())
    demo = [sys.executable, there / "bin" / "kerascifar", "demo", "tiny36k", "--port", "0"]
    assert b"<html" in served_page(demo, tmp_path, {**os.environ, "PYTHONPATH": str(there)})
    code = "import kerascifar as kc; print(kc.load('tiny12k').label('frog.png'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(there)},
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.endswith("['frog']\n")


@pytest.mark.release
def test_what_the_wheel_holds(installed):
    wheel, _ = installed
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    assert "kerascifar/shipped/pictures/frog.png" in names
    for net in PACKED:
        own = {name.rpartition("/")[2] for name in names if name.startswith(f"kerascifar/shipped/{net}/")}
        assert own == {"README.md", "model.keras", "result.json", "scores.npz"}
    assert any(name.endswith("/LICENSE") for name in names)
    assert "License: MIT" in metadata
    assert wheel.stat().st_size < 3_000_000
