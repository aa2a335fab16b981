import xml.etree.ElementTree as ET

import numpy as np

from kerascifar.evaluation.calibration import reliability
from kerascifar.plots import results
from kerascifar.plots.svg import to_svg

HOSTILE = "a$\\frac{<script>]]>--> \x07 \N{SNOWMAN} 猫"


def test_pictures_are_the_same_bytes_and_follow_the_theme():
    def draw():
        return to_svg(results.draw_accuracies(["a", "b"], [0.5, 0.7], [(0.4, 0.6), (0.6, 0.8)]))

    assert draw() == draw()
    svg = draw().decode()
    assert "prefers-color-scheme:dark" in svg
    assert "var(--ink)" in svg
    assert results.INK not in svg.split("</style>")[1]
    assert not any(word in svg for word in ("DOCTYPE", "<!--", "matplotlib.org"))


def test_shortened_runs_are_hollow_and_each_version_has_one_name():
    figures = {"paper": [0.5, 0.6], "as published": [None, None], "corrected": [0.25, 0.75]}
    drawn = results.draw_published(["a", "b"], figures, {"as published": [False] * 2, "corrected": [True, False]})
    marks = {line.get_xdata()[0]: line.get_fillstyle() for line in drawn.axes[0].lines if line.get_marker() == "s"}
    assert marks == {0.25: "none", 0.75: "full"}
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["paper", "corrected"]


def test_names_from_strangers_are_drawn_as_letters():
    names, curve = [HOSTILE, "b"], [(1, 0.5), (2, 0.6)]
    bins = reliability(np.array([[0.5, 0.5]]), np.array([0]))
    for figure in (
        results.draw_accuracies(names, [0.5, 0.7], [(0.4, 0.6), (0.6, 0.8)]),
        results.draw_published(
            names,
            {"paper": [0.5, None], "as published": [None, None], "corrected": [0.6, 0.7]},
            {"as published": [False, False], "corrected": [False, True]},
        ),
        results.draw_curves({HOSTILE: curve, "b": curve}, HOSTILE),
        results.draw_history({"accuracy": curve, "val_loss": curve}),
        results.draw_confusion(np.array([[3, 1], [0, 4]]), names),
        results.draw_confusion(np.eye(100, dtype=int), [HOSTILE] * 100),
        results.draw_reliability({HOSTILE: bins, "b": bins}),
        results.draw_tradeoff([10, 1000], [0.5, 0.6], names, HOSTILE),
    ):
        svg = to_svg(figure)
        ET.fromstring(svg)  # well-formed, whatever the name
        assert b"<script" not in svg


def test_the_frontier_joins_what_none_beats_in_both():
    # 1 and 3 are on it; 2 costs more than 1 and is no better; 4 costs as much as 3 and is worse.
    figure = results.draw_tradeoff([10, 20, 30, 30], [0.5, 0.5, 0.7, 0.6], list("1234"), "cost")
    line = figure.axes[0].lines[0]
    assert line.get_xydata().tolist() == [[10, 0.5], [30, 0.7]]


def test_confusion_shades_are_shares_of_the_true_class():
    figure = results.draw_confusion(np.array([[3, 1], [0, 0]]), ["a", "b"])
    shades = figure.axes[0].collections[0].get_array()
    assert shades[..., 3].ravel().tolist() == [0.75, 0.25, 0, 0]  # a class without images divides by nothing
    assert [text.get_text() for text in figure.axes[0].texts] == ["3", "1", "0", "0"]
