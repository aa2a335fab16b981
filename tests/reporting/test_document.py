import pytest

from kerascifar.reporting.comparison import file_size
from kerascifar.reporting.differences import p_value
from kerascifar.reporting.document import number, share, units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7, "7"),
        (999, "999"),
        (1000, "1 k"),
        (35730, "35.7 k"),
        (999_999, "1 M"),
        (3.56e6, "3.56 M"),
        (2e13, "20 T"),
    ],
)
def test_units(value, text):
    assert units(value).text == text
    assert units(value).value == value


def test_what_is_missing_says_so_and_sorts_last():
    assert (number(None, ".2f").text, number(None, ".2f").key) == ("–", "")
    assert number(None, ".2f", "not measured").text == "not measured"
    assert (number(0.5, ".4f").text, number(0.5, ".4f").key) == ("0.5000", "0.5")


def test_file_size():
    assert [file_size(size).text for size in (None, 12, 163_840)] == ["not kept", "12 B", "164 kB"]


def test_shades_are_tenths():
    assert [share(value).shade for value in (0.0, 0.04, 0.26, 1.0)] == [0, 0, 3, 10]


def test_p_values():
    assert [p_value(p) for p in (0.0004, 0.0123, 0.049, 0.5, 1.0)] == ["<0.001", "0.012", "0.049", "0.50", "1.00"]
