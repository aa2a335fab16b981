"""docs/notebook.ipynb: its cells run, as plain Python and, before a release, in Jupyter; its outputs are small."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "docs/notebook.ipynb"
CELLS = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
OUTPUTS = [output for cell in CELLS for output in cell["outputs"]]


@pytest.fixture
def folder(tmp_path):
    """A folder with what the notebook finds beside it."""
    shutil.copytree(ROOT / "docs/pictures", tmp_path / "pictures")
    return tmp_path


def test_the_cells_run_as_plain_python(folder):
    code = "\n".join("".join(cell["source"]) for cell in CELLS)
    for whole, part in (("EPOCHS = 6", "EPOCHS = 1"), ("load_digits()", "load_digits(n_class=3)")):
        assert whole in code
        code = code.replace(whole, part)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"^frog +0\.9", done.stdout, re.M)
    assert re.search(r"^nearest centroid 0\.\d{4}$", done.stdout, re.M)


def test_every_cell_was_run_in_order_and_without_an_error():
    assert [cell["execution_count"] for cell in CELLS] == list(range(1, len(CELLS) + 1))
    assert {output["output_type"] for output in OUTPUTS} == {"execute_result", "stream"}
    assert not [output for output in OUTPUTS if output.get("name") == "stderr"]


def test_the_outputs_are_small_and_name_no_machine():
    assert NOTEBOOK.stat().st_size < 100_000
    for output in OUTPUTS:
        texts = {kind: text for kind, text in output.get("data", {}).items() if not kind.startswith("image/")}
        shown = json.dumps([texts, output.get("text", "")])
        assert not re.search(r"(?<![\w.<])/(?!t[dhr]|table|thead|tbody)\w|\\\\Users", shown), shown


@pytest.mark.release
def test_jupyter_runs_it(folder):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    kinds = [set(output.get("data", {})) for output in shown]
    assert sum("text/html" in kind for kind in kinds) == 4  # a net, a config, a shipped net, the runs
    assert sum("image/png" in kind for kind in kinds) == 2
