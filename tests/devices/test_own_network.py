"""Local workers: a network that no other machine reaches, or a line that says that there is none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kerascifar.devices import own_network

ROOT = Path(__file__).resolve().parents[2]
LOOK = """
import json, os, socket
from kerascifar.devices import own_network
%s
own_network.enter()
own_network.enter()  # as well from within
here = [name for _, name in socket.if_nameindex()]
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname(), 5).close()
print(json.dumps([here, os.getuid(), os.getgid()]))
"""
REFUSED = "def refuse(): raise PermissionError(1, 'Operation not permitted')\nown_network._move = refuse"


def look(change=""):
    return subprocess.run([sys.executable, "-c", LOOK % change], cwd=ROOT, capture_output=True, text=True, check=True)


def test_a_process_moves_to_a_network_with_loopback_alone():
    done = look()
    if done.stderr:
        pytest.skip(done.stderr)
    interfaces, user, group = json.loads(done.stdout)
    assert interfaces == ["lo"]
    assert [user, group] == json.loads(look(REFUSED).stdout)[1:]  # whose files it writes stays the same


def test_where_the_kernel_refuses_one_line_says_so():
    done = look(REFUSED)
    assert done.stderr.count("\n") == 2  # enter() was called twice
    assert done.stderr.startswith("note: the workers have no network of their own here (Operation not permitted): ")
    assert json.loads(done.stdout)[0] == [name for _, name in own_network.socket.if_nameindex()]


def test_launch_says_what_is_wrong_before_it_starts_anyone(command, tmp_path):
    for flags, told in (
        (["--epochs", "0"], "--epochs: must be greater than 0"),
        (["--epoch", "1"], "unknown argument --epoch (did you mean --epochs?)"),
        (["--dataset", "folder", "--data-dir", "none"], "no such folder: none"),
    ):
        done = command("kerascifar.launch", "--workers", "2", "--", *flags)
        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr
        assert done.stderr.count("\n") == 1
    assert not any(tmp_path.iterdir())
