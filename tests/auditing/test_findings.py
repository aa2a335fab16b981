import csv

import pytest

from kerascifar.auditing.findings import LABEL_COLUMNS, PAIR_COLUMNS, cell, shortened, write_labels, write_pairs
from tests.auditing.conftest import HOSTILE


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_pairs_come_back_in_the_named_columns_and_in_order(tmp_path, make_pair):
    write_pairs(tmp_path / "pairs.csv", [make_pair(9, 8), make_pair(1, 2, b_label="=HYPERLINK(1)", mirror=False)])
    first, second = rows(tmp_path / "pairs.csv")
    assert tuple(first) == PAIR_COLUMNS
    assert first == {
        "a_split": "test", "a_index": "9", "b_split": "train", "b_index": "8", "score": "0.0125",
        "verdict": "near-duplicate", "shift_x": "1", "shift_y": "-0.5", "scale": "1.05", "mirror": "yes", "gain": "0.9",
        "offset": "-3.25", "a_label": "cat", "b_label": "cat", "a_sha256": "9".ljust(64, "a"),
        "b_sha256": "8".ljust(64, "b"),
    }  # fmt: skip
    assert (second["mirror"], second["b_label"]) == ("no", "'=HYPERLINK(1)")


def test_labels_come_back_in_the_named_columns(tmp_path, make_suspect):
    write_labels(tmp_path / "labels.csv", [make_suspect(5), make_suspect(6, suspect=False, margin=-0.1)])
    first, second = rows(tmp_path / "labels.csv")
    assert tuple(first) == LABEL_COLUMNS
    assert list(first.values()) == ["test", "5", "5".ljust(64, "c"), "cat", "dog", "0.75", "yes"]
    assert (second["suspect"], second["margin"]) == ("no", "-0.1")


def test_names_of_files_follow_where_there_are_some(tmp_path, make_pair, make_suspect):
    write_pairs(tmp_path / "pairs.csv", [make_pair(), make_pair(b_file=f"{HOSTILE}\n1")])
    write_labels(tmp_path / "labels.csv", [make_suspect(file="+cat.png")])
    (one, other), (label,) = rows(tmp_path / "pairs.csv"), rows(tmp_path / "labels.csv")
    assert tuple(one) == (*PAIR_COLUMNS, "a_file", "b_file")
    assert one["b_file"] == ""
    assert other["b_file"].endswith(r"\u202e\xff\n1")
    assert label["file"] == "'+cat.png"


def test_an_empty_list_has_its_header(tmp_path):
    write_pairs(tmp_path / "pairs.csv", [])
    assert (tmp_path / "pairs.csv").read_text() == ",".join(PAIR_COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("value", "text"), [(float("nan"), ""), (1e-9, "0"), (-1e-9, "0"), (1 / 3, "0.333333"), (100.0, "100"), (10, "10")]
)
def test_numbers_are_short(value, text):
    assert cell(value) == text


def test_zeros_in_front_of_the_point_stay():
    assert shortened(100.0, 0) == "100"
