"""What a field of RunConfig is made of: its metadata, its range, and how text becomes its type."""

import dataclasses
import math
import os
import re
from collections.abc import Callable, Sequence
from typing import Any

from kerascifar.core.errors import InputError

Check = tuple[str, Callable[[Any], bool]]

MOST_SIDE = 4096  # pixels; so that no number in a file or on a command line fills memory
_MOST_SEEDS = 1000

POSITIVE: Check = ("greater than 0", lambda x: x > 0)
SIDE: Check = (f"from 1 to {MOST_SIDE}", lambda x: 1 <= x <= MOST_SIDE)
AT_LEAST_0: Check = ("0 or more", lambda x: x >= 0)
BELOW_1: Check = ("from 0 to below 1", lambda x: 0 <= x < 1)
UNIT: Check = ("from 0 to 1", lambda x: 0 <= x <= 1)
AT_LEAST_2: Check = ("2 or more", lambda x: x >= 2)
SHA256: Check = ("SHA-256 in hexadecimal", lambda xs: all(re.fullmatch("[0-9a-f]{64}", x) for x in xs))
ALL_POSITIVE: Check = ("all greater than 0", lambda xs: len(xs) > 0 and all(x > 0 for x in xs))
SEED: Check = (f"from 0 to {2**32 - 1}", lambda x: 0 <= x < 2**32)
FOLDER_NAME: Check = (
    "a plain folder name",
    lambda x: x not in (".", "..") and x == x.strip() and not any(c in x for c in '/\\:*?"<>|\0'),
)

# A t/c/n/s table: rows of expansion factor, channels, repeats, stride (MobileNetV2, Sandler et al. 2018, Table 2).
Rows = tuple[tuple[int, int, int, int], ...]
# Phases of a training: rows of epochs, layers that learn (the last N; 0 for all) and peak learning rate.
Phases = tuple[tuple[int, int, float], ...]


def one_of(*names: str) -> Check:
    """Check that a value is one of `names`."""
    return (f"one of {', '.join(names)}", lambda x: x in names)


def check_seeds(seeds: int) -> None:
    """Refuse a number of seeds that nobody trains with, before a list of so many is made. Raises InputError."""
    if not 1 <= seeds <= _MOST_SEEDS:
        raise InputError(f"--seeds: must be from 1 to {_MOST_SEEDS}, got {seeds}")


# The kinds of architectures, and those trained in steps; architectures.py says what fits them.
ENGINES = ("keras", "scratch", "baseline")
STEPS = ("keras", "scratch")


def option(
    default: Any,
    help: str,
    check: Check | None = None,
    *,
    engines: Sequence[str] = ENGINES,
    builder: bool = False,
    identity: bool = True,
    machine: bool = False,
    timed: bool = False,
    asked: bool = True,
    everyday: bool = False,
    scoring: Sequence[str] | None = None,
    repeated: bool = False,
) -> Any:
    """Make a field of RunConfig; its metadata is the one place of the rules about it.

    Args:
        default: once released, must not change: see ``RunConfig.run_id``.
        help: what --help says.
        check: the range: what it must be, in words, and whether a value is.
        engines: the kinds of architectures that take the field; others refuse any value but the default.
        builder: an argument of the architecture's builder; only architectures that list it take it.
        identity: decides the numbers of a run; else it stays out of run_id and result.json.
        machine: may differ between the machine that trained and the one that scores again; no part of the identity.
        timed: decides the time of a training step to an amount that matters.
        asked: has a flag; else it follows from the others.
        everyday: stands in the short --help.
        scoring: the field decides only how a finished net is scored, and no weight; the splits whose images it changes:
            where one of them selects the epoch, it decides weights all the same. None for any other field.
        repeated: its flag may be given several times; the values are joined by commas.
    """
    return dataclasses.field(
        default=default,
        metadata={
            "help": help,
            "check": check,
            "engines": tuple(engines),
            "builder": builder,
            "identity": identity and not machine,
            "machine": machine,
            "timed": timed or builder,
            "asked": asked,
            "everyday": everyday,
            "scoring": scoring,
            "repeated": repeated,
        },
    )


def _rows(value: Any) -> Any:
    """Split a text such as ``"1,16,1,1;6,24,2,2"`` into rows of words; what is no text has rows already."""
    return [row.split(",") for row in value.strip().strip(";").split(";")] if isinstance(value, str) else value


def convert(kind: Any, value: Any) -> Any:
    """Convert `value`, which may come as text, from TOML or from JSON, to the type `kind`.

    Raises:
        ValueError, TypeError: it is no such thing, or NaN, infinite or too large.
    """
    if kind == Rows:
        rows = tuple(tuple(convert(int, part) for part in row) for row in _rows(value))
        if not rows or any(len(row) != 4 or min(row) < 1 for row in rows):
            raise ValueError
        return rows
    if kind == Phases:
        phases = tuple((convert(int, e), convert(int, layers), convert(float, r)) for e, layers, r in _rows(value))
        if not phases or any(e < 1 or layers < 0 or r <= 0 for e, layers, r in phases):
            raise ValueError
        return phases
    if kind == tuple[int, ...]:
        parts = [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        return tuple(convert(int, part) for part in parts)
    if kind == tuple[str, ...]:
        if not all(isinstance(part, str) for part in value):
            raise ValueError
        return tuple(part.strip() for part in (value.split(",") if isinstance(value, str) else value) if part.strip())
    if isinstance(value, bool) != (kind is bool) or (kind is str and not isinstance(value, str)):
        raise ValueError
    if kind is int and isinstance(value, float):
        raise ValueError
    if kind is str and (not value or "\0" in value):  # no name of a file, on which it would fail much later
        raise ValueError
    try:
        # No text but a path begins with ~, which only a shell would have expanded.
        converted = os.path.expanduser(value) if kind is str else kind(value)
    except OverflowError:  # a whole number that is too large for a float
        raise ValueError from None
    if kind is float and not math.isfinite(converted):
        raise ValueError
    if kind is int and abs(converted) >= 2**63:  # no array takes it
        raise ValueError
    return converted


def wanted(kind: Any) -> str:
    """Say in words what a value of type `kind` looks like."""
    return _WORDS[kind][0]


def metavar(kind: Any) -> str:
    """Return what stands for a value of type `kind` in --help."""
    return _WORDS[kind][1]


_WORDS = {
    int: ("a whole number", "N"),
    float: ("a number", "X"),
    bool: ("true or false", ""),
    str: ("a text", "NAME"),
    Rows: ("rows of four whole numbers of at least 1, t,c,n,s;t,c,n,s;…", "T,C,N,S;…"),
    Phases: ("rows of epochs (1 or more), layers (0 or more) and rate (above 0), E,L,R;E,L,R;…", "E,L,R;…"),
    tuple[int, ...]: ("whole numbers with commas between", "N,N,…"),
    tuple[str, ...]: ("names with commas between", "NAME,…"),
}
