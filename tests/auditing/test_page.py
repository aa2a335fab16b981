import html
import json
import re

import numpy as np
import pytest

from kerascifar.auditing.page import Heading, write_page
from tests.auditing.conftest import HOSTILE

EFFECTS = [{"run": "lenet a1", "all": 0.75, "images": 10000}, {"run": HOSTILE, "all": None, "images": 9000}]


@pytest.fixture
def written(tmp_path, findings):
    def write(name="audit.html", **values):
        write_page(tmp_path / name, Heading("a1", HOSTILE, [("how", HOSTILE)]), *findings, EFFECTS, **values)
        return (tmp_path / name).read_text(encoding="utf-8")

    return write


def content(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])


def test_the_same_findings_make_the_same_bytes(written, read):
    assert written(read=read) == written("again.html", read=read)


def test_names_of_strangers_make_no_markup(written, read):
    page = written(read=read)
    assert len(re.findall("<script", page)) == 2
    assert "<img" not in page
    assert "\u202e" not in page
    assert content(page)["pairs"]["rows"][1][13] == HOSTILE.replace("\u202e", "\\u202e").replace("\udcff", "\\xff")


def test_the_policy_lets_nothing_be_loaded(written, read):
    page = written(read=read)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert html.unescape(policy).startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert not re.search(r"https?://", page)


def test_a_page_without_pictures_lists_everything(written, findings):
    page = written()
    data = content(page)
    assert data["shots"] == data["differences"] == {}
    assert [len(data[kind]["rows"]) for kind in ("pairs", "labels", "pictures")] == [len(some) for some in findings]
    assert len(page) < 60_000


def test_each_image_stands_once_and_differences_at_their_pair(written, read, findings):
    data = content(written(read=read, align=lambda pair: read("train", pair.b_index) if pair.a_index != 4 else None))
    keys = {f"{p.a_split}/{p.a_index}" for p in findings[0]} | {f"{p.b_split}/{p.b_index}" for p in findings[0]}
    keys |= {"test/40", "test/41", "test/42", "train/1", "train/2", "train/3", "train/7"}
    assert set(data["shots"]) == keys
    assert set(data["differences"]) == {str(i) for i in range(30)} - {"4"}


def test_where_there_is_no_room_the_first_of_each_list_have_pictures(written, read):
    page = written(read=read, budget=25_000)
    shots = content(page)["shots"]
    assert 5 < len(shots) < 30
    assert {"test/0", "test/40", "train/7"} <= set(shots)
    assert "room for the first pictures only" in page


def test_images_that_are_not_at_hand_leave_the_card_without(written):
    assert content(written(read=lambda split, index: None, align=lambda pair: None))["shots"] == {}


def test_the_counts_and_what_they_mean_for_the_runs(written):
    page = html.unescape(re.sub(r"<[^>]+>", "|", written()))
    assert "30 pairs (1 same pixels, 19 near-duplicate, 10 similar); 3 labels listed, 2 suspect; 1 odd picture." in page
    assert re.search(r"test and train\|+1\|+18\|+10\|+29\|", page)
    assert re.search(r"within test\|+0\|+1\|+0\|+1\|", page)
    assert re.search(r"frog\|+1\|+0\|+0\|+1\|+0\|+0\|", page)  # its suspect label does not count as wrong
    assert re.search(r"lenet a1\|+0.7500\|+10,000\|", page)


def test_of_more_than_it_shows_all_are_counted_and_it_says_so(written, monkeypatch):
    monkeypatch.setattr("kerascifar.auditing.page.MOST", 2)
    page = written()
    assert [len(content(page)[kind]["rows"]) for kind in ("pairs", "labels")] == [2, 2]
    assert "30 pairs (1 same pixels, 19 near-duplicate, 10 similar); 3 labels listed" in html.unescape(page)
    assert "Shown are the first 2 of 30 pairs and the first 2 of 3 labels; the files beside this page have all." in page


def test_numbers_that_json_lacks_and_numpy_s_own(tmp_path, make_pair):
    write_page(tmp_path / "a.html", Heading("a", "b"), [make_pair(np.int64(3), score=np.float32("nan"))], [])
    row = content((tmp_path / "a.html").read_text())["pairs"]["rows"][0]
    assert (row[1], row[4]) == (3, None)


def test_an_audit_that_found_nothing_is_a_page_too(tmp_path):
    write_page(tmp_path / "a.html", Heading("a", "b"), [], [], read=lambda split, index: None)
    assert "Nothing was found." in (tmp_path / "a.html").read_text()
