"""README's and docs' Python is run as it stands, and what they name exists; their commands are parsed."""

import functools
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in (
    ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")),
)}  # fmt: skip
PYTHON = [(page, code) for page, text in PAGES.items() for code in re.findall(r"```python\n(.*?)```", text, re.S)]
COMMANDS = sorted(
    {
        line.split("  #")[0].strip()
        for text in PAGES.values()
        for block in re.findall(r"```sh\n(.*?)```", text, re.S)
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("python -m ")
    }
)


@pytest.mark.slow
@pytest.mark.parametrize(("page", "code"), PYTHON, ids=[page for page, _ in PYTHON])
def test_the_python_examples_run(tmp_path, page, code):
    assert len([line for line in code.splitlines() if line]) <= 14
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{page}: {done.stderr}"
    assert re.search(r"0\.\d+", done.stdout.splitlines()[-1])  # each ends by printing an accuracy


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page):
    text = PAGES[page]
    for name in re.findall(r"\]\(([^)#]+)\)", text):
        assert name.startswith("http") or ((ROOT / page).parent / name).exists(), name
    for name in re.findall(r"`((?:tools|tests|kerascifar|docs)/[\w./]+)`", text):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_parsed(command):
    """A flag or a subcommand that does not exist is refused; --help ends the command before it begins."""
    _, _, module, *arguments = shlex.split(command)
    arguments = arguments[: arguments.index("--")] if "--" in arguments else arguments
    known = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", _help(module)))
    assert {word.partition("=")[0] for word in arguments if word.startswith("--")} <= known


@functools.cache
def _help(module):
    done = subprocess.run(
        [sys.executable, "-m", module, "--help", "all"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_flag_in_running_text_exists():
    known = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", "".join(map(_help, {c.split()[2] for c in COMMANDS}))))
    known |= {"--all", "--release", "--logdir", "--port", "--nthreads"}  # of tools/test, tensorboard, dask,
    known |= {"--strict", "--inplace"}  # mkdocs and jupyter
    for page, text in PAGES.items():
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", re.sub(r"<!--.*?-->", "", text))) <= known, page
