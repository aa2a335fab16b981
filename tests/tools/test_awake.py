"""tools/awake: a loop on each core while the command runs, and none afterwards, however it ends."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

AWAKE = Path(__file__).resolve().parents[2] / "tools" / "awake"
pytestmark = pytest.mark.skipif(
    shutil.which("chrt") is None or not Path("/proc/self/cmdline").exists(), reason="there is no chrt or no /proc here"
)


def loops(pid):
    """Return how many processes keep a core awake for the process `pid`."""
    found = 0
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += file.read_bytes().endswith(f"\0awake\0{pid}\0".encode())
        except OSError:  # it has just ended
            continue
    return found


def wait_for(holds):
    end = time.monotonic() + 60  # of idle priority, they may wait for other work
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_no_loop_is_left_after_a_signal(number):
    # A suite that was started in the background or by nohup ignores some of them, and so would the command.
    heeds = {} if number == signal.SIGKILL else {"preexec_fn": lambda: signal.signal(number, signal.SIG_DFL)}
    with subprocess.Popen([AWAKE, "sleep", "60"], **heeds) as process:
        wait_for(lambda: loops(process.pid) == len(os.sched_getaffinity(0)))
        process.send_signal(number)
        assert process.wait(10) == -number
    wait_for(lambda: loops(process.pid) == 0)


def test_the_command_has_its_input_its_output_and_its_status():
    with subprocess.Popen(
        [AWAKE, "sh", "-c", 'read word; echo "$word $$"; exit 3'], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        told, _ = process.communicate(b"hello\n", timeout=30)
    assert (told.decode(), process.returncode) == (f"hello {process.pid}\n", 3)
    wait_for(lambda: loops(process.pid) == 0)
