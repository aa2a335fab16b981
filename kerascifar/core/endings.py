"""How a command ends that was interrupted or lacks memory, even while its modules are still being imported."""

import os
import sys
from types import TracebackType

EXIT_INPUT, EXIT_PARTLY, EXIT_INTERRUPTED = 2, 3, 130
# What the loaders of libraries and threads say; they raise ImportError and RuntimeError.
_NO_MEMORY = ("failed to map segment", "Cannot allocate memory", "can't start new thread")


def ending(error: BaseException | None) -> tuple[str, int] | None:
    """Return one line and the exit code for an interrupt or a lack of memory, whatever was raised on its account."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return "interrupted; the same command resumes from the last checkpoint", EXIT_INTERRUPTED
        if isinstance(error, MemoryError) or any(text in str(error) for text in _NO_MEMORY):
            lines = str(error).strip().splitlines() or ["no details"]
            reason = next((line for line in lines if any(text in line for text in _NO_MEMORY)), lines[0]).strip()
            return f"error: out of memory ({reason}); is there a limit, such as ulimit -v?", EXIT_INPUT
        error = error.__cause__ or error.__context__
    return None


def install() -> None:
    """Let these endings be one line from now on; for commands, whose process is their own."""
    sys.excepthook = _hook


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if (told := ending(error)) is None:
        sys.__excepthook__(kind, error, trace)
        return
    os.write(2, f"\n{told[0]}\n".encode() if told[1] == EXIT_INTERRUPTED else f"{told[0]}\n".encode())
    os._exit(told[1])
