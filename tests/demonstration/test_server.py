"""The local page's server: what it answers its own page, and that it answers no one else."""

import base64
import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from kerascifar.core.errors import InputError
from kerascifar.data.sources.images import read_image
from kerascifar.demonstration.gallery import Gallery
from kerascifar.demonstration.gallery import test_images as images_of
from kerascifar.demonstration.live import Live, LiveNet
from kerascifar.demonstration.page import MOST_BYTES
from kerascifar.demonstration.server import DemoServer
from tests.demonstration.conftest import serving


def picture(shape=(50, 90, 3), kind="png", **how):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, np.uint8)).save(file, kind, **how)
    return file.getvalue()


def told(content):
    """The error of an answer, which is one line."""
    error = json.loads(content)["error"]
    assert error
    assert "\n" not in error
    return error


def test_the_page_is_for_this_machine_and_no_other_page(server, ask):
    assert server.server_address[0] == "127.0.0.1"
    answer, content = ask("GET", "/")
    assert answer.status == 200
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Python" not in answer.headers["Server"]
    page = content.decode()
    assert "default-src &#39;none&#39;" in page
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize("path", ["/", "/picture/0"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1.evil:{port}", None])
def test_another_name_is_refused(server, ask, path, host):
    answer, content = ask("GET", path, Host=host and host.format(port=server.server_port))
    assert answer.status == 403
    assert "no other name" in told(content)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD"])
def test_other_methods_are_answered_like_the_rest(server, ask, method):
    assert ask(method, "/", Host="evil.example")[0].status == 403
    answer, content = ask(method, "/")
    assert answer.status == (200 if method == "HEAD" else 405)
    assert answer.headers["Content-Security-Policy"]
    if method == "HEAD":
        assert content == b""
    else:
        assert told(content) == f"{method} is not answered, GET and POST are"


def test_localhost_is_us_too(server, ask):
    assert ask("GET", "/", Host=f"localhost:{server.server_port}")[0].status == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", None])
@pytest.mark.parametrize("path", ["/read", "/probabilities/0", "/neighbours/0"])
def test_a_post_of_another_page_is_refused(ask, origin, path):
    answer, content = ask("POST", path, picture(), Origin=origin)
    assert answer.status == 403
    told(content)


def test_what_a_browser_marks_as_cross_site_is_refused(ask):
    assert ask("POST", "/read", picture(), Sec_Fetch_Site="cross-site")[0].status == 403
    assert ask("GET", "/picture/0", Sec_Fetch_Site="same-site")[0].status == 403
    assert ask("GET", "/picture/0", Sec_Fetch_Site="same-origin")[0].status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Length": str(MOST_BYTES + 1)}, 413),
        ({"Content_Length": "9" * 30}, 411),
        ({"Content_Length": "-1"}, 411),
        ({"Content_Length": None}, 411),
        ({"Transfer_Encoding": "chunked"}, 411),
        ({"Content_Length": "100"}, 400),
    ],
)
def test_bodies_have_limits(ask, headers, status):
    answer, content = ask("POST", "/read", b"abc", length=3, **headers)
    assert answer.status == status
    told(content)


@pytest.mark.parametrize(
    "path",
    [
        "/picture/../../../etc/passwd", "/picture/%2e%2e/x", "/../setup.cfg", "//etc/passwd", "/picture/-1",
        "/picture/99999", "/picture/1e0", "/picture/0/", "/index.html", "/?x",
    ],
)  # fmt: skip
def test_there_are_no_files_to_reach(ask, path):
    answer, content = ask("GET", path)
    assert answer.status == 404
    assert told(content) == "there is no such page"


@pytest.mark.parametrize("path", ["/", "/read/", "/probabilities/1", "/probabilities/", "/neighbours/7", "/picture/0"])
def test_posts_go_to_what_there_is(ask, path):
    assert ask("POST", path, b"x")[0].status == 404


def test_a_test_image_is_given_as_it_is(server, live, ask):
    answer, content = ask("GET", "/picture/3")
    assert answer.headers["Content-Type"] == "image/png"
    gallery = images_of(live.nets[0].data)
    assert (np.asarray(Image.open(io.BytesIO(content))) == gallery.images[3]).all()
    assert gallery.captions[3] in server.page.decode()


@pytest.mark.parametrize(
    ("kind", "how"),
    [("png", {}), ("jpeg", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"})],
)
def test_a_picture_is_read_as_predict_reads_it(ask, tmp_path, kind, how):
    content = picture(kind=kind, **how)
    (tmp_path / "x").write_bytes(content)
    sides = json.loads(ask("POST", "/read", content)[1])
    assert list(sides) == ["32"]
    assert base64.b64decode(sides["32"]) == read_image(tmp_path / "x", 32).tobytes()


def bomb():
    """A PNG of a few bytes that claims a billion pixels."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", 40000, 40000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "content", [b"", b"<svg/>", picture()[:-500], bomb(), b"%!PS", b"\x80\x02garbage"], ids=range(6)
)
def test_a_bad_picture_is_one_line_and_tells_no_path(ask, content):
    answer, body = ask("POST", "/read", content)
    assert answer.status == 400
    assert told(body).startswith("not a whole image")
    assert "/" not in told(body)


def test_probabilities_are_those_of_the_net(live, ask):
    images = live.nets[0].data.test.images[:3]
    answer = json.loads(ask("POST", "/probabilities/0", images.tobytes())[1])
    assert np.allclose(answer["rows"], live.nets[0].score(images, "unlabelled"), atol=1e-6)
    assert answer["ms"] > 0
    answer, content = ask("POST", "/probabilities/0", images.tobytes()[:-1])
    assert answer.status == 400
    assert told(content) == "expected 3072 bytes for each image of 32x32x3, got 9215 bytes"


def test_the_nearest_training_image_is_the_image_itself(live, ask):
    data = live.nets[0].data
    found = json.loads(ask("POST", "/neighbours/0", data.train.images[5].tobytes())[1])
    assert len(found) == 8
    assert found[0]["distance"] == 0
    assert found[0]["label"] == data.classes[data.train.labels[5]]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(found[0]["png"]))))
    assert (shown == data.train.images[5]).all()
    distances = [one["distance"] for one in found]
    assert distances == sorted(distances)


def test_a_net_that_fails_is_one_line_and_the_next_picture_is_answered(live, monkeypatch, ask):
    def fail(self, images):
        raise RuntimeError("first line\nsecond line")

    image = live.nets[0].data.test.images[0].tobytes()
    with monkeypatch.context() as patched:
        patched.setattr(LiveNet, "probabilities", fail)
        answer, content = ask("POST", "/probabilities/0", image)
    assert answer.status == 500
    assert told(content) == "no answer: first line"
    assert ask("POST", "/probabilities/0", image)[0].status == 200


def test_without_training_images_it_says_why(live):
    one = live.nets[0]
    bare = Live([LiveNet(one.described, one.score, None, "no data here"), one])
    assert [bare.first_with_data_of(net) for net in bare.nets] == [None, 1]
    with pytest.raises(InputError, match="no data here"):
        bare.neighbours(0, one.data.test.images[0].tobytes())


def test_names_are_escaped(live):
    hostile = "</script><script>alert(1)</script>"
    gallery = Gallery(hostile, [np.zeros((2, 2, 3), np.uint8)], [hostile])
    with serving(live, gallery) as server:
        assert hostile.encode() not in server.page


def test_a_port_that_is_taken_is_refused(server, live):
    with pytest.raises(InputError, match=rf"--port: {server.server_port} cannot be used \(Address already in use\)"):
        DemoServer(live, images_of(live.nets[0].data), server.server_port)
