"""What a list leaves out, and the name of that."""

import os
from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerascifar.config import RunConfig
from kerascifar.core import exclusion
from kerascifar.core.audit_lists import Pair
from kerascifar.core.errors import InputError
from kerascifar.core.exclusion import find, identity
from tests.audit_rows import label, labels, pair, pairs, sha, write


def left_out(path):
    """How many copies stay, and why, by the checksum of what is left out."""
    return {row.sha256: (row.kept, row.why) for row in find(str(path)).rows}


def test_pairs_leave_the_training_side_out_and_no_test_image(tmp_path):
    path = pairs(
        tmp_path / "pairs.csv",
        pair("test", "a", "train", "b"),
        pair("validation", "c", "train", "d", "same pixels"),
        pair("test", "e", "validation", "f"),
        pair("test", "g", "test", "h", "same pixels"),
        pair("train", "i", "train", "j"),
        pair("train", "k", "test", "l"),  # the other way round than an audit writes it
        pair("test", "m", "train", "n", "similar"),
        pair("test", "o", "train", "o", "same pixels"),
    )
    near = (0, "near-duplicate")
    assert left_out(path) == {
        sha("b"): near, sha("d"): (0, "same pixels"), sha("f"): near, sha("j"): near, sha("k"): near,
        sha("o"): (0, "same pixels"),
    }  # fmt: skip


def test_of_copies_in_the_training_images_one_stays(tmp_path):
    copies = pair("train", "a", "train", "a", "same pixels", 1, 2)
    assert left_out(pairs(tmp_path / "one", copies)) == {sha("a"): (1, "same pixels")}
    assert left_out(pairs(tmp_path / "two", copies, pair("test", "b", "train", "a"))) == {sha("a"): (0, "same pixels")}


def test_a_circle_keeps_its_first_image(tmp_path):
    """A twice and B, which resembles both: B and one A go."""
    path = pairs(
        tmp_path / "pairs.csv",
        pair("train", "a", "train", "a", "same pixels", 1, 9),
        pair("train", "a", "train", "b", "near-duplicate", 1, 5),
        pair("train", "b", "train", "a", "near-duplicate", 5, 9),
    )
    assert left_out(path) == {sha("a"): (1, "same pixels"), sha("b"): (0, "near-duplicate")}


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda ab: ab[0] != ab[1]), min_size=1))
def test_of_images_that_hang_together_one_stays(edges):
    rows = [Pair("train", a, "train", b, "near-duplicate", str(a), str(b)) for a, b in edges]
    gone = {row.sha256 for row in exclusion._of_pairs(rows) if row.kept == 0}
    assert gone <= {str(b) for _, b in edges}
    for group in exclusion._groups(rows):
        names = {name for row in group for name in (row.a_sha256, row.b_sha256)}
        assert len(names - gone) >= 1
        if not {row.a_sha256 for row in group} <= {str(b) for _, b in edges}:  # no circle: each b goes
            assert gone >= {row.b_sha256 for row in group}


def test_labels_leave_suspects_out_that_a_net_learns_from(tmp_path):
    path = labels(
        tmp_path / "labels.csv", label("train", "a"), label("test", "b"), label("train", "c", "no"),
        label("validation", "d"),
    )  # fmt: skip
    assert left_out(path) == {sha("a"): (0, "suspect label"), sha("d"): (0, "suspect label")}


def test_lists_are_joined(tmp_path):
    one = pairs(tmp_path / "pairs.csv", pair("train", "a", "train", "a", "same pixels", 1, 2))
    other = labels(tmp_path / "labels.csv", label("train", "a"), label("train", "b"))
    both = f"{one},{other}"
    found = find(both)
    assert [found.row(sha("a"), name).kept for name in ("cat", "dog")] == [0, 1]
    assert found.row(sha("b"), "cat").why == "suspect label"
    assert {row.label for row in found.among(["bird"]).rows} == {""}
    assert identity(both) == identity(f"{other},{one}") not in (identity(str(one)), identity(str(other)))
    with pytest.raises(InputError, match=r"there is no file .*nowhere\.csv"):
        identity(f"{one},{tmp_path / 'nowhere.csv'}")
    comma = one.rename(tmp_path / "a,b.csv")  # a file comes first
    assert left_out(comma) == {sha("a"): (1, "same pixels")}


def test_a_list_of_labels_is_about_its_own_class(tmp_path):
    """Its other images of the same pixels may be labelled right."""
    path = write(
        tmp_path / "labels.csv",
        "split,index,sha256,suspect,given",
        f"train,1,{sha('a')},yes,dog",
        f'train,2,{sha("b")},yes,"a, b"',
        f"train,3,{sha('a')},no,cat",
    )
    found = find(str(path))
    assert found.row(sha("a"), "dog").kept == 0
    assert found.row(sha("a"), "cat") is None
    assert found.row(sha("b"), "a, b").kept == 0
    own = tmp_path / "excluded.csv"
    own.write_text(found.to_csv())
    assert identity(str(own)) == identity(str(path))
    before = write(tmp_path / "old.csv", "split,index,sha256,suspect", f"train,1,{sha('a')},yes")
    assert find(str(before)).row(sha("a"), "cat").kept == 0


@pytest.mark.parametrize(
    "write_list",
    [
        lambda path: pairs(path, pair("test", "a", "train", "b", "similar"), pair("test", "a", "test", "c")),
        lambda path: labels(path, label("train", "a", "no"), label("test", "b")),
    ],
)
def test_a_list_that_leaves_nothing_out_is_refused(tmp_path, write_list):
    with pytest.raises(InputError, match="none of its 2 rows leaves an image out; those do whose verdict is same"):
        identity(str(write_list(tmp_path / "list.csv")))


def test_the_identity_is_that_of_what_is_left_out(tmp_path):
    one = pairs(tmp_path / "one.csv", pair("test", "a", "train", "b"), pair("train", "c", "train", "d"))
    other = pairs(
        tmp_path / "other", pair("train", "x", "train", "d", "same pixels"), pair("test", "m", "train", "n", "similar"),
        pair("test", "y", "train", "b"),
    )  # fmt: skip
    assert identity(str(one)) == identity(str(other)) == identity(identity(str(one)))
    own = tmp_path / "excluded.csv"
    own.write_text(find(str(one)).to_csv())
    assert identity(str(own)) == identity(str(one))
    assert sorted(map(astuple, find(str(own)).rows)) == sorted(map(astuple, find(str(one)).rows))
    assert RunConfig(exclude=str(one)).run_id == RunConfig(exclude=str(other)).run_id != RunConfig().run_id
    assert RunConfig(**RunConfig(exclude=str(one)).to_dict()).run_id == RunConfig(exclude=str(one)).run_id
    before = RunConfig(exclude=str(one)).run_id
    pairs(one, pair("test", "a", "train", "b"))
    os.utime(one, ns=(0, 0))
    assert RunConfig(exclude=str(one)).run_id != before


def test_a_list_that_was_read_is_held_and_another_is_asked_for(tmp_path):
    path = pairs(tmp_path / "pairs.csv", pair("test", "a", "train", "held"))
    name = identity(str(path))
    path.unlink()
    assert [row.sha256 for row in find(name).rows] == [sha("held")]
    with pytest.raises(InputError, match=r"\(list:0{16}\) is not here: a run folder keeps it as excluded.csv"):
        find("list:" + "0" * 16)
    with pytest.raises(InputError, match=r"is corrupt: it leaves out list:.*, the run left out list:0"):
        exclusion.recall(write(tmp_path / "own", "sha256,kept,why", f"{sha('a')},0,same pixels"), "list:" + "0" * 16)
