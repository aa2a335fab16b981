"""Load plugins: files given by --plugin, and installed packages. They are the user's own code, and run as such."""

import argparse
import functools
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from kerascifar.cli import Parser
from kerascifar.core.errors import InputError
from kerascifar.core.plugged import FILES, Plugin
from kerascifar.plugins import register

GROUP = "kerascifar.plugins"
_loaded: dict[str, Plugin] = {}  # by path of a file, or by name of an entry point


def parse(parser: Parser, argv: Sequence[str]) -> argparse.Namespace:
    """Add --plugin to `parser`, parse `argv`, load the plugins, and return the namespace without them.

    Raises InputError: a flag is wrong, or a plugin cannot be loaded.
    """
    help = "Python file of yours that adds nets, data sets, policies or distances; may be given several times"
    parser.add_argument("--plugin", metavar="FILE.py", action="append", default=[], help=help)
    args = parser.parse_args(argv)
    load_all(args.plugin)
    del args.plugin
    return args


def load_all(paths: Sequence[str | Path]) -> None:
    """Load the installed plugins, then the files in `paths`, each once a process. Raises InputError."""
    for point in metadata.entry_points(group=GROUP):
        if point.name not in _loaded:
            _loaded[point.name] = _load_installed(point)
    for path in map(Path, paths):
        key = str(path.resolve())
        if key not in _loaded:
            _loaded[key] = load_file(path)
            FILES[key] = str(path)


def same_plugins() -> Callable[[], None]:
    """Return what loads the plugins of this process in another one; picklable."""
    return functools.partial(load_all, list(FILES))


def load_file(path: Path) -> Plugin:
    """Run a plugin's file, whose rows are then in the tables. Raises InputError: it cannot be read, or it fails."""
    if path.suffix != ".py" or not path.is_file():
        raise InputError(f"--plugin: expected a Python file, got {path}")
    plugin = Plugin(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    # By its content, so that two files of one name do not take each other's place.
    name = f"kerascifar_plugin_{path.stem}_{plugin.sha256[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"--plugin: {path} is no Python file that can be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # as dataclasses and pickle look their module up
    try:
        with register.owned_by(plugin):
            spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise InputError(f"--plugin {path}: {_reason(error, str(path))}") from None
    return plugin


def _load_installed(point: Any) -> Plugin:
    """Import an installed plugin. Its source is that of its package, or of its module if it stands alone."""
    try:
        found = importlib.util.find_spec(point.module.partition(".")[0])
        files = _sources(Path(found.origin))
        digest = hashlib.sha256()
        for file in files:
            digest.update(f"{file.relative_to(files[0].parent).as_posix()}\0".encode() + file.read_bytes() + b"\0")
        plugin = Plugin(point.name, digest.hexdigest())
        with register.owned_by(plugin):
            loaded = point.load()
            if callable(loaded) and not isinstance(loaded, ModuleType):
                loaded()
    except Exception as error:
        raise InputError(f"the installed plugin {point.name} ({point.value}): {_reason(error)}") from None
    return plugin


def _sources(origin: Path) -> list[Path]:
    """Return a package's Python files, its __init__ first, or the one file of a module."""
    if origin.name != "__init__.py":
        return [origin]
    return [origin, *(file for file in sorted(origin.parent.rglob("*.py")) if file != origin)]


def _reason(error: Exception, path: str = "") -> str:
    """Say in one line what went wrong, and in which line of the file at `path`."""
    if isinstance(error, InputError):
        return str(error)
    line, trace = getattr(error, "lineno", None), error.__traceback__
    while trace is not None:
        if path and trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    words = (str(error).strip().splitlines() or [""])[0]
    return f"{f'line {line}: ' if line else ''}{type(error).__name__}{f': {words}' if words else ''}"
