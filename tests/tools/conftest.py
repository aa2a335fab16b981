import importlib.util
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
if str(TOOLS) not in sys.path:  # as where one of them is run: they import each other
    sys.path.append(str(TOOLS))


@pytest.fixture(scope="session")
def load_tool():
    """Return a function that imports tools/NAME.py, anew each time."""

    def load(name):
        spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
