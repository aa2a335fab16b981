"""Every reader answers malformed files with a value or with one line; python tests/fuzzing.py tries thousands."""

import ast
from pathlib import Path

import pytest

from tests import fuzzing

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", fuzzing.READERS)
def test_a_malformed_file_is_answered_in_one_line(name):
    wrong = [f"{number}: {reason}" for _, number, reason, _ in fuzzing.failures(12, seed=1, names=[name])]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", fuzzing.READERS)
def test_the_unharmed_file_is_read(name, tmp_path):
    """Or what is refused above would say nothing about what was changed."""
    reader = fuzzing.READERS[name]
    for path in reader.beside:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / reader.file).write_bytes(reader.content())
    reader.read(tmp_path)


def test_every_module_that_reads_structured_files_has_a_row():
    covered = {module.__module__ if isinstance(module, type) else module.__name__
               for reader in fuzzing.READERS.values() for module in reader.modules}  # fmt: skip
    readers = set()
    for path in [*(ROOT / "kerascifar").rglob("*.py"), *(ROOT / "tuner").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (
                node.module == "kerascifar.core.reading"
                or (node.module == "kerascifar.core" and "reading" in {name.name for name in node.names})
            ):
                readers.add(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    assert readers <= covered
