"""Lists of an audit are known by their header, and a wrong cell is named by file, line and column."""

import re

import pytest

from kerascifar.core import audit_lists
from kerascifar.core.audit_lists import Exclusion, Label, Pair, read_list
from kerascifar.core.errors import InputError
from tests.audit_rows import LABEL_COLUMNS, PAIR_COLUMNS, label, labels, pair, pairs, sha, write


def test_the_header_tells_which_list_it_is(tmp_path):
    found = read_list(pairs(tmp_path / "labels.csv", pair("test", "a", "train", "b", "same pixels", 3, 4)), "--x")
    assert found.kind is Pair
    assert found.rows == [Pair("test", 3, "train", 4, "same pixels", sha("a"), sha("b"))]
    found = read_list(labels(tmp_path / "any", label("train", "a", "no", 7)), "--x")
    assert (found.kind, found.rows) == (Label, [Label("train", 7, sha("a"), False, "cat")])
    found = read_list(write(tmp_path / "own", "sha256,kept,why", f"{sha('a')},1,suspect label"), "--x")
    assert (found.kind, found.rows) == (Exclusion, [Exclusion(sha("a"), 1, "suspect label")])


def test_other_columns_orders_marks_and_line_ends_do_not_matter(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes(
        b"\xef\xbb\xbffile,suspect,split,sha256,index\r\n"
        + f'"a\n, b.png",yes,train,{sha("a").upper()},5\r\n\r\n'.encode()
    )
    assert read_list(path, "--x").rows == [Label("train", 5, sha("a"), True)]


def test_a_list_without_rows_is_a_list(tmp_path):
    found = read_list(pairs(tmp_path / "pairs.csv"), "--x")
    assert (found.kind, found.rows) == (Pair, [])


GOOD = label("train", "a")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "line 1: found ''; expected a header with the columns a_split, a_index,"),
        ("a;b\n1;2\n", "line 1: found 'a;b'; expected a header with the columns a_split"),
        (LABEL_COLUMNS.replace(",suspect", ",doubt"), "line 1: found no column suspect; expected the columns of"),
        (PAIR_COLUMNS.replace("verdict", "x"), "line 1: found no column verdict; expected the columns of pairs.csv"),
        (LABEL_COLUMNS + ",split", "line 1: found the column 'split' twice; expected each column once"),
        (f"{LABEL_COLUMNS}\n{GOOD}\n{GOOD},1\n", "line 3: found 8 cells; expected 7, as the header has"),
        (f"{LABEL_COLUMNS}\n{GOOD}\n{label('valid', 'a')}\n",
         "line 3: column split: found 'valid'; expected one of train, validation, test"),
        (f"{LABEL_COLUMNS}\n{label('train', 'a', 'YES')}\n", "line 2: column suspect: found 'YES'; expected yes or no"),
        (f"{LABEL_COLUMNS}\n{label('train', 'a', index=-1)}\n", "column index: found '-1'; expected a whole number"),
        (f"{LABEL_COLUMNS}\n{label('train', 'a', index='9' * 19)}\n", "column index: found '999"),
        (f"{LABEL_COLUMNS}\n{label('train', 'a', index='٣')}\n", "column index: found '٣'"),
        (f"{LABEL_COLUMNS}\ntrain,0,{'ab' * 31},a,b,0,yes\n", "column sha256: found 'abab"),
        (f"{PAIR_COLUMNS}\n{pair('test', 'a', 'train', 'b', 'equal')}\n",
         "line 2: column verdict: found 'equal'; expected one of same pixels, near-duplicate, similar"),
        (f'{LABEL_COLUMNS}\n{GOOD}\n"train', "line 3: unexpected end of data; expected cells with commas between"),
        (f"{LABEL_COLUMNS}\n{'x' * 200_000}\n", "line 2: field larger than field limit"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_line(tmp_path, content, told):
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(f"{path}, ")) as refused:
        read_list(path, "--exclude")
    assert told in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_other_files_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"--exclude: there is no file .*none.csv; expected an audit's pairs.csv"):
        read_list(tmp_path / "none.csv", "--exclude")
    with pytest.raises(InputError, match="it is no regular file"):
        read_list(tmp_path, "--exclude")
    (tmp_path / "latin").write_bytes(f"{LABEL_COLUMNS}\n".encode() + b"caf\xe9")
    with pytest.raises(InputError, match="line 2: found the byte 0xe9; expected UTF-8 text"):
        read_list(tmp_path / "latin", "--exclude")
    monkeypatch.setattr(audit_lists, "MOST_BYTES", 2**20)
    (tmp_path / "large").write_bytes(bytes(2**20 + 1))
    with pytest.raises(InputError, match="it has more than 1 MiB"):
        read_list(tmp_path / "large", "--exclude")
