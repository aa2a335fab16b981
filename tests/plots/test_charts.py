"""The report's own charts: their text is text, whatever it is, and marks lie where the numbers say."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from kerascifar.evaluation.calibration import reliability
from kerascifar.plots import charts
from kerascifar.plots.charts import Curve
from kerascifar.plots.confusion import HEAT, draw_confusion
from kerascifar.plots.svg import Scale, shorten

HOSTILE = "\N{SNOWMAN}a$\\frac{<script>]]>--> \x07 猫"
CURVE = [(1, 0.5), (2, 0.6)]


def number(value):
    return f"{value:g}"


def drawn():
    """Each kind of chart, with hostile names."""
    names, bins = [HOSTILE, "b"], reliability(np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([0, 0]))
    cut = {"as published": [False, False], "corrected": [False, True]}
    figures = {"paper": [0.5, None], "as published": [None, None], "corrected": [0.6, 0.7]}
    return [
        charts.accuracies(names, [0.5, 0.7], [(0.4, 0.6), (0.6, 0.8)], ["1", "2"]),
        charts.published(names, figures, cut, ["1", "2"]),
        charts.curves([Curve(HOSTILE, CURVE, 0, row="1"), Curve("", CURVE, None), Curve("b", CURVE, 1, True)], HOSTILE),
        charts.bars(names, {HOSTILE: [0.5, None], "b": [0.1, 0.2]}),
        charts.confusion(np.array([[3, 1], [0, 4]]), names),
        charts.confusion(np.eye(100, dtype=int), [HOSTILE] * 100),
        charts.reliability({HOSTILE: bins, "b": bins}),
        charts.tradeoff([10, 1000], [0.5, 0.6], names, ["1", "2"], HOSTILE, number),
    ]


def test_charts_are_well_formed_the_same_each_time_and_hold_text():
    assert drawn() == drawn()
    for svg in drawn():
        root = ET.fromstring(svg)
        assert root.tag == "svg"
        assert "<script" not in svg
        assert "\x07" not in svg
        assert "\N{SNOWMAN}" in svg or len(root.findall(".//text")) <= 2  # a large matrix has no names
        assert not re.search(r"#[0-9a-f]{6}", svg)  # the page's style decides colours


def test_shortened_runs_are_hollow_and_versions_without_figures_are_not_named():
    figures = {"paper": [0.5, 0.6], "as published": [None, None], "corrected": [0.25, 0.75]}
    svg = charts.published(list("ab"), figures, {"as published": [False] * 2, "corrected": [True, False]}, list("ab"))
    assert re.findall(r'<circle class="(\w+) s2"', svg) == ["hollow", "dot"]
    assert [e.text for e in ET.fromstring(svg).findall("text")][-2:] == ["paper", "corrected"]


def test_points_that_would_hide_each_other_are_moved_and_runs_can_be_dimmed():
    svg = charts.tradeoff([10] * 5 + [1000], [0.5] * 5 + [0.6], list("abcdef"), list("123456"), "cost", number)
    circles = ET.fromstring(svg).findall("g/circle")
    places = [(float(c.get("cx")), float(c.get("cy"))) for c in circles]
    assert len(set(places)) == 6
    assert len({y for _, y in places}) == 2  # accuracies stay
    assert [g.get("data-row") for g in ET.fromstring(svg).findall("g")] == list("123456")


def test_shades_are_shares_of_the_true_class():
    svg = charts.confusion(np.array([[3, 1], [0, 0]]), ["a", "b"])
    assert re.findall(r'<path class="(h\d+)"', svg) == ["h2", "h8"]  # a class without images divides by nothing
    assert [e.text for e in ET.fromstring(svg).findall("g[@class='mid']/text")] == ["3", "1", "0", "0"]
    shades = draw_confusion(np.array([[3, 1], [0, 0]]), ["a", "b"]).axes[0].collections[0].get_array()
    assert shades[..., 3].ravel().tolist() == [0.75, 0.25, 0, 0]
    assert HEAT.startswith("#")


def test_bars_of_many_classes_have_no_room():
    with pytest.raises(ValueError, match="100 classes have no room"):
        charts.bars(list("abcde") * 20, {"a": [0.5] * 100})


@pytest.mark.parametrize("values", [[1e308, -1e308], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_numbers_that_fit_no_scale_are_refused(values):
    with pytest.raises(ValueError, match="not finite"):
        charts.curves([Curve("a", list(enumerate(values)), 0)], "loss")


@pytest.mark.parametrize(
    ("low", "high", "log", "ticks"),
    [
        (0, 1, False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.93, 0.96, False, [0.93, 0.94, 0.95, 0.96]),
        (12_000, 11e6, True, [100_000, 1e6, 1e7]),
        (12, 80, True, [20, 50]),
        (3.2, 3.4, True, [3.2, 3.25, 3.3, 3.35, 3.4]),  # no round power: as on a linear scale
    ],
)
def test_ticks_are_round(low, high, log, ticks):
    assert Scale(low, high, 0, 100, log).ticks() == pytest.approx(ticks)


def test_epochs_are_whole():
    assert Scale(1, 3, 0, 100).ticks(whole=True) == [1, 2, 3]


def test_long_names_are_cut():
    assert [shorten("abcd", n) for n in (4, 3)] == ["abcd", "ab…"]
