"""The one exception that means: the input was wrong, and here is what would be right; and what may fail unharmed."""

import contextlib
import sys
from collections.abc import Iterator


class InputError(ValueError):
    """What a person gave cannot be used. Command lines print it as one line and exit with 2.

    The message says what was wrong, what was received, and what would be right. A function that is said to refuse
    something raises this.
    """


class FolderInUse(InputError):
    """Another process writes the folder."""


class TrainingDiverged(InputError):
    """The loss became NaN or infinite; the last good checkpoint is kept."""


@contextlib.contextmanager
def decoration(what: str) -> Iterator[None]:
    """Let the block fail at the cost of one line on stderr: it only draws or shows `what` of a result that is there."""
    try:
        yield
    except Exception as error:  # fonts, letters, folders, other versions: drawing libraries raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        print(f"warning: without {what} ({reason})", file=sys.stderr)
