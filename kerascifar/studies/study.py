"""A published study as a table of configs: one TOML file in recipes/, no Python.

title = "..."
source = "..."
beside = "goal"                 # what the figures in `expect` are; "paper" unless given
dataset = "cinic10"             # the study's own, where [common] has a stand_in and another `dataset` in its place
sizes = "..."                   # a sentence above the table of sizes and times, if one must know something of them
[common]                        # RunConfig keys shared by all rows that train
[[run]]
name = "knn-1-euclidean"
table = "Table 1"               # of the paper
k = 1                           # RunConfig keys: what the paper says, or evidently means
expect.test_accuracy = 0.3548   # what the paper prints; rows.EXPECTED lists the possible keys
as_published.statistics = "own" # what the authors' code did
fault = "the test images are normalised by their own statistics"

A run may start from the weights of another row (init_from = "NAME"), or say why it is not run (not_run = "..."). Other
kinds of rows: [[ensemble]] (members, vote), [[search]] (settings of a search by tuner, and RunConfig keys of its
trials, and in `found` the settings that the paper found) and [[quoted]] (only figures of the paper).
"""

import dataclasses
import fnmatch
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from kerascifar.architectures import ARCHITECTURES
from kerascifar.config import FIELDS
from kerascifar.core.errors import InputError
from kerascifar.core.files import safe_name
from kerascifar.core.reading import read_toml
from kerascifar.core.registry import lookup, nearest
from kerascifar.evaluation.voting import VOTES
from kerascifar.reporting.study_table import PAPER
from kerascifar.studies.rows import EXPECTED, KINDS, RATES, Ensemble, Quoted, Row, Search, Trained, Training

TOLD = ("title", "source", "beside", "sizes")  # keys of a recipe that are text
RECIPES = Path(__file__).resolve().parent / "recipes"


@dataclass(frozen=True)
class Study:
    """A study.

    Attributes:
        name: of its folder below --runs.
        title: number, authors and subject.
        source: where its figures stand.
        beside: what the figures in `expect` are called.
        rows: in their order in tables.
        sizes: a sentence above the table of sizes and times.
    """

    name: str
    title: str
    source: str
    beside: str
    rows: tuple[Row, ...]
    sizes: str = ""

    def __getitem__(self, name: str) -> Row:
        return next(row for row in self.rows if row.name == name)

    def matching(self, pattern: str) -> list[str]:
        """Return the names of the rows whose NAME or ARCH/NAME matches the glob `pattern`.

        Raises InputError: there is none.
        """
        names = [row.name for row in self.rows if any(fnmatch.fnmatch(name, pattern) for name in (row.name, row.label))]
        if not names:
            known = ", ".join(row.label for row in self.rows)
            raise InputError(f"--only {pattern!r} matches no row of {self.name}: {known}")
        return names

    def with_needed(self, names: Iterable[str]) -> list[str]:
        """Return `names` and those of all rows that they need, in the study's order."""
        needed = list(names)
        for name in needed:  # grows while we loop
            needed += [other for other in self[name].needs if other not in needed]
        return [row.name for row in self.rows if row.name in needed]


def studies() -> list[str]:
    """Return the names of the studies in recipes/."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_study(name: str, dataset: str | None = None) -> Study:
    """Read recipes/NAME.toml, or the file that `name` is, and check every row.

    Args:
        name: of the study.
        dataset: the study's own, to run on that instead of what stands in for it; or the recipe's. The study has a
            name, and so a folder, of its own then.

    Raises InputError: there is no such study, or it is not about `dataset`, or the file is malformed; the message names
    file, row and nearest name.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    safe_name(path.stem, f"{name}: the study's name")  # a folder under --runs has it
    try:
        recipe = read_toml(path)
    except FileNotFoundError:
        known = studies()
        raise InputError(f"unknown study {name!r}{nearest(name, known)}; choose from {', '.join(known)}") from None
    common = recipe.get("common", {})
    _check_keys(recipe, (*TOLD, "dataset", "common", *KINDS), path.name)
    _check_keys(common, ("stand_in", *FIELDS), f"{path.name}, [common]")
    study_name, stands_in = path.stem, common.get("dataset", FIELDS["dataset"].default)
    if dataset is not None:
        own = recipe.get("dataset", stands_in)
        lookup(dict.fromkeys((own, stands_in)), dataset, f"--dataset for {path.stem}")
        if dataset != stands_in:
            study_name = safe_name(f"{path.stem}-{own.replace(':', '-')}", f"{path.name}: dataset")
            common = {key: value for key, value in common.items() if key != "stand_in"} | {"dataset": own}
    for key in ("title", "source", "run"):
        if not recipe.get(key):
            raise InputError(f"{path.name}: needs {key}")
    rows = tuple(_row(kind, row, common, path.name) for kind in KINDS for row in recipe.get(kind, ()))
    names = [row.name for row in rows]
    if twice := {n for n in names if names.count(n) > 1}:
        raise InputError(f"{path.name}: two rows have the name {min(twice)}")
    told = {"beside": PAPER, "sizes": ""} | recipe
    told = {key: _typed(told[key], str, f"{path.name}: {key}") for key in TOLD}
    study = Study(study_name, rows=rows, **told)
    for row in rows:
        try:
            _check(study, row)
        except InputError as error:
            raise InputError(f"{path.name}, row {row.name}: {error}") from None
    return study


def _row(kind: str, keys: Mapping[str, Any], common: Mapping[str, Any], file: str) -> Row:
    if not isinstance(keys, Mapping) or not keys.get("name"):
        raise InputError(f"{file}: every [[{kind}]] needs a name")
    safe_name(keys["name"], f"{file}, the name of a [[{kind}]]")  # files of its outcome have it
    where, row_class = f"{file}, row {keys['name']}", KINDS[kind]
    own = {f.name: f for f in dataclasses.fields(row_class) if f.name != "recipe"}
    trained = issubclass(row_class, Trained)
    _check_keys(keys, (*own, *FIELDS) if trained else tuple(own), where)
    _check_keys(keys.get("as_published", {}), tuple(FIELDS), where)
    _check_keys(keys.get("expect", {}), EXPECTED, f"{where}, expect")
    for key, value in keys.get("expect", {}).items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or (key in RATES and value > 1):
            raise InputError(f"{where}: expect.{key} must be a number from 0{' to 1' * (key in RATES)}, got {value!r}")
    every = {**(common if kind != "quoted" else {}), **keys}
    chosen = {key: tuple(v) if isinstance(v, list) else v for key, v in every.items() if key in own}
    if missing := [f.name for f in own.values() if _required(f) and f.name not in chosen]:
        raise InputError(f"{where}: needs {missing[0]}")
    kinds = typing.get_type_hints(row_class)
    chosen = {key: _typed(value, kinds[key], f"{where}: {key}") for key, value in chosen.items()}
    shared = {"recipe": {key: value for key, value in every.items() if key not in own}} if trained else {}
    return row_class(**chosen, **shared)


def _typed(value: Any, kind: Any, where: str) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: {error}") from None


def _required(f: dataclasses.Field) -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def _check(study: Study, row: Row) -> None:
    """Check the values of a row's keys, and that the rows it names exist."""
    trainings = {other.name: other for other in study.rows if isinstance(other, Training)}
    if isinstance(row, Ensemble):
        lookup(VOTES, row.vote, "vote")
        for member in row.members:
            lookup(trainings, member, "member")
    if isinstance(row, Quoted) and row.arch:
        lookup(ARCHITECTURES, row.arch, "arch")
    if isinstance(row, Search):
        space = row.plan(row.config("corrected", Path()), Path()).space
        for name in row.found:
            lookup(space, name, "found setting")
    if isinstance(row, Training):
        ancestors, parent = [row.name], row.init_from
        while parent:
            lookup(trainings, parent, "init_from")
            if parent in ancestors:
                raise InputError(f"init_from goes in a circle: {', '.join((*ancestors, parent))}")
            ancestors.append(parent)
            parent = study[parent].init_from
        for mode in row.modes:
            row.config(mode, Path())


def _check_keys(table: Any, known: tuple[str, ...], where: str) -> None:
    if not isinstance(table, Mapping):
        raise InputError(f"{where}: expected a table of keys, got {table!r}")
    for key in table:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, known)}")
