"""The one exception that means: the input was wrong, and here is what would be right; and what may fail unharmed."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

_MOST, _CUT = 2000, " [..] "  # characters of a message


class InputError(ValueError):
    """What a person gave cannot be used. Command lines print it as one line and exit with 2.

    The message says what was wrong, what was received, and what would be right. A function that is said to refuse
    something raises this. What was received may be megabytes long: a long message is cut in its middle.

    >>> len(str(InputError("x" * 9_000)))
    2000
    """

    def __init__(self, message: str) -> None:
        half = (_MOST - len(_CUT)) // 2
        super().__init__(message if len(message) <= _MOST else f"{message[:half]}{_CUT}{message[-half:]}")


class FolderInUse(InputError):
    """Another process writes the folder."""


class TrainingDiverged(InputError):
    """The loss became NaN or infinite; the last good checkpoint is kept."""


class CheckpointRefused(InputError):
    """A checkpoint from which this run cannot go on.

    Attributes:
        path: of the file.
        what: the message without what to do.
    """

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.what = path, f"checkpoint {path} {reason}"
        super().__init__(f"{self.what}; --again starts anew, as does removing checkpoint*.npz")


class CheckpointTorn(CheckpointRefused):
    """The checkpoint is no longer what was written."""


@contextlib.contextmanager
def decoration(what: str) -> Iterator[None]:
    """Let the block fail at the cost of one line on stderr: it only draws or shows `what` of a result that is there."""
    try:
        yield
    except Exception as error:  # fonts, letters, folders, other versions: drawing libraries raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        print(f"warning: without {what} ({reason})", file=sys.stderr)
