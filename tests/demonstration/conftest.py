import functools
import http.client
import http.server
import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from kerascifar.configure import configure
from kerascifar.demonstration.gallery import test_images as images_of
from kerascifar.demonstration.live import open_nets
from kerascifar.demonstration.server import DemoServer
from kerascifar.run import run


@pytest.fixture(scope="session")
def centroid_run(tmp_path_factory):
    """A finished run without Keras, whose images are always at hand: nearest centroid on the digits."""
    config = configure(arch="nearest_centroid", dataset="digits", runs=str(tmp_path_factory.mktemp("runs")))
    run(config)
    return config.folder


@pytest.fixture(scope="session")
def live(centroid_run):
    return open_nets([centroid_run])


@contextmanager
def serving(live, gallery=None):
    """A server of `live` on a free port."""
    with DemoServer(live, gallery or images_of(live.nets[0].data), 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def plain_server(folder):
    """The address of a web server that knows nothing of us, for the files in `folder`."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def server(live):
    with serving(live) as server:
        yield server


@pytest.fixture
def ask(server):
    """Send a request with just these headers, and those of the page itself unless they are given as None."""

    def call(method, path, body=b"", length=None, **headers):
        ours = f"127.0.0.1:{server.server_port}"
        named = {"Host": ours, **({"Origin": f"http://{ours}"} if method == "POST" else {})}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        if method == "POST":
            named.setdefault("Content-Length", str(len(body) if length is None else length))
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in named.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        if length is not None:
            with suppress(OSError):  # it may have been answered, and closed, already
                connection.sock.shutdown(socket.SHUT_WR)  # no more will come
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    return call
