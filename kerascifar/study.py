"""A published study as a table of configs: one TOML file in recipes/, no Python.

title = "..."
source = "..."
[common]                        # RunConfig keys of every row
[[run]]
name = "knn-1-euclidean"
table = "Table 1"               # where the paper prints it
k = 1                           # RunConfig keys: what the paper says, or plainly meant
expect.test_accuracy = 0.3548   # what the paper prints
as_published.statistics = "own" # what the authors' code did
fault = "the test images are normalised by their own statistics"
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerascifar.config import FIELDS, RunConfig
from kerascifar.configure import configure
from kerascifar.errors import InputError
from kerascifar.registry import nearest

RECIPES = Path(__file__).resolve().parent / "recipes"
MODES = ("as-published", "corrected")
# Keys of a row that are no RunConfig field.
_OF_ROW = ("name", "table", "expect", "as_published", "fault", "note")
_OF_FILE = ("title", "source", "common", "run")


@dataclass(frozen=True)
class Row:
    """One row of a published table.

    Attributes:
        name: unique in its study.
        table: where the paper prints it.
        given: RunConfig keys of the corrected run.
        as_published: keys that the authors' code had otherwise; empty where nothing is known to differ.
        expect: the paper's figures, such as test_accuracy.
        fault: what went wrong, in one line; empty where nothing did.
        note: what a reader must know of our run.
    """

    name: str
    table: str
    given: Mapping[str, Any]
    as_published: Mapping[str, Any] = field(default_factory=dict)
    expect: Mapping[str, float] = field(default_factory=dict)
    fault: str = ""
    note: str = ""

    def config(self, mode: str, folder: Path) -> RunConfig:
        """Return the config of this row in `mode`, one of MODES, its runs below `folder`.

        Runs lie in folder/ARCH/RUN-ID, so rows that ask for the same share one run.
        """
        overrides = self.as_published if mode == "as-published" else {}
        return configure(**{**self.given, **overrides, "runs": str(folder)})


@dataclass(frozen=True)
class Study:
    """A study: title, source, and its rows in the order in which they should be run."""

    name: str
    title: str
    source: str
    rows: tuple[Row, ...]


def studies() -> list[str]:
    """Return the names of the studies in recipes/."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_study(name: str) -> Study:
    """Read recipes/NAME.toml, or the file that `name` is, and check every row.

    Raises:
        InputError: there is no such study, or the file is malformed; the message names file, row and nearest name.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = studies()
        raise InputError(f"unknown study {name!r}{nearest(name, known)}; choose from {', '.join(known)}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is not TOML: {error}") from None
    _check_keys(found, _OF_FILE, path.name)
    for key in ("title", "source", "run"):
        if not found.get(key):
            raise InputError(f"{path.name}: needs {key}")
    rows = tuple(_row(row, found.get("common", {}), path) for row in found["run"])
    names = [row.name for row in rows]
    if twice := {n for n in names if names.count(n) > 1}:
        raise InputError(f"{path.name}: the name {min(twice)} stands twice")
    return Study(path.stem, found["title"], found["source"], rows)


def _row(row: Mapping[str, Any], common: Mapping[str, Any], path: Path) -> Row:
    where = f"{path.name}, row {row.get('name', '?')}"
    if not row.get("name"):
        raise InputError(f"{path.name}: every [[run]] needs a name")
    given = {**common, **{key: value for key, value in row.items() if key not in _OF_ROW}}
    as_published = row.get("as_published", {})
    for keys in (given, as_published):
        _check_keys(keys, tuple(FIELDS), where)
    made = Row(
        row["name"],
        row.get("table", ""),
        given,
        as_published,
        row.get("expect", {}),
        row.get("fault", ""),
        row.get("note", ""),
    )
    for mode in MODES:
        try:
            made.config(mode, Path())
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    return made


def _check_keys(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in given:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, (*known, *_OF_ROW))}")
