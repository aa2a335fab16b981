"""Imports run one way only (tools/decisions/0001-the-house.md); the order below is the rule."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# From left to right; nothing imports what stands right of it, and names on one line do not import each other
# unless they lie in the same package.
ORDER = [
    ["errors", "cores"],
    ["files", "fields", "registry", "origin"],
    ["cli", "config", "contracts", "normalization", "pixels", "cluster"],
    ["layers", "metrics", "calibration", "latency", "voting", "flags"],
    ["plots"],
    ["data", "models", "baselines", "scratch", "board"],
    ["distribution", "jax_devices"],
    ["results", "devices"],
    [
        "training.optimizers",
        "training.schedules",
        "training.losses",
        "training.checkpoint",
        "training.phases",
        "training.stages",
    ],
    ["configure"],
    ["training"],
    ["run", "listing", "estimate", "lengths"],
    ["serving", "members", "pictures", "summary", "rows", "costs"],
    ["ensemble", "study", "reporting", "exporting"],
    ["plan"],
    ["planning", "performing", "figures"],
    ["study_table"],
    ["train", "evaluate", "predict", "explore", "export", "reproduce", "launch", "report", "card"],
]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
FILES = sorted((ROOT / "kerascifar").rglob("*.py"))
NUMPY_ONLY = (
    "errors",
    "cores",
    "files",
    "registry",
    "config",
    "flags",
    "contracts",
    "normalization",
    "origin",
    "pixels",
    "metrics",
    "calibration",
    "plots",
    "board",
    "reporting",
    "report",
    "latency",
    "voting",
    "baselines",
    "scratch",
    "cli",
    "cluster",
    "launch",
)


def place(module):
    """The entry of ORDER that a dotted module below kerascifar belongs to."""
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        if ".".join(parts[:end]) in RANK:
            return ".".join(parts[:end])
    return None


def module_of(path):
    return ".".join(path.relative_to(ROOT / "kerascifar").with_suffix("").parts).removesuffix(".__init__")


def imported(tree, own):
    """Every module that `tree` imports, as a dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{own}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_run_one_way(path):
    own = module_of(path)
    if own == "__init__":
        return
    assert place(own), f"{own} has no place in ORDER"
    for name in imported(ast.parse(path.read_text()), own):
        if not name.startswith("kerascifar."):
            continue
        other = place(name.removeprefix("kerascifar."))
        if other is None or other == place(own) or other.split(".")[0] == own.split(".")[0]:
            continue
        assert RANK[other] < RANK[place(own)], f"{own} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_who_may_import_keras(path):
    own = module_of(path)
    found = {name.split(".")[0] for name in imported(ast.parse(path.read_text()), own)}
    if own.split(".")[0] in NUMPY_ONLY:
        assert not found & {"keras", "tensorflow", "tensorflow_datasets"}, f"{own} never imports Keras or TensorFlow"
    if own.split(".")[0] in ("models", "training") and own != "training.fit":
        assert "tensorflow" not in found, f"{own} speaks Keras, not TensorFlow"


def test_names_can_be_listed_without_tensorflow():
    import subprocess
    import sys

    code = (
        "import sys, kerascifar.run as r; "
        "print(len(r.ARCHITECTURES), *(m in sys.modules for m in ('keras', 'tensorflow')))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    count, *loaded = told.split()
    assert int(count) > 15
    assert loaded == ["False", "False"]
