"""README's table "to add, touch only": one of each is added to a copy of the package, in that file alone, and used."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODEL = '''"""A net of one layer."""

from kerascifar.core.registry import Variant
from kerascifar.models._late import _blocks, layers


def one_layer(input_shape, classes, mean, std, *, dropout):
    """Flatten, drop, classify."""
    inputs, x = _blocks.pixels(input_shape, mean, std)
    x = layers.Dropout(dropout, name="dropout")(layers.Flatten(name="flatten")(x))
    return _blocks.classifier(inputs, x, classes, "fc", "one_layer")


VARIANTS = {
    "one_layer": Variant(
        one_layer, {"dropout": 0.1}, params=30_730, multiply_adds=30_720, source="ours", least_side=lambda **_: 1
    )
}
'''
STUDY = """title = "mine"
source = "nobody"

[[run]]
name = "mine"
arch = "one_layer"
dataset = "mine"
augment = "mine"
optimizer = "mine"
schedule = "mine"
loss = "mine"
batch_size = 20
epochs = 2
expect.test_accuracy = 0.1
"""
# What is added, after which line of which file.
ROWS = {
    "kerascifar/data/datasets.py": (
        r"^DATASETS\b.*\{\n",
        '    "mine": Source(lambda config, argument: synthetic.read(config, "80"), "ours", "ours"),\n',
    ),
    "kerascifar/augment/policies.py": (r"^POLICIES\b.*\{\n", '    "mine": Policy("flip(0.5)", "ours"),\n'),
    "kerascifar/baselines/distances.py": (r"^DISTANCES\b.*\{\n", '    "mine": Distance(l1, search="l1", power=1),\n'),
    "kerascifar/training/optimizers.py": (
        r"^OPTIMIZERS\b.*\{\n",
        '    "mine": Optimizer("SGD", {"learning_rate": 0.01}),\n',
    ),
    "kerascifar/training/schedules.py": (
        r"^SCHEDULES\b.*\{\n",
        '    "mine": lambda t, c, ops: 1.0 / (1.0 + t),\n',
    ),
    "kerascifar/training/losses.py": (r"^LOSSES\b.*\{\n", '    "mine": _cross_entropy,\n'),
    "tuner/spaces.py": (
        r"^SPACES\b.*\{\n",
        '    "mine": Space({"batch_size": Choice((20, 40))}, "ours", {}, {}),\n',
    ),
    "kerascifar/config/training.py": (
        r"^class TrainingConfig:\n    \"\"\".*\"\"\"\n\n",
        '    mine: int = option(3, "a number of mine", engines=STEPS)\n',
    ),
}
USED = """
from kerascifar.configure import configure
from kerascifar.run import run
from tuner.spaces import find_space

result = run(configure(arch="knn", distance="mine", dataset="mine"))
assert result.dataset["images"]["train"] == 80, result.dataset
config = configure(arch="one_layer", mine=4)
assert config.to_dict()["mine"] == 4 and config.run_id != configure(arch="one_layer").run_id
assert list(find_space("mine", "one_layer", "sgd")) == ["batch_size"]
"""


def call(copy, folder, *line):
    done = subprocess.run(
        [sys.executable, *line], cwd=folder, env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_what_is_added_in_one_file_is_used_everywhere(tmp_path):
    copy = tmp_path / "copy"
    for package in ("kerascifar", "tuner"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, (line, row) in ROWS.items():
        text, count = re.subn(line, lambda match, row=row: match[0] + row, (copy / name).read_text(), flags=re.M)
        assert count == 1, name
        (copy / name).write_text(text)
    (copy / "kerascifar/models/one_layer.py").write_text(MODEL)
    (copy / "kerascifar/studies/recipes/mine.toml").write_text(STUDY)
    call(copy, tmp_path, "-c", USED)
    listed = call(copy, tmp_path, "-m", "kerascifar.train", "--list")
    assert re.search(r"^one_layer +30,730 +30,720", listed, re.M)
    assert "--mine N" in call(copy, tmp_path, "-m", "kerascifar.train", "--help", "all")
    call(copy, tmp_path, "-m", "kerascifar.reproduce", "mine", "--full", "--device", "cpu")
    table = (tmp_path / "saved_models/mine/table.md").read_text()
    assert re.search(r"^\|[^|]*\| mine \| 0\.1000 \| \[0\.\d{4}\]", table, re.M), table
    search = ("--arch", "one_layer", "--dataset", "mine", "--space", "mine", "--oracle", "grid", "--epochs", "1")
    call(copy, tmp_path, "-m", "tuner", *search, "--device", "cpu")
    assert list(tmp_path.glob("saved_models/search-*/best.toml"))


def test_the_table_names_every_file_that_is_added_to():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme[readme.index("| to add | touch only |") :]
    for name in (*ROWS, "kerascifar/models/", "kerascifar/studies/recipes/"):
        folder, _, file = name.rpartition("/")
        stem = file.removesuffix(".py")
        assert name in table or (f"{folder}/" in table and (stem in table or folder.endswith("config"))), name
