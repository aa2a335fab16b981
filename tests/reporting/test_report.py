import dataclasses
import html
import itertools
import json
import re

import pytest

from kerascifar import report
from kerascifar.core.errors import InputError
from kerascifar.evaluation.metrics import holm, mcnemar
from kerascifar.reporting.differences import pairs
from kerascifar.reporting.gather import gather
from kerascifar.reporting.labels import labels
from kerascifar.reporting.published import studies
from kerascifar.reporting.render import charts, to_html, to_markdown
from kerascifar.reporting.report import make_report, make_sections, write_report


def written(paths, out):
    report.main([*map(str, paths), "--out", str(out)])
    return (out / "report.html").read_text(encoding="utf-8"), (out / "report.md").read_text(encoding="utf-8")


def words(page):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.split("</style>")[1].split("<script")[0])).split())


def test_a_whole_report(tmp_path, make_run, make_study, capsys):
    folder, (published, shortened, whole) = make_study()
    fast = make_run("runs/lenet/cccccccccccc", skill=0.95, seed=3)
    (fast / "latency.json").write_text(json.dumps({"p50_ms": 0.512, "p99_ms": 1.25, "machine": {"cores": 2}}))
    (fast / "model.keras").write_bytes(b"x" * 2500)
    make_run(
        "runs/knn/dddddddddddd",
        config={"arch": "knn"},
        probabilities=False,
        validation=False,
        history=0,
        multiply_adds=None,
    )
    page, twin = written([tmp_path / "runs", folder], tmp_path / "out")
    assert capsys.readouterr().out.startswith("6 runs in ")
    for content in (words(page), twin.replace("\\", "")):
        for title in ("Comparison", "Paper against ours", "Real differences", "Learning curves", "Accuracy per class",
                      "Calibration", "Each run"):  # fmt: skip
            assert title in content
        assert "0.512" in content  # latency
        assert "1.25" in content
        assert "not measured" in content
        assert "2.5 kB" in content
        assert "62,006" in content
        assert "652 k" in content
        assert f"{whole - 0.125:+.4f}" in content
        assert f"{shortened:.4f}" in content
        assert f"{shortened - 0.5:+.4f}".replace("-", "−") not in content  # what it lacks is not what the row lacks
        assert "study row-three, corrected · seed 12" in content
        assert "study row-three, corrected · seed 13" in content
        assert "study row-one, corrected" in content
        assert re.search(rf"{published:.4f} \(#\d\)", content)
        assert "diverged" in content
        assert "3 epochs, 1,000 images, 100 test images" in content
        assert "3 of 30 epochs, 1,000 images, 100 test images, mean of 2 seeds" in content
        assert "Wrong, and most confident" in content
        assert "Left out: 1 whose scores are vote shares" in content
    # Each chart has an alternative text, in both, and lies within or beside.
    told = re.findall(r'<div role="img" aria-label="([^"]+)"><svg', page)
    assert len(told) == page.count('<svg class="chart"') > 15
    assert "<img " not in page
    assert len(re.findall(r' href="data:image/png', page)) == 1  # all examples in one
    links = re.findall(r"!\[(.*?)\]\((figures/[^)]+)\)", twin)
    assert all(alt and (tmp_path / "out" / file).is_file() for alt, file in links)
    assert {file for _, file in links} == {f"figures/{p.name}" for p in (tmp_path / "out" / "figures").iterdir()}
    outside = {link for link in re.findall(r'(?:src|href)="([^"]*)"', page) if not link.startswith(("data:", "#"))}
    assert outside == {
        f"../{run.parent.relative_to(tmp_path)}/" for run in tmp_path.rglob("result.json")
    }  # its folders


def test_the_same_runs_make_the_same_bytes(tmp_path, make_study):
    folder, _ = make_study()
    assert written([folder], tmp_path / "one") == written([folder], tmp_path / "two")


def test_strangers_words_stay_words(tmp_path, make_run):
    evil = '"><script>alert(1)</script>|`*[x](javascript:y)'
    folder = make_run("a/1", config={"arch": evil}, notes={"device": evil}, revision=evil, versions={evil: evil})
    (folder / "latency.json").write_text(json.dumps({evil: 1.0}))
    page, twin = written([tmp_path / "a"], tmp_path / "out")
    assert page.count("<script") == 2  # ours, and what its filters know
    assert "<script" not in twin
    assert "[x](" not in twin
    assert re.search(r"(?<!\\)\|`", twin) is None
    assert html.escape(evil, quote=False).replace('"', "&#34;") in page


def test_mcnemar_of_any_two(tmp_path, make_run):
    for seed, skill in enumerate((0.95, 0.9, 0.3)):
        make_run(f"lenet/{seed}", seed=seed, skill=skill)
    gathered = gather([tmp_path])
    section = pairs(gathered)
    _, best, every = section.blocks
    assert [column.name for column in best.columns][2:4] == ["p", "p by Holm"]
    right = [run.right for run in gathered.runs]
    for row, a in zip(every.rows, right, strict=True):
        for cell, b in zip(row[2:], right, strict=True):
            assert cell.text == "·" if a is b else cell.value == mcnemar(a, b)["p"]
    assert every.rows[0][4].mark == "better"
    assert every.rows[2][2].mark == "worse"
    assert [row[0].value for row in best.rows] == [2, 3]
    only = ((~right[0] & right[2]).sum(), (right[0] & ~right[2]).sum())
    assert [cell.value for cell in best.rows[1][4:]] == list(only)
    raw = [mcnemar(other, right[0])["p"] for other in right[1:]]
    assert [[cell.value for cell in row[2:4]] for row in best.rows] == [
        list(p) for p in zip(raw, holm(raw), strict=True)
    ]


def test_a_corrupt_run_is_named_in_one_line(tmp_path, make_run, command):
    make_run("a/1")
    (make_run("a/2") / "result.json").write_text("{")
    done = command("kerascifar.report", tmp_path / "a", "--out", tmp_path / "out")
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("left out: 2/result.json is corrupt")
    assert "2/result.json is corrupt" in words((tmp_path / "out" / "report.html").read_text())


def test_bad_input_writes_nothing(tmp_path, make_run):
    folder = make_run("a/1")
    for argv, message in (
        (["nowhere", "--out", str(tmp_path / "out")], "not a folder"),
        ([str(tmp_path / "a")], "--out"),
        ([str(folder), "--out", str(folder / "result.json")], "expected a folder"),
    ):
        with pytest.raises(InputError, match=message):
            report.main(argv)
    assert not (tmp_path / "out").exists()


def test_examples_need_the_very_images(tmp_path, make_run, monkeypatch):
    monkeypatch.setenv("KERASCIFAR_DATA", str(tmp_path / "none"))
    folder = make_run("a/1")
    result = json.loads((folder / "result.json").read_text())
    result["config"]["test_limit"] = 90  # other images than those that were scored
    (folder / "result.json").write_text(json.dumps(result))
    page, _ = written([folder], tmp_path / "out")
    assert "their SHA-256 differs" in page
    result["config"]["dataset"] = "cinic10"
    (folder / "result.json").write_text(json.dumps(result))
    page, _ = written([folder], tmp_path / "out")
    assert "the data set was not found here" in page


def test_a_table_that_is_none_is_named(tmp_path, make_run):
    make_run("study/lenet/1")
    (tmp_path / "study" / "table.json").write_text("[]")
    page, _ = written([tmp_path / "study"], tmp_path / "out")
    assert "is not the table of a study" in page


def test_one_run_alone_has_no_comparison_to_make(tmp_path, make_run):
    make_run("a/1")
    sections, _ = make_sections([tmp_path], gather([tmp_path]))
    assert [s.anchor for s in sections] == ["comparison", "curves", "classes", "calibration", "runs"]
    assert "<circle" not in "".join(chart.svg for chart in charts(sections) if not chart.name.startswith("reliability"))
    assert to_html(sections, "")
    assert to_markdown(sections, "")


@pytest.mark.parametrize(
    "spoil",
    [
        {"multiply_adds": 10**400},
        {"trainable_parameters": 10**400},
        {"config": {"arch": ["lenet"], "seed": {"a": [None]}}},
        {"dataset": {"name": ["x"], "images": {"test": 10**400}}},
        {"metrics": {"test": None}},
        {"metrics": {"test": {"accuracy": True}}},
        {"history": [{"val_accuracy": 1e308, "loss": -1e308}, {"val_accuracy": 1}]},
        {"notes": [], "versions": 7},
        {"run_id": None},
    ],
)
def test_one_odd_run_does_not_end_the_report(tmp_path, make_run, spoil):
    make_run("good/111111111111")
    bad = make_run("bad/222222222222", seed=1)
    result = json.loads((bad / "result.json").read_text())
    (bad / "result.json").write_text(json.dumps(result | spoil))
    (bad / "latency.json").write_text(json.dumps({"p50_ms": 10**400, "p99_ms": 1e308}))
    gathered, (sections, left_out) = make_report([tmp_path])
    shown = {run.place for run in gathered.runs}
    assert "good/111111111111" in shown
    assert "bad/222222222222" in shown or any("bad/222222222222" in line for line in left_out)
    write_report(tmp_path / "out", sections, gathered)


def test_an_odd_table_does_not_end_the_report(tmp_path, make_study):
    study, _ = make_study()
    gathered, table = gather([tmp_path]), (study / "table.json").read_text()
    odd = [10**400, -1, [], {"a": 1}, "x", None, True, [[]]]
    keys = ["test_accuracy", "images", "epochs", "of_epochs", "run", "runs", "seeds"]
    for key, value in itertools.product(keys, odd):
        rows = json.loads(table)["rows"]
        for row in rows:
            for version in ("as-published", "corrected"):
                row.get(version, {})[key] = value
        (study / "table.json").write_text(json.dumps({"study": "900 Nobody", "rows": rows}))
        section, left_out = studies([tmp_path], gathered)
        assert section is not None or "study/table.json" in left_out[0]
        assert len(labels([run.scored for run in gathered.runs])) == 4


def test_names_that_are_no_utf8_are_drawn_and_written(tmp_path, make_run, digits):
    names = ("caf\udce9", "$a$", "\x1b[2J", "猫", *digits.classes[4:])
    described = {
        "name": "d\x1b",
        "image_shape": [32, 32, 3],
        "images": {"train": 1},
        "classes": [name.replace("\udce9", "?") for name in names],
    }
    folder = make_run("a/111111111111", data=dataclasses.replace(digits, classes=names), dataset=described)
    result = (folder / "result.json").read_text()
    (folder / "result.json").write_text(result.replace(r"\udce9", "?"))  # JSON may not hold it, but scores.npz does
    gathered, (sections, left_out) = make_report([folder])
    write_report(tmp_path / "out", sections, gathered)
    assert not left_out
    page = (tmp_path / "out" / "report.md").read_bytes()
    assert b"caf\\\\xe9" in page
    assert b"\x1b" not in page
    assert b"could not be drawn" not in page


def test_words_stand_where_a_picture_cannot_be_drawn(tmp_path, make_run, monkeypatch):
    def fail(*what):
        raise RuntimeError("Can not load face (unknown file format)")

    monkeypatch.setattr("kerascifar.plots.charts.confusion", fail)
    _, (sections, _) = make_report([make_run("a/111111111111")])
    assert "could not be drawn: RuntimeError Can not load face" in to_markdown(sections, "")
