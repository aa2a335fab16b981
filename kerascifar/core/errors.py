"""The one exception that means: the input was wrong, and here is what would be right; and what may fail unharmed."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

_HEAD, _TAIL = 1400, 500  # letters that a long message keeps: what is wrong, and what would be right


class InputError(ValueError):
    """What a person gave cannot be used. Command lines print it as one line and exit with 2.

    The message says what was wrong, what was received, and what would be right. A function that is said to refuse
    something raises this. What was received may be a whole file: a long message is shown without its middle.
    """

    def __str__(self) -> str:
        text = super().__str__()
        return text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]} … {text[-_TAIL:]}"


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
