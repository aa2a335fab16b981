"""A command that serves a page: started, asked for it, and ended as Ctrl-C ends it."""

import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

SECONDS = 60


def served_page(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> bytes:
    """Return the page at the first address that `command`, run in `folder`, prints; the server has ended then."""
    said = folder / "said.txt"
    with open(said, "w", encoding="utf-8") as told:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=told, stderr=told,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a test in the background ignores it
        )  # fmt: skip
    try:
        ends = time.monotonic() + SECONDS
        while not (page := re.search(r"http://[\w.]+:\d+/", said.read_text(encoding="utf-8"))):
            running = server.poll() is None and time.monotonic() < ends
            assert running, said.read_text(encoding="utf-8")
            time.sleep(0.1)
        with urllib.request.urlopen(page[0], timeout=SECONDS) as answer:
            return answer.read()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=SECONDS)
        said.unlink()
