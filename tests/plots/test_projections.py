import numpy as np
import pytest

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split
from kerascifar.core.errors import InputError
from kerascifar.plots import projections

CONFIG = RunConfig(dataset="synthetic:60")


def drawn(images, labels, classes=2):
    split = Split(images, labels)
    return Dataset("drawn", tuple(f"class {c}" for c in range(classes)), split, None, split)


def line(count=40, classes=2):
    """Images whose pixels all move along one direction, brighter from image to image, and labels in turn."""
    brightness = np.linspace(0, 200, count).astype(np.uint8)
    return np.broadcast_to(brightness[:, None, None, None], (count, 2, 2, 3)).copy(), np.arange(count) % classes


def points(figure):
    return np.asarray(figure.axes[0].collections[0].get_offsets())


def test_pca_finds_the_direction():
    images, labels = line()
    figure = projections.draw_pca(drawn(images, labels), CONFIG)
    axes = figure.axes[0]
    assert axes.get_xlabel() == "first direction, 100.0% of the variance"
    assert "40 of 40 training images" in axes.get_title()
    # pick() takes the images in turn here, so they keep their order: equal steps along x.
    # 12 equal values v / 255 lie at distance sqrt(12) v / 255 from the origin.
    x = points(figure)[:, 0]
    steps = np.diff(images[:, 0, 0, 0].astype(float)) * np.sqrt(12) / 255
    np.testing.assert_allclose(np.abs(np.diff(x)), steps, rtol=1e-3)
    # Even places are class 0, odd ones class 1.
    means = np.asarray(axes.collections[-1].get_offsets())[:, 0]
    np.testing.assert_allclose(means, [x[::2].mean(), x[1::2].mean()], atol=1e-6)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["class 0", "class 1"]


def test_tsne_keeps_two_heaps_apart_and_the_seed_decides():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    images = (rng.integers(0, 40, (40, 2, 2, 3)) + 200 * labels[:, None, None, None]).astype(np.uint8)
    data = drawn(images, labels)
    figure = projections.draw_tsne(data, CONFIG)
    placed = points(figure)
    colours = figure.axes[0].collections[0].get_facecolors()
    heap = [placed[(colours == colour).all(1)] for colour in np.unique(colours, axis=0)]
    assert [len(h) for h in heap] == [20, 20]
    between = np.linalg.norm(heap[0].mean(0) - heap[1].mean(0))
    assert all(np.linalg.norm(h - h.mean(0), axis=1).max() < between / 2 for h in heap)
    np.testing.assert_array_equal(points(projections.draw_tsne(data, CONFIG)), placed)
    assert "perplexity 13, seed 0" in figure.axes[0].get_title()  # (40 - 1) // 3


def test_a_large_set_is_cut_evenly(monkeypatch):
    monkeypatch.setattr(projections, "POINTS", 12)
    images, labels = line(60, 3)
    figure = projections.draw_pca(drawn(images, labels, 3), CONFIG)
    assert "12 of 60 training images, the first of each class" in figure.axes[0].get_title()
    colours = figure.axes[0].collections[0].get_facecolors()
    assert np.unique(colours, axis=0, return_counts=True)[1].tolist() == [4, 4, 4]


def test_many_classes_have_colours_and_no_legend():
    images, labels = line(60, 30)
    figure = projections.draw_pca(drawn(images, labels, 30), CONFIG)
    assert not figure.legends
    assert "30 classes, one colour per class" in figure.axes[0].get_title()
    assert len(np.unique(figure.axes[0].collections[0].get_facecolors(), axis=0)) == 30
    # Class c holds images c and c + 30, so the means get brighter with c, and the first and last lie farthest out.
    named = {text.get_text() for text in figure.axes[0].texts}
    assert len(named) == 5
    assert named < {f"class {c}" for c in (0, 1, 2, 27, 28, 29)}


def test_too_few_images_are_refused():
    with pytest.raises(InputError, match="10 training images or more, got 9"):
        projections.draw_tsne(drawn(*line(9)), CONFIG)
