"""The local page's server: for this machine alone, and for its own page alone.

Another web page can make a browser send requests here, under our name (DNS rebinding) or its own. So the Host must be
ours, a post must come from our own page, and nothing lets another page read or frame an answer. No file is served.
"""

import contextlib
import json
import re
import socket
import socketserver
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kerascifar.core.errors import InputError
from kerascifar.demonstration.gallery import Gallery
from kerascifar.demonstration.live import Live
from kerascifar.demonstration.page import MOST_BYTES, local_page
from kerascifar.reporting.pictures import png

HOST = "127.0.0.1"
_PATIENCE = 30  # seconds that a request may stand still
_LEFT = 64  # pieces of 64 KiB that are read and dropped of a body that is refused
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Refused(Exception):
    """A request that is not answered: an HTTP status, and a line that says why."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class DemoServer(ThreadingHTTPServer):
    """Serves the page of `live` nets and a `gallery` on HOST; port 0 is any free one.

    Raises InputError: the port is taken or not allowed.
    """

    daemon_threads = True

    def __init__(self, live: Live, gallery: Gallery, port: int) -> None:
        self.live, self.gallery = live, gallery
        nets = [
            {**net.described.facts(), "neighbours": live.first_with_data_of(net), "missing": net.missing}
            for net in live.nets
        ]
        items = [{"src": f"picture/{number}", "caption": text} for number, text in enumerate(gallery.captions)]
        self.page = local_page(nets, {"title": gallery.title, "items": items}).encode()
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise InputError(f"--port: {port} cannot be used ({error.strerror}); give another, or 0 for any") from None

    def server_bind(self) -> None:
        """Bind without asking a name server what this machine is called, as HTTPServer would."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a browser that has left in the middle of an answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        return f"http://{HOST}:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: DemoServer
    server_version, sys_version, timeout = "kerascifar", "", _PATIENCE

    def do_GET(self) -> None:
        self._respond(self._get)

    def do_POST(self) -> None:
        self._respond(self._post)

    def _refuse(self) -> None:
        def refuse() -> tuple[str, bytes]:
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"{self.command} is not answered, GET and POST are")

        self._respond(refuse)

    do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_CONNECT = _refuse

    def do_HEAD(self) -> None:
        self._respond(self._get)

    def _get(self) -> tuple[str, bytes]:
        if self.path == "/":
            return "text/html; charset=utf-8", self.server.page
        self._check_site()
        number = self._number("picture", len(self.server.gallery.images))
        return "image/png", png(self.server.gallery.images[number])

    def _post(self) -> tuple[str, bytes]:
        self._check_site()
        if self.headers.get("Origin") != f"http://{self.headers['Host']}":
            raise Refused(HTTPStatus.FORBIDDEN, "only the page of this server may send pictures")
        live, count = self.server.live, len(self.server.live.nets)
        if self.path == "/read":
            return _json(live.read(self._body()))
        if self.path.startswith("/probabilities/"):
            return _json(live.probabilities(self._number("probabilities", count), self._body()))
        return _json(live.neighbours(self._number("neighbours", count), self._body()))

    def _check_site(self) -> None:
        if self.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise Refused(HTTPStatus.FORBIDDEN, "only the page of this server may ask for this")

    def _check_host(self) -> None:
        ours = {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}
        if len(self.headers.get_all("Host", [])) != 1 or self.headers["Host"] not in ours:
            raise Refused(HTTPStatus.FORBIDDEN, f"this server is {self.server.url} and answers under no other name")

    def _number(self, what: str, below: int) -> int:
        """Return the N of the path /`what`/N."""
        found = re.fullmatch(rf"/{what}/(\d{{1,9}})", self.path, re.ASCII)
        if found is None or int(found[1]) >= below:
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        return int(found[1])

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not re.fullmatch(r"\d{1,18}", length, re.ASCII):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is needed")
        if int(length) > MOST_BYTES:
            most = f"at most {MOST_BYTES // 2**20} MiB are taken"
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{int(length):,} bytes; {most}")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise Refused(HTTPStatus.BAD_REQUEST, f"{len(body):,} bytes came, {int(length):,} were announced")
        return body

    def _respond(self, find: Callable[[], tuple[str, bytes]]) -> None:
        status = HTTPStatus.OK
        try:
            self._check_host()
            kind, content = find()
        except TimeoutError:
            return
        except Refused as refused:
            status, (kind, content) = refused.status, _json({"error": str(refused)})
        except InputError as error:
            status, (kind, content) = HTTPStatus.BAD_REQUEST, _json({"error": str(error)})
        except Exception as error:  # the page goes on with the next picture
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            status, (kind, content) = HTTPStatus.INTERNAL_SERVER_ERROR, _json({"error": f"no answer: {reason}"})
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        if status != HTTPStatus.OK:
            self._linger()

    def _linger(self) -> None:
        """Read a little of what still comes: closed with unread bytes, a connection can lose the answer on its way."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1)
            for _ in range(_LEFT):
                if not self.rfile.read1(2**16):
                    return

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what is looked at is no one's business."""


def _json(value: Any) -> tuple[str, bytes]:
    return "application/json", json.dumps(value, allow_nan=False).encode()
