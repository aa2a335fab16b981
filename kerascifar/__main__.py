"""Train and compare small image classifiers.

python -m kerascifar COMMAND …          the same as python -m kerascifar.COMMAND …
python -m kerascifar COMMAND --help
python -m kerascifar --version
python -m kerascifar --list             the trained nets that come along, and a picture to try them on
python -m tuner --help                  search the settings of a training
"""

import ast
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from kerascifar import __version__
from kerascifar.cli import entry, print_table
from kerascifar.core import shipped
from kerascifar.core.errors import InputError
from kerascifar.core.finding import find_run
from kerascifar.core.registry import lookup
from kerascifar.results import read_result


def commands() -> dict[str, str]:
    """Return the first line of each command's docstring; a command is a module beside this one that has a ``main``."""
    trees = {
        path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(Path(__file__).parent.glob("*.py"))
    }
    return {
        name: ast.get_docstring(tree).splitlines()[0]
        for name, tree in trees.items()
        if name != "__main__" and any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)
    }


def dispatch(argv: Sequence[str]) -> None:
    """Run the command that `argv` begins with, or list the commands."""
    if not argv or argv[0] in ("-h", "--help"):
        print(__doc__)
        print_table(("", ""), commands().items())
        return
    if argv[0] in ("--version", "--list") and len(argv) > 1:
        raise InputError(f"{argv[0]} takes no argument, got {argv[1]}")
    if argv[0] == "--version":
        print(f"kerascifar {__version__}")
        return
    if argv[0] == "--list":
        list_shipped()
        return
    lookup(commands(), argv[0], "command")
    import_module(f"kerascifar.{argv[0]}").main(argv[1:])


def list_shipped() -> None:
    """Print the nets that come along, by the name that every RUN takes, and the pictures, which `predict` takes."""
    rows = []
    for name in shipped.at_hand():
        result = read_result(find_run(name))
        rows.append((name, result.dataset["name"], f"{result.trainable_parameters:,}", f"{result.accuracy:.4f}"))
    print_table(("net", "data", "parameters", "test accuracy"), rows)
    for name in filter(shipped.picture, shipped.PICTURES):
        print(f"a picture: {name}, as in python -m kerascifar.predict {shipped.EXAMPLE} {name}")
    print("architectures to train: python -m kerascifar.train --list")


def main() -> NoReturn:
    """Run the command line; this is the console script ``kerascifar``."""
    entry(dispatch)


if __name__ == "__main__":
    main()
