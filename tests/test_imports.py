"""Imports run one way only (tools/decisions/0001-the-house.md); ORDER below is the rule, `tuner` and tools included."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (
    "audit",
    "card",
    "demo",
    "ensemble",
    "evaluate",
    "explore",
    "export",
    "launch",
    "lr_find",
    "predict",
    "report",
    "reproduce",
    "runs",
    "train",
)
# From left to right: a room imports only what stands on lines above its own.
ORDER = (
    ("core", "layers"),
    ("config", "results"),
    ("cli",),
    ("data", "devices", "models", "evaluation"),
    ("augment", "baselines"),
    ("training", "plots"),
    ("scratch",),
    ("architectures",),
    ("configure", "plugins", "reporting"),
    ("run",),
    ("serving", "tuner"),
    ("studies", "auditing", "demonstration"),
    ("api",),
    COMMANDS,
    ("__main__",),
    ("tools",),
)
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}
# What never imports Keras or TensorFlow, not even inside a function. `data` feeds tf.data and TFDS, `models`,
# `training`, `devices`, `serving`, `tuner` and what builds on them start them late.
NO_KERAS = (
    "architectures",
    "baselines",
    "cli",
    "config",
    "configure",
    "core",
    "evaluation",
    "launch",
    "plots",
    "report",
    "reporting",
    "results",
    "run",
    "scratch",
)
# The one place of other packages' private names, and what TensorBoard's curves need.
MAY = {"kerascifar.core.private"}
HEAVY = {"keras", "tensorflow", "tensorflow_datasets", "keras_tuner"}


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


PATHS = {
    name_of(path): path for folder in ("kerascifar", "tuner", "tools") for path in sorted((ROOT / folder).rglob("*.py"))
}


def room(module):
    """The room that a module is in: a package or a file at the top of kerascifar, tuner, or tools."""
    first, *rest = module.split(".")
    return rest[0] if first == "kerascifar" and rest else first


@functools.cache
def imported(module):
    """Every module that `module` imports, at its top or in a function: ours by file, others by their full name."""
    found = set()
    for node in ast.walk(ast.parse(PATHS[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in PATHS else node.module for name in inside}
    return frozenset(found - {module})


def ours(module):
    return {name for name in imported(module) if name in PATHS and name != "kerascifar"}


@pytest.mark.parametrize("module", [name for name in PATHS if name != "kerascifar"])
def test_imports_run_one_way(module):
    assert room(module) in RANK, f"{module} has no place in ORDER"
    for name in ours(module):
        if room(name) != room(module):
            assert RANK[room(name)] < RANK[room(module)], f"{module} imports {name}"


def test_no_circle_of_files():
    done, path = set(), []

    def visit(module):
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return
        path.append(module)
        for name in sorted(ours(module)):
            visit(name)
        done.add(path.pop())

    for module in PATHS:
        visit(module)


def test_the_house_has_twelve_floors_at_the_most():
    above = {}
    for module in PATHS:
        above.setdefault(room(module), set()).update(room(name) for name in ours(module))

    @functools.cache
    def floor(one):
        return 1 + max((floor(other) for other in above[one] - {one}), default=0)

    assert max(map(floor, above)) <= 12


def test_few_modules_stand_at_the_top():
    top = {path.stem for path in (ROOT / "kerascifar").glob("*.py")}
    assert set(COMMANDS) < top
    assert len(top - set(COMMANDS)) <= 8


@pytest.mark.parametrize("module", [name for name in PATHS if room(name) in NO_KERAS and name not in MAY])
def test_who_never_imports_keras(module):
    assert not {name.split(".")[0] for name in imported(module)} & HEAVY


def test_names_can_be_listed_without_keras():
    code = (
        "import sys, kerascifar.configure, kerascifar.run as r; "
        f"print(len(r.ARCHITECTURES), *(set({sorted(HEAVY)}) & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    count, *loaded = done.stdout.split()
    assert int(count) > 15
    assert loaded == []
