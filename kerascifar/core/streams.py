"""Standard output and error that lose no letter, and that outlive their reader."""

import codecs
import io
import os
import sys
from typing import Any


def prepare() -> None:
    """Let what stdout and stderr cannot encode be escaped, and what is printed after their reader left go nowhere."""
    codecs.register_error("spelled", _spelled)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        buffer = getattr(stream, "buffer", None)
        if isinstance(getattr(buffer, "raw", buffer), io.FileIO):
            stream.flush()
            setattr(sys, name, _outliving(stream, buffer))
        elif hasattr(stream, "reconfigure"):  # None where it is closed, and tests put others there
            stream.reconfigure(errors="spelled")


class _Outlived(io.FileIO):
    """A stream that may lose its reader, such as head: what is printed from then on goes nowhere."""

    def write(self, content: Any) -> int | None:
        """Write `content`, and return how many bytes were taken."""
        try:
            return super().write(content)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            return len(content)


def _outliving(stream: Any, buffer: Any) -> io.TextIOWrapper:
    raw = _Outlived(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        raw if isinstance(buffer, io.FileIO) else io.BufferedWriter(raw),  # PYTHONUNBUFFERED, or not
        stream.encoding,
        "spelled",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _spelled(error: UnicodeError) -> tuple[str | bytes, int]:
    """Escape letters that stdout cannot encode, so that no name is lost; Keras's progress bar is drawn with = signs."""
    if isinstance(error, UnicodeEncodeError) and set(error.object[error.start : error.end]) == {"━"}:
        return "=" * (error.end - error.start), error.end
    return codecs.backslashreplace_errors(error)
