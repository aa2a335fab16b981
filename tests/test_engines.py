"""The three engines offer the same functions, so that whoever calls one need not know which it is."""

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from kerascifar.architectures import ENGINES, Engine

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = [name for name, member in vars(Engine).items() if inspect.isfunction(member) and not name.startswith("_")]


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_engine_offers_each_function_with_the_protocols_parameters(kind, name):
    _, *expected = inspect.signature(getattr(Engine, name)).parameters  # without self
    assert list(inspect.signature(getattr(import_module(ENGINES[kind]), name)).parameters) == expected


@pytest.mark.parametrize("kind", ENGINES)
def test_an_engine_says_what_it_is(kind):
    engine = import_module(ENGINES[kind])
    assert [type(getattr(engine, name)) for name in ("TITLE", "TRAINED")] == [str, bool]
    assert set(Engine.__annotations__) == {"TITLE", "TRAINED", "MODEL"}
    assert engine.MODEL is None or Path(engine.MODEL).suffix


def test_the_protocol_has_its_functions():
    assert {"check", "fit", "restore", "layers", "time_step", "sweep", "serve"} <= set(FUNCTIONS)


def test_importing_the_engines_loads_neither_keras_nor_tensorflow():
    code = f"import sys, {', '.join(ENGINES.values())}; print(*({{'keras', 'tensorflow'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
