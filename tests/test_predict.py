"""`predict --top K`: the likeliest classes of each picture, in a table and in CSV."""

import csv
from pathlib import Path

import pytest

from kerascifar import predict
from kerascifar.core.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
NET, FROG = ROOT / "saved_models" / "tiny36k", ROOT / "docs" / "pictures" / "frog.png"


def test_the_likeliest_classes_in_order(tmp_path, capsys):
    predict.main([str(NET), str(FROG), "--top", "3", "--device", "cpu"])
    title, row = capsys.readouterr().out.splitlines()[-2:]
    assert title.split() == ["image", "label", "confidence", "label_2", "confidence_2", "label_3", "confidence_3"]
    cells = row.split()[1:]
    shares = list(map(float, cells[1::2]))
    assert cells[0] == "frog"
    assert shares == sorted(shares, reverse=True)

    predict.main([str(NET), str(FROG), "--top", "3", "--csv", str(tmp_path / "a.csv"), "--device", "cpu"])
    predict.main([str(NET), str(FROG), "--csv", str(tmp_path / "b.csv"), "--device", "cpu"])
    (three,), (one,) = (list(csv.DictReader((tmp_path / name).open())) for name in ("a.csv", "b.csv"))
    assert [three[name] for name in ("label", "label_2", "label_3")] == cells[::2]
    assert three["confidence_2"] == three[three["label_2"]]  # the score of its class
    assert {name: three[name] for name in one} == one
    assert set(three) - set(one) == {"label_2", "confidence_2", "label_3", "confidence_3"}


@pytest.mark.parametrize("top", ["0", "11"])
def test_as_many_as_there_are_classes(top):
    with pytest.raises(InputError, match=f"--top: must be from 1 to 10, the classes of this run, got {top}"):
        predict.main([str(NET), str(FROG), "--top", top])
