"""Names of files and classes, as they are shown to people."""

import os
from collections.abc import Sequence


def shown(name: str | os.PathLike) -> str:
    r"""Return a name from the disk as text that can be written; bytes that are no UTF-8 are escaped.

    >>> shown(os.fsdecode(b"caf\xe9"))
    'caf\\xe9'
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def few(names: Sequence[str], most: int = 3) -> str:
    """Return the first of `names` with commas between, and three dots where there are more.

    >>> few(["a", "b", "c", "d"])
    'a, b, c, …'
    """
    return ", ".join([*names[:most], *(["…"] if len(names) > most else [])])
