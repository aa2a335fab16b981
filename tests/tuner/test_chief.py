"""What the chief does about workers that never come, die at once, or find bad input; and about its own address."""

import os
import socket
import subprocess
import sys

import pytest

from kerascifar.core.errors import InputError
from tuner import chief

pytestmark = pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning")  # KerasTuner's


@pytest.fixture
def address(monkeypatch):
    """A free address of this machine in KerasTuner's variables, as set by hand."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(port))
    return port


def worker_that(monkeypatch, code):
    """Let every worker run `code` instead; returns the list of those that were started."""
    started = []

    def start(search, name, argv, workers):
        log = search.folder / "workers" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab") as out:
            started.append(subprocess.Popen([sys.executable, "-S", "-c", code], stdout=out, stdin=subprocess.PIPE))
        return started[-1]

    monkeypatch.setattr(chief, "_start", start)
    return started


def test_a_chief_does_not_wait_for_ever_for_its_first_worker(make_search, address, monkeypatch):
    monkeypatch.setattr(chief, "PATIENCE", 0.1)
    with pytest.raises(InputError, match="no worker is left"):
        chief.serve(make_search(), 0, [], timeout=1)


def test_a_worker_that_dies_at_once_is_given_up(make_search, address, monkeypatch, capsys):
    started = worker_that(monkeypatch, "raise SystemExit(7)")
    with pytest.raises(InputError, match="no worker is left"):
        chief.serve(make_search(), 1, [], timeout=1)
    assert len(started) == chief.MAX_STARTS
    assert "worker0 died (7)" in capsys.readouterr().out


def test_bad_input_in_a_worker_ends_the_search_and_the_other_workers(make_search, address, monkeypatch):
    code = (
        "import os, time\nif os.path.exists('bad'): print('error: no such data'); raise SystemExit(2)\ntime.sleep(60)"
    )
    started = worker_that(monkeypatch, code)
    search = make_search()
    search.folder.mkdir()
    monkeypatch.chdir(search.folder)
    (search.folder / "bad").touch()
    with pytest.raises(InputError, match=r"^worker0: no such data$"):
        chief.serve(search, 2, [], timeout=1)
    assert all(process.poll() is not None for process in started)


def test_an_address_in_use_is_said(make_search, address):
    with socket.socket() as other:
        other.bind(("127.0.0.1", address))
        other.listen()
        with pytest.raises(InputError, match=f"KERASTUNER_ORACLE_PORT={address}"):
            chief.serve(make_search(), 0, [], timeout=1)


def test_without_an_address_the_chief_listens_on_this_machine_only(make_search, monkeypatch):
    for name in ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"):
        monkeypatch.setenv(name, "")  # so that the test's end takes away what serve() sets
        monkeypatch.delenv(name)
    seen = []
    monkeypatch.setattr(chief, "_start", lambda *_: seen.append(os.environ["KERASTUNER_ORACLE_IP"]) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        chief.serve(make_search(), 1, [], timeout=1)
    assert seen == ["127.0.0.1"]
