import ast
import dataclasses
import json

import pytest

from kerascifar import results
from kerascifar.core import finding
from kerascifar.core.contracts import Split
from kerascifar.core.errors import InputError
from kerascifar.reporting.gather import gather
from kerascifar.reporting.model_card import CARD, ship
from kerascifar.reporting.render import to_html
from kerascifar.reporting.report import make_sections


@pytest.fixture
def net(make_run):
    """Write the folder of a run whose net was kept."""

    def write(place="runs/lenet/aaaaaaaaaaaa", **how):
        folder = make_run(place, **how)
        (folder / "model.keras").write_bytes(b"x" * 2500)
        (folder / "checkpoint.npz").write_bytes(b"private")
        return folder

    return write


def text(folder):
    return (folder / CARD).read_text(encoding="utf-8").replace("\\", "")


def test_a_card_tells_what_the_result_says(net, tmp_path):
    folder = net()
    result = results.read_result(folder)
    markdown = text(ship(folder, tmp_path / "shipped"))
    low, high = result.metrics["test"]["accuracy_interval"]
    assert f"{result.accuracy:.2%} test accuracy (95 % interval {low:.2%} to {high:.2%}, 100 images)" in markdown
    assert "62,006 parameters, 652 k multiply-adds per image, 2.5 kB" in markdown
    for row in result.metrics["test"]["per_class"]:
        assert f"| {row['class']} | {row['recall']:.3f} | {row['precision']:.3f} | {row['images']} |" in markdown
    assert "batch_size 128" in markdown  # a default, which a recipe has to name
    assert "versions | keras 3.15.1" in markdown
    worst = min(result.metrics["test"]["per_class"], key=lambda row: row["recall"])
    assert f"Its weakest class is {worst['class']}, of which it labels {worst['recall']:.1%}" in markdown
    assert "predict . PHOTO.png" in markdown
    assert str(tmp_path) not in markdown  # it is for whoever has the folder


def test_what_is_shipped_is_a_run_without_the_rest(net, tmp_path):
    folder = net()
    (folder / "exported").mkdir()
    (folder / "exported" / "int8.tflite").write_bytes(b"y")
    into = ship(folder, tmp_path / "shipped")
    assert finding.find_run(tmp_path / "shipped") == into
    shipped = {p.name for p in into.iterdir()} - {".lock"}
    assert shipped == {"README.md", "model.keras", "scores.npz", "result.json", "exported"}
    for name in ("model.keras", "scores.npz", "result.json", "exported/int8.tflite"):
        assert (into / name).read_bytes() == (folder / name).read_bytes()
    before = text(into)
    assert ship(folder, tmp_path / "shipped") == into  # again, over itself
    assert text(into) == before
    ship(into, tmp_path / "shipped")  # and in place
    assert {p.name for p in into.iterdir()} - {".lock"} == shipped


def test_a_report_counts_a_copy_once(net, tmp_path):
    ship(net(), tmp_path / "shipped")
    gathered = gather([tmp_path])
    assert [run.place for run in gathered.runs] == ["runs/lenet/aaaaaaaaaaaa"]
    assert gathered.left_out == ("shipped/aaaaaaaaaaaa is a copy of runs/lenet/aaaaaaaaaaaa",)


def test_a_class_without_test_images_is_named_and_not_the_weakest(net, tmp_path, digits):
    some = digits.test.labels != 3
    data = dataclasses.replace(digits, test=Split(digits.test.images[some], digits.test.labels[some]))
    folder = net(data=data)
    assert results.read_result(folder).metrics["test"]["per_class"][3]["recall"] is None
    markdown = text(ship(folder, tmp_path / "shipped"))
    assert "| 3 | – | – | 0 |" in markdown
    assert "Its weakest class is 3" not in markdown
    assert markdown.count("no test image shows 3:") == 1
    sections, _ = make_sections([tmp_path], gather([tmp_path]))
    html = to_html(sections, "")
    assert html.count("no test image shows 3:") == 1


def test_strangers_words_stay_words(net, tmp_path):
    evil = "|`[x](javascript:y)<script>"
    markdown = (ship(net(notes={"device": evil}, revision=evil), tmp_path / "shipped") / CARD).read_text()
    assert "<script>" not in markdown
    assert "[x](" not in markdown


@pytest.mark.parametrize("run_id", ["../../escaped", "/tmp/escaped", "..", "", "a/b", 'x\n```\n"""', "\x1b[2J"])
def test_a_run_id_that_is_no_name_is_refused(net, tmp_path, run_id):
    folder = net("runs/lenet/cccccccccccc", run_id=run_id)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"result\.json: run_id must be a plain name"):
        ship(folder, tmp_path / "shipped")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["model.keras", "exported", "exported/int8.tflite", "exported/deep/x", "latency.json"])
def test_what_a_link_points_to_is_not_shipped(net, tmp_path, name):
    folder, private = net(), tmp_path / "private"
    private.mkdir()
    (private / "key").write_text("{}")
    link = folder / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(private if name == "exported" else private / "key")
    with pytest.raises(InputError, match=rf"{name} is a link"):
        ship(folder, tmp_path / "shipped")
    assert not (tmp_path / "shipped").exists()


def test_a_card_holds_no_code_but_its_own(net, tmp_path):
    run_id = 'a"); evil() #<script>$x$'
    block = (ship(net(f"runs/lenet/{'a' * 12}", run_id=run_id), tmp_path / "o") / CARD).read_text().split("```")[3]
    code = ast.parse(block.removeprefix("python\n"))
    (path,) = [node.args[0] for node in ast.walk(code) if isinstance(node, ast.Call) and node.args and
               isinstance(node.args[0], ast.Constant)]  # fmt: skip
    assert path.value == "model.keras"
    assert "evil" not in {getattr(node.func, "id", "") for node in ast.walk(code) if isinstance(node, ast.Call)}
    for shape in (["1)\nevil()\n#", 8, 1], [8, 8], "8", None, [8.5, 8, 1]):
        folder = net(f"runs/{len(str(shape))}/{'b' * 12}", dataset={"name": "digits", "image_shape": shape})
        with pytest.raises(InputError, match="image_shape"):
            ship(folder, tmp_path / "p")


def test_what_cannot_be_shipped_is_refused(net, make_run, tmp_path):
    with pytest.raises(InputError, match=r"holds no model\.keras or model\.npz"):
        ship(make_run("runs/lenet/cccccccccccc"), tmp_path / "shipped")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="expected a folder"):
        ship(net("runs/lenet/dddddddddddd"), tmp_path / "file")
    net("shipped/eeeeeeeeeeee", seed=1)
    with pytest.raises(InputError, match="holds another result"):
        ship(net("runs/lenet/eeeeeeeeeeee"), tmp_path / "shipped")
    strange = net("runs/lenet/ffffffffffff")
    result = json.loads((strange / "result.json").read_text())
    (strange / "result.json").write_text(json.dumps(result | {"config": {"arch": "nonesuch"}}))
    with pytest.raises(InputError, match="no result of this program: KeyError 'nonesuch'"):
        ship(strange, tmp_path / "shipped")
    assert not list((tmp_path / "shipped").glob("[!e]*"))


@pytest.mark.release  # the documented commands do as much
def test_a_shipped_net_labels_a_picture(command, tmp_path):
    from PIL import Image

    made = command(
        "kerascifar.train", "--arch", "lenet", "--dataset", "digits", "--epochs", "1", "--train-limit", "200"
    )
    assert made.returncode == 0, made.stderr
    made = command("kerascifar.card", "saved_models/lenet", "--out", "shipped")
    assert made.returncode == 0, made.stderr
    assert "wrote shipped/" in made.stdout
    assert list(tmp_path.glob("shipped/*/exported/plain.keras"))
    Image.new("L", (8, 8), 128).save(tmp_path / "photo.png")
    done = command("kerascifar.predict", "shipped", "photo.png")
    assert done.returncode == 0, done.stderr
    assert "photo.png" in done.stdout
