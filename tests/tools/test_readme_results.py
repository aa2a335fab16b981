"""The pages' results are those of the committed runs, and a drift is noticed."""

import json
import shutil
from pathlib import Path

import pytest

from kerascifar.core.errors import InputError
from kerascifar.studies.outcomes import Refused, RowOutcomes, ScoredRuns
from kerascifar.studies.rows import Training

ROOT = Path(__file__).resolve().parents[2]
STUDY = "palaska_faults"
TRAINING = {
    "nets": {"lenet": {"ratios": {"pytorch": 1.5, "torch_compile": 1.25}, "ratio": 1.25}},
    "geometric_mean": 1.25,
}

SPEEDRUN = {
    "nets": {
        "airbench94": {"precision": "mixed_bfloat16", "share_of_peak": 0.75, "seconds_an_epoch": 100.0},
        "resnet18": {"precision": "float32", "share_of_peak": 0.5, "seconds_an_epoch": 640.0},  # 640 / 100 = 6.4
    }
}


@pytest.fixture(scope="module")
def tool(load_tool):
    return load_tool("readme_results")


@pytest.fixture
def checkout(tmp_path, tool):
    """A checkout of two pages, a few finished runs and an old table."""
    (tmp_path / "docs").mkdir()
    for name in ("results", "speed"):
        block = ("before", tool.MADE[0].format(name), "old", tool.MADE[1].format(name), "after\n")
        (tmp_path / tool.PAGES[name][0]).write_text("\n".join(block))
    (tmp_path / "tools" / "measured").mkdir(parents=True)
    (tmp_path / "tools" / "measured" / "training.json").write_text(json.dumps(TRAINING))
    (tmp_path / "tools" / "measured" / "speedrun.json").write_text(json.dumps(SPEEDRUN))
    folder = tmp_path / "saved_models" / STUDY
    for result in (ROOT / "saved_models" / STUDY).glob("scratch_cnn/*/result.json"):
        copy = folder / result.relative_to(ROOT / "saved_models" / STUDY)
        copy.parent.mkdir(parents=True)
        shutil.copy(result, copy)
    (folder / "table.json").write_text("{}")
    return tmp_path


def test_tables_are_made_from_results_and_a_drift_is_named(tool, checkout, capsys):
    folder = checkout / "saved_models" / STUDY
    with pytest.raises(
        InputError, match=rf"not what the results say: saved_models/{STUDY}/table.json, .*docs/speed\.md"
    ):
        tool.main(["--root", str(checkout), "--check"])
    assert (folder / "table.json").read_text() == "{}"  # a check writes nothing
    tool.main(["--root", str(checkout)])
    tool.main(["--root", str(checkout), "--check"])
    assert capsys.readouterr().out.splitlines()[-1] == "4 files are what the results say"
    studies, speed = ((checkout / tool.PAGES[name][0]).read_text() for name in ("results", "speed"))
    for page in (studies, speed):
        assert page.startswith("before\n")
        assert page.endswith("after\n")
        assert "old" not in page
    assert "| study | row, and what to know of it |" in studies
    assert "| training `lenet`, float32 | PyTorch: eager 1.50, torch.compile 1.25 | 1.25 |" in speed
    assert "at 75% of a large matrix product's speed | an epoch of `resnet18`, float32 | 6.4 |" in speed

    row = next(row for row in json.loads((folder / "table.json").read_text())["rows"] if row["name"] == "cnn-none")
    result = json.loads((folder / row["corrected"]["file"]).read_text())
    assert row["corrected"]["test_accuracy"] == result["metrics"]["test"]["accuracy"]
    result["metrics"]["test"]["accuracy"] = 0.99
    (folder / row["corrected"]["file"]).write_text(json.dumps(result))
    with pytest.raises(InputError, match=rf"{STUDY}/table.json, saved_models/{STUDY}/table.md; run python tools"):
        tool.main(["--root", str(checkout), "--check"])


@pytest.fixture
def tested():
    """Return a function that makes the outcome of one training, all epochs done."""
    figures = {"test_accuracy": 0.9, "interval": [0.8, 0.95], "epochs": 5, "of_epochs": 5, "training_images": 4000}
    figures |= {"images": 10_000, "shortened": False, "run": "net/1", "file": "net/1/result.json", "parameters": 35498}
    figures |= {"seeds": 1, "seconds_per_epoch": 1.0, "device": "CPU", "processor": "", "run_seconds": None}
    figures |= {"precision": "float32"}
    return lambda **changes: ScoredRuns(**{**figures, "weighted": {}, "macro": {}, **changes})


def test_a_headline_row_stands_in_the_table_of_studies_with_links(tool, tested):
    row = Training(name="a", expect={"test_accuracy": 0.95}, stand_in="B for C", fault="D", recipe={})
    entry = RowOutcomes(row, {"corrected": tested(), "as-published": tested(epochs=2, shortened=True)})
    assert tool.line("007 Bond: a study", entry, Path("saved_models/bond")) == [
        "[007 Bond](saved_models/bond/table.md)",
        "a<br>D<br>stand-in: B for C",
        "0.9500",
        "",  # beside a whole run a shortened one would be read as what the fault costs
        "[0.9000](saved_models/bond/net/1/result.json) (0.8000 to 0.9500)<br>5 epochs, 4,000 images",
    ]


def test_a_record_stands_beside_its_goal(tool, tested):
    def record(folder="saved_models/records", **changes):
        outcome = tested(epochs=8, of_epochs=8, training_images=50_000, **changes)
        row = Training(name="fast", table="90 % in 9 minutes", recipe={})
        return tool.record(RowOutcomes(row, {"corrected": outcome}), Path(folder))

    cells = record(run_seconds=486.0)
    assert cells[:2] == ["fast", "90 % in 9 minutes"]
    assert cells[2].startswith("[0.9000](saved_models/records/net/1/result.json) (0.8000 to 0.9500)<br>8 epochs")
    assert cells[3:] == ["35,498", "8.1 min"]  # 486 / 60
    assert record()[4] == ""  # it was resumed, so its time is not known
    assert record(precision="mixed_bfloat16")[2].endswith("50,000 images<br>trained in mixed_bfloat16")
    assert record(run_seconds=486.0, processor="Zilog Z80")[4] == "8.1 min<br>Zilog Z80"


def test_only_whole_runs_stand_in_the_tables(tool, tested):
    assert tool.whole(tested())
    assert not tool.whole(tested(shortened=True))
    assert not tool.whole(Refused("no"))


def test_a_page_without_markers_is_answered(tool):
    with pytest.raises(InputError, match=r"README\.md needs the lines <!-- results"):
        tool.between(Path("README.md"), "no markers", "results", "")


def test_speeds_are_those_that_were_measured(tool):
    """Of several opponents the fastest counts, hence the lowest ratio."""
    row = {"work": "l1", "times_as_fast_as": {"scikit-learn": 1234.56, "scipy": 69.44}}
    told = list(tool.speed_table.neighbours({"works": [row]}))
    assert told == [["the same, L1", "scikit-learn 1,234.6, scipy 69.4", "69.4"]]
    setting = {"filters": [16, 16], "batch": 1000, "scratch_over_keras": 2.04, "loop_over_scratch": 812.3}
    (told,) = tool.speed_table.scratch({"settings": [setting]})
    assert told[2] == "812"
    assert "2.0 times" in told[1]
