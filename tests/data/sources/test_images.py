import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from kerascifar.core.errors import InputError
from kerascifar.data.sources.images import Reader, is_image, read_image, resize

RGB = np.random.default_rng(3).integers(0, 256, (6, 8, 3)).astype(np.uint8)


def saved(tmp_path, image, name="x.png", **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


@pytest.mark.parametrize("name", ["x.png", "x.bmp", "x.tiff", "x.ppm", "X.PNG"])
def test_lossless_formats_give_the_pixels_back(tmp_path, name):
    np.testing.assert_array_equal(read_image(saved(tmp_path, Image.fromarray(RGB), name)), RGB)
    assert is_image(tmp_path / name)


def test_jpeg_is_close(tmp_path):
    smooth = np.tile(np.arange(0, 256, 8, dtype=np.uint8)[:, None, None], (1, 32, 3))
    read = read_image(saved(tmp_path, Image.fromarray(smooth), "x.jpg", quality=95))
    np.testing.assert_allclose(read.astype(int), smooth, atol=6)


def test_modes_become_rgb(tmp_path):
    grey = RGB[..., 0]
    for image in (Image.fromarray(grey), Image.fromarray(grey.astype(np.uint16) * 256 + 7)):  # 8 and 16 bits
        np.testing.assert_array_equal(read_image(saved(tmp_path, image)), np.repeat(grey[..., None], 3, -1))
    alpha = np.dstack([RGB, np.full(RGB.shape[:2], 9, np.uint8)])
    np.testing.assert_array_equal(read_image(saved(tmp_path, Image.fromarray(alpha))), RGB)
    palette = Image.fromarray(RGB).quantize(48)
    np.testing.assert_array_equal(read_image(saved(tmp_path, palette)), np.asarray(palette.convert("RGB")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow warns of transparency in bytes
        read_image(saved(tmp_path, palette, "through.png", transparency=bytes([0, 255, 128])))


def test_a_photograph_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying, to be turned 90 degrees clockwise
    read = read_image(saved(tmp_path, Image.fromarray(RGB), exif=exif))
    np.testing.assert_array_equal(read, np.rot90(RGB, -1))


def test_resizing_does_not_alias():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = resize(stripes, 16)
    assert small.shape == (16, 16, 3)
    # Every fourth pixel alone would be white or black throughout; the filter averages to grey.
    np.testing.assert_allclose(small[:, 2:-2].astype(int), 127.5, atol=12)


def test_resize_keeps_what_has_the_size(tmp_path):
    np.testing.assert_array_equal(resize(RGB[:6, :6], 6), RGB[:6, :6])
    assert read_image(saved(tmp_path, Image.fromarray(RGB)), 5).shape == (5, 5, 3)


def bomb(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def encoded(form: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.tile(RGB, (8, 8, 1))).save(buffer, form)
    return buffer.getvalue()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage" * 50,
        encoded("PNG")[:-200],
        encoded("PNG")[:40],
        encoded("JPEG")[: len(encoded("JPEG")) // 2],
        encoded("PNG").replace(b"IDAT", b"IDAX"),
        encoded("EPS"),
        bomb(9_000),  # 81 million pixels
        bomb(12_000),
        bomb(100_000),
    ],
    ids=["empty", "garbage", "truncated", "head", "half a jpeg", "no data", "eps", "large", "larger", "huge"],
)
def test_what_is_no_whole_image_is_named(tmp_path, content):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"picture\.png: not a whole image") as refused:
        read_image(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["photo", "photo.jfif", "photo.JPE", "photo.dat"])
def test_the_content_tells_a_picture_whatever_its_name(tmp_path, name):
    (tmp_path / name).write_bytes(encoded("JPEG"))
    assert is_image(tmp_path / name)
    assert read_image(tmp_path / name).shape == (48, 64, 3)


@pytest.mark.parametrize("form", ["TGA", "JPEG2000"])
def test_further_formats(tmp_path, form):
    (tmp_path / "photo").write_bytes(encoded(form))
    assert is_image(tmp_path / "photo")
    assert read_image(tmp_path / "photo").shape == (48, 64, 3)


@pytest.mark.parametrize(
    "content", [b"", b"text", b"P4ss the salt", b"\0\0\0\x18ftypheic" + bytes(200), encoded("EPS")]
)
def test_other_content_is_no_image(tmp_path, content):
    (tmp_path / "notes").write_bytes(content)
    assert not is_image(tmp_path / "notes")


@pytest.mark.parametrize(("brightest", "said"), [(4095, True), (65535, False)])
def test_twelve_bit_greys_in_sixteen_are_said_to_come_out_dark(tmp_path, capsys, brightest, said):
    path = saved(tmp_path, Image.fromarray(np.linspace(0, brightest, 64).astype(np.uint16).reshape(8, 8)))
    reader = Reader()
    assert reader.read(path, None).max() == brightest >> 8
    reader.tell()
    assert (f"nearly black pictures: 1 ({path})" in capsys.readouterr().err) == said


def test_dark_pictures_of_eight_bits_are_dark(tmp_path):
    reader = Reader()
    reader.read(saved(tmp_path, Image.fromarray(RGB[..., 0] // 64)), None)
    assert reader.dark == []


def test_a_fifo_is_refused_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    assert not is_image(tmp_path / "x.png")
    with pytest.raises(InputError, match=r"x\.png: not a regular file"):
        read_image(tmp_path / "x.png")


def test_bytes_that_are_no_text_are_escaped(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    with pytest.raises(InputError, match=r"caf\\xe9\.png: not a whole image"):
        read_image(tmp_path / os.fsdecode(b"caf\xe9.png"))


def test_others_are_no_images(tmp_path):
    assert not is_image(tmp_path / "Thumbs.db")
    assert not is_image(tmp_path / "png")
