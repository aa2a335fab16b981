import functools
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.data.sources import cifar, cifar_tables, places

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server on this machine's loopback that serves `tmp_path`/www; yields its address."""
    (tmp_path / "www").mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "www"))
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "cifar100_coarse", "tfds:mnist"])
def test_without_a_network_it_fails_soon_and_before_tensorflow(tmp_path, dataset):
    program = (
        "import sys, time; start = time.monotonic()\n"
        "from kerascifar.config import RunConfig\n"
        "from kerascifar.data.datasets import load\n"
        "from kerascifar.core.errors import InputError\n"
        "try:\n"
        f"    load(RunConfig(dataset={dataset!r}))\n"
        "except InputError as error:\n"
        "    print(error)\n"
        "print(*{'tensorflow', 'keras', 'tensorflow_datasets'} & set(sys.modules), time.monotonic() - start < 10)"
    )
    proxies = {f"{scheme}_PROXY": "http://127.0.0.1:9" for scheme in ("HTTP", "HTTPS")}
    environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()} | proxies | {"HOME": str(tmp_path)}
    out = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    message, last = out.stdout.strip().split("\n")
    assert last.split() == ["True"]
    assert "--data-dir (not given), $KERASCIFAR_DATA (not set)" in message
    assert str(tmp_path / "tensorflow_datasets") in message
    assert "--dataset digits" in message
    if dataset.startswith("cifar"):
        assert str(tmp_path / ".keras/datasets") in message
        archive = "cifar-10-python.tar.gz" if dataset == "cifar10" else "cifar-100-python.tar.gz"
        assert f"https://www.cs.toronto.edu/~kriz/{archive}" in message


def test_a_server_that_never_answers(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(places, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        assert places.unreachable(f"http://127.0.0.1:{silent.getsockname()[1]}/") is not None
        assert time.monotonic() - start < 2


def test_reachable_servers_and_refusing_ones(server, tmp_path):
    (tmp_path / "www" / "file").write_text("x")
    assert places.unreachable(f"{server}file") is None
    assert places.unreachable(f"{server}missing") is None  # the server is there; the download will say the rest
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "refused" in places.unreachable(f"http://127.0.0.1:{port}/")


def test_places_in_order(tmp_path, monkeypatch):
    assert places.places(RunConfig(), Path("further")) == [Path("further")]
    monkeypatch.setenv("KERASCIFAR_DATA", "~/data")
    assert places.places(RunConfig(), Path("further")) == [Path.home() / "data", Path("further")]
    assert places.places(RunConfig(data_dir=str(tmp_path)), Path("further")) == [tmp_path]
    assert places.looked_in(RunConfig(), [Path("a"), Path("b")]) == "--data-dir (not given), a, b"


@pytest.mark.slow
def test_a_missing_data_set_is_downloaded_once(server, tmp_path, tiny_cifar, monkeypatch, capsys):
    archive = tiny_cifar("cifar-10-batches-py").archive(tmp_path / "www")
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    row = cifar_tables.LABELLINGS["cifar10"]
    layouts = (replace(row.layouts[0], archive_md5=md5), row.layouts[1])
    monkeypatch.setitem(cifar_tables.LABELLINGS, "cifar10", replace(row, layouts=layouts))
    monkeypatch.setattr(cifar, "ORIGIN", server)
    first = cifar.read(RunConfig(dataset="cifar10"))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "cifar-10-python.tar.gz" in printed.err
    assert os.listdir(places.keras_datasets()) == ["cifar-10-python.tar.gz"]
    archive.unlink()
    assert cifar.read(RunConfig(dataset="cifar10")).train.checksum == first.train.checksum


@pytest.mark.slow
def test_a_download_with_a_wrong_sum_or_none_at_all(server, tmp_path, tiny_cifar):
    archive = tiny_cifar("cifar-10-batches-py").archive(tmp_path / "www")
    with pytest.raises(InputError, match="cannot download"):
        places.fetch(server + archive.name, "0" * 32, tmp_path / "datasets")
    with pytest.raises(InputError, match=r"cannot download .*404"):
        places.fetch(server + "nothing.tar.gz", "0" * 32, tmp_path / "datasets")
    assert not (tmp_path / "datasets" / archive.name).exists()
