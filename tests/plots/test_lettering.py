"""Figures look the same whatever Matplotlib is set to, and names of classes are drawn as they are."""

import warnings

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from PIL import Image

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split
from kerascifar.plots import lettering, views
from kerascifar.plots.confusion import draw_confusion
from kerascifar.plots.lettering import legible

NAMES = ("from_$10_to_$20", "from_$20_to_$50", "a_{b", "猫", "Äpfel", "torn\udcff")


@pytest.fixture
def cat_font(tmp_path):
    """A font that has 猫 alone, a square, known to Matplotlib while the test runs."""
    pen = TTGlyphPen(None)
    for move, place in (("moveTo", (0, 0)), *(("lineTo", p) for p in ((0, 800), (800, 800), (800, 0)))):
        getattr(pen, move)(place)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "cat"])
    builder.setupCharacterMap({ord("猫"): "cat"})
    builder.setupGlyf({name: pen.glyph() for name in (".notdef", "cat")})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "cat"), (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Only Cats", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "cats.ttf")
    known = list(font_manager.fontManager.ttflist)
    font_manager.fontManager.addfont(tmp_path / "cats.ttf")
    lettering._font.cache_clear()
    yield
    font_manager.fontManager.ttflist[:] = known
    lettering._font.cache_clear()


def test_letters_that_no_font_has_are_escaped(monkeypatch):
    own = [font for font in font_manager.fontManager.ttflist if font.name == lettering.FONT]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    lettering._font.cache_clear()
    assert legible(NAMES) == [*NAMES[:3], r"\u732b", "Äpfel", r"torn\udcff"]
    assert legible({"猫\n": 1}) == {r"\u732b\n": 1}
    lettering._font.cache_clear()


def test_a_font_that_has_them_is_found(cat_font):
    assert legible("猫 or 猫") == "猫 or 猫"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_confusion(np.eye(2, dtype=int), ["猫", "b"])  # warns of a missing glyph


@pytest.mark.parametrize("view", ["classes", "samples", "pca", "tsne"])
def test_every_view_draws_every_name(view, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    part = Split(rng.integers(0, 256, (30, 8, 8, 3), np.uint8), np.arange(30) % len(NAMES))
    data = Dataset("$a_{", NAMES, part, None, part)
    monkeypatch.setattr(views, "load", lambda config: data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        views.write_view(view, RunConfig(), tmp_path / "view.png")
    with Image.open(tmp_path / "view.png") as image:
        assert image.format == "PNG"


def test_figures_do_not_depend_on_a_matplotlibrc(command, tmp_path):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.size: 30\nsavefig.dpi: 10\nlines.linewidth: 9\n")
    plain = command("kerascifar.explore", "--dataset", "digits", "--out", "plain.png", MATPLOTLIBRC="/nowhere")
    odd = command("kerascifar.explore", "--dataset", "digits", "--out", "odd.png", MATPLOTLIBRC=str(tmp_path))
    assert (plain.returncode, odd.returncode) == (0, 0), odd.stderr
    assert (tmp_path / "odd.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


@pytest.mark.parametrize("canvas", ["module://matplotlib_inline.backend_inline", "nonsense"])
def test_the_canvas_of_a_notebook_is_not_ours(command, canvas):
    done = command("kerascifar.explore", "--dataset", "digits", MPLBACKEND=canvas)
    assert (done.returncode, done.stderr) == (0, "")
