"""A command-line flag for each field of RunConfig."""

import argparse
from collections.abc import Iterable
from typing import Any

from kerascifar.config import FIELDS, flag, kinds
from kerascifar.fields import metavar


def add_flags(parser: argparse.ArgumentParser, only: Iterable[str] = ()) -> None:
    """Add a flag for each field, or for those of `only`; a flag that is not given leaves nothing in the namespace."""
    sections: dict[str, argparse._ArgumentGroup] = {}
    for name in only or FIELDS:
        f = FIELDS[name]
        group = f.metadata["group"]
        section = sections.setdefault(group, parser) if only else sections.get(group)
        if section is None:
            section = sections[group] = parser.add_argument_group(group)
        text = f.metadata["help"].replace("%", "%%")
        if f.default not in (None, (), False, True):
            text += f" (default {f.default})"
        how: dict[str, Any] = {"metavar": metavar(kinds(name)[0])}
        if bool in kinds(name):
            how = {"action": argparse.BooleanOptionalAction}
        section.add_argument(flag(name), dest=name, default=argparse.SUPPRESS, help=text, **how)
