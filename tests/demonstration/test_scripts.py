"""The page's own arithmetic, run by Node.js where there is one: cases by hand, and Pillow's resize bit for bit."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from kerascifar.data.sources.images import resize

TEMPLATES = Path(__file__).resolve().parents[2] / "kerascifar/demonstration/templates"


@pytest.fixture
def js():
    """Evaluate a JavaScript expression beside the scripts; returns what JSON makes of it."""
    if not (node := shutil.which("node")):
        pytest.skip("node is not installed: the page's arithmetic is not run")

    def call(expression, **values):
        code = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("explain.js", "resize.js"))
        code += "".join(f"const {name} = {json.dumps(value)};\n" for name, value in values.items())
        code += f"console.log(JSON.stringify({expression}, (_, v) => ArrayBuffer.isView(v) ? [...v] : v));"
        done = subprocess.run([node, "-"], input=code, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


def rgb(values):
    """Grey levels as RGB bytes."""
    return np.repeat(np.array(values).reshape(-1), 3).tolist()


def grey(pixels):
    return pixels[::3]


@pytest.mark.parametrize(
    "shape", [(50, 90), (7, 5), (32, 32), (64, 32), (1, 300), (33, 31), (640, 480), (300, 1), (60, 46), (60, 47)]
)
@pytest.mark.parametrize("side", [32, 24])
def test_pictures_are_resized_as_predict_does_it(js, shape, side):
    draws = np.random.default_rng(sum(shape))
    image = draws.choice(np.array([0, 1, 127, 254, 255], np.uint8), (*shape, 3))
    height, width = shape
    resized = js("Resize.square(pixels, w, h, side)", pixels=image.ravel().tolist(), w=width, h=height, side=side)
    assert (np.array(resized).reshape(side, side, 3) == resize(image, side)).all()


def test_patches_cover_the_whole_picture(js):
    halves = js("Explain.patches(4, { patch: 0.5, stride: 0.5 })")
    assert halves == {"size": 2, "corners": [[0, 0], [0, 2], [2, 0], [2, 2]]}
    ours = js("Explain.patches(32, { patch: 0.25, stride: 0.125 })")
    assert ours["size"] == 8
    assert len(ours["corners"]) == 49
    odd = js("Explain.patches(10, { patch: 0.25, stride: 0.4 }).corners.map(([top]) => top)")
    assert sorted(set(odd)) == [0, 4, 7]  # the last one ends at the edge


def test_the_map_of_patches_side_by_side(js):
    heat = js("Explain.heat([0.5, 0, 0.25, -0.25], 4, Explain.patches(4, { patch: 0.5, stride: 0.5 }))")
    assert np.array(heat).reshape(4, 4).tolist() == [
        [0.5, 0.5, 0, 0],
        [0.5, 0.5, 0, 0],
        [0.25, 0.25, -0.25, -0.25],
        [0.25, 0.25, -0.25, -0.25],
    ]


def test_where_patches_overlap_the_map_is_their_mean(js):
    # Four patches of 2x2 on 3x3 pixels; only the upper left one matters.
    heat = js("Explain.heat([4, 0, 0, 0], 3, { size: 2, corners: [[0, 0], [0, 1], [1, 0], [1, 1]] })")
    assert np.array(heat).reshape(3, 3).tolist() == [[4, 2, 0], [2, 1, 0], [0, 0, 0]]


def test_a_part_is_covered_by_the_mean_colour(js):
    image = [0, 10, 20, 2, 10, 20, 4, 10, 20, 6, 10, 23]
    assert js("Explain.mean(image)", image=image) == [3, 10, 21]
    covered = js("Explain.covered(image, 2, [0, 1], 1, [7, 8, 9])", image=image)
    assert covered == [0, 10, 20, 7, 8, 9, 4, 10, 20, 6, 10, 23]


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ({"mirror": True}, [3, 2, 1, 6, 5, 4, 9, 8, 7]),
        ({"right": 0.34}, [1, 1, 2, 4, 4, 5, 7, 7, 8]),
        ({"down": -0.34}, [4, 5, 6, 7, 8, 9, 7, 8, 9]),
        ({"degrees": 90}, [7, 4, 1, 8, 5, 2, 9, 6, 3]),
        ({"degrees": -90}, [3, 6, 9, 2, 5, 8, 1, 4, 7]),
    ],
)
def test_views_by_hand(js, view, expected):
    assert grey(js("Explain.moved(image, 3, view)", image=rgb(range(1, 10)), view=view)) == expected


def test_between_pixels_a_view_is_their_mean(js):
    # A corner of 3x3 pixels, turned by 45 degrees: (1.414, 0) from the centre, beyond the edge.
    turned = grey(js("Explain.moved(image, 3, { degrees: 45 })", image=rgb([0, 0, 0, 0, 100, 0, 0, 0, 0])))
    assert turned[4] == 100
    assert turned[1] == turned[3] == turned[5] == turned[7] == round(100 * (1 - 0.5**0.5) ** 2)
    assert turned[0] == 0


@pytest.mark.parametrize(
    ("corner", "words"),
    [
        ([0, 0], "the upper left"),
        ([12, 12], "the centre"),
        ([12, 24], "the middle right"),
        ([24, 12], "the lower centre"),
    ],
)
def test_where_a_patch_lies_in_words(js, corner, words):
    assert js("Explain.place(corner, 8, 32)", corner=corner) == words


def test_softmax_and_the_likeliest(js):
    from scipy.special import softmax

    logits = [1.5, -2.0, 900.0, 899.0, 1.5]
    assert np.allclose(js("Explain.softmax(x, 2)", x=logits), softmax(np.array(logits) / 2))
    assert js("Explain.best(x, 4)", x=logits) == [2, 3, 0, 4]


def test_the_spread_of_one_colour_is_nothing(js):
    assert js("Explain.spread(image)", image=[7] * 27) == 0
    assert js("Explain.spread(image)", image=[0, 0, 0, 255, 255, 255]) == 127.5
