import re

import numpy as np
import pytest
from PIL import Image

from kerascifar import explore
from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import load
from kerascifar.plots import images, neighbours
from kerascifar.plots.views import VIEWS

SYNTHETIC = ["--dataset", "synthetic:200"]


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_labels_show_the_shares():
    names = ("cat", "dog", "ship")
    assert images.label(np.array([0, 1, 0.0]), names) == "dog"
    assert images.label(np.array([0.3, 0.7, 0]), names) == "0.70 dog\n+ 0.30 cat"
    assert images.label(np.array([0.002, 0, 0.998]), names) == "ship"


def test_the_first_of_each_class_then_the_second():
    labels = np.array([1, 1, 0, 2, 0, 1, 2])
    assert images.pick(labels, 5).tolist() == [2, 0, 3, 4, 1]


def test_a_sheet_is_written(tmp_path, capsys):
    out = tmp_path / "sheets" / "mixed.png"
    explore.main([*SYNTHETIC, "--augment", "flip_crop mixup(0.5)", "--out", str(out)])
    with Image.open(out) as image:
        assert image.format == "PNG"
        assert np.ptp(np.asarray(image.convert("L"))) > 200
    assert f"wrote {out}" in capsys.readouterr().out
    assert [p.name for p in out.parent.iterdir()] == ["mixed.png"]


def test_a_sheet_shows_originals_beside_what_the_pipeline_makes_of_them():
    config = RunConfig(dataset="synthetic:200", augment="crop(2) mixup(1)", seed=3)
    data = load(config)
    figure = images.draw_augmented(data, config)
    index = images.pick(data.train.labels, images.ORIGINALS)
    shown = [np.asarray(image.get_array()) for image in figure.axes[0].images]
    assert len(shown) == images.ORIGINALS * (1 + images.AUGMENTED)
    np.testing.assert_array_equal(shown[: images.ORIGINALS], data.train.images[index])
    assert all(np.any(shown[k] != shown[k % images.ORIGINALS]) for k in range(images.ORIGINALS, len(shown)))
    shown_texts = texts(figure)
    assert shown_texts.count("original") == 1
    assert f"epoch {images.AUGMENTED - 1}" in shown_texts
    mixed = [text for text in shown_texts if "+" in text]
    assert len(mixed) > 40
    for text in mixed:
        assert sum(map(float, re.findall(r"\d\.\d\d", text))) == pytest.approx(1, abs=0.011)
    assert texts(images.draw_augmented(data, config)) == shown_texts  # the seed decides


def test_classes_are_counted(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    explore.main(["--dataset", "digits"])
    printed = capsys.readouterr().out
    assert (tmp_path / "explore-classes-digits.png").stat().st_size > 10_000
    config = RunConfig(dataset="digits")
    data = load(config)
    for name, split in data.splits.items():
        assert re.search(rf"{name} +{len(split):,} images of 10 classes, \d+", printed)
    assert "10 classes: 0, 1, 2, 3, 4, …\n" in printed
    grid, bars = images.draw_classes(data, config).axes
    assert [bar.get_width() for bar in bars.patches] == [
        count for split in data.splits.values() for count in np.bincount(split.labels, minlength=10)
    ]
    assert len(grid.images) == 10 * images.PER_CLASS


def test_samples_are_drawn_by_the_seed():
    config = RunConfig(dataset="synthetic:200", seed=5)
    data = load(config)
    figure = images.draw_samples(data, config)
    shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    assert len(shown) == 16
    for axes, image in zip(figure.axes, shown, strict=True):
        place = next(i for i, known in enumerate(data.train.images) if np.array_equal(known, image))
        assert axes.get_title() == data.classes[data.train.labels[place]]
    assert len({image.tobytes() for image in shown}) == 16
    again = images.draw_samples(data, config)
    np.testing.assert_array_equal(shown, [np.asarray(axes.images[0].get_array()) for axes in again.axes])


def test_neighbours_are_the_nearest_by_the_distance():
    config = RunConfig(dataset="synthetic:200", distance="l1")
    data = load(config)
    [axes] = neighbours.draw_neighbours(data, config).axes
    shown = [np.asarray(image.get_array()) for image in axes.images]
    per_row = 1 + neighbours.NEAREST
    assert len(shown) == neighbours.QUERIES * per_row
    query = shown[per_row].astype(float)  # the second row
    assert any(np.array_equal(query, image) for image in data.test.images)
    far = np.sort(np.abs(data.train.images - query).sum((1, 2, 3)))[: neighbours.NEAREST]
    np.testing.assert_array_equal([np.abs(image - query).sum() for image in shown[per_row + 1 : 2 * per_row]], far)
    assert axes.texts[per_row + 1].get_text().endswith(f"\n{far[0]:.4g}")


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_written(view, tmp_path, capsys):
    out = tmp_path / "view.png"
    extra = ["--augment", "flip"] if VIEWS[view].augments else []
    explore.main([*SYNTHETIC, "--view", view, *extra, "--out", str(out)])
    with Image.open(out) as image:
        assert min(image.size) > 300
        assert np.ptp(np.asarray(image.convert("L"))) > 200
    assert f"wrote {out}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--augment", "flipcrop"], "did you mean flip_crop"),
        (["--augment", "none"], "changes nothing"),
        (["--view", "augment"], "changes nothing"),
        (["--view", "clases"], "did you mean classes"),
        (["--out", "sheet.jpg"], "ending in .png"),
        (["--distance", "ssim"], "--distance is for --view neighbours"),
        ([*SYNTHETIC, "--view", "neighbours", "--distance", "ssin"], "did you mean ssim?"),
        (["--agment", "lai"], "did you mean --augment"),
        (["--dataset", "cifar"], "unknown --dataset"),
        ([*SYNTHETIC, "--augment", "crop(32)"], "got 32 for images of 32x32"),
    ],
)
def test_bad_input_is_refused_in_one_line(argv, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        explore.main(argv)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_says_so_on_stderr_and_exits_with_2(command):
    done = command("kerascifar.explore", "--augment", "flip(2)")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --augment: probability of flip must be from 0 to 1, got 2\n"
