"""Near-duplicates: candidates are the best of all, alignment finds what was done, and verdicts follow."""

import numpy as np
import pytest
from skimage.transform import SimilarityTransform, warp

from kerascifar.auditing import calibration, candidates, duplicates, findings
from kerascifar.auditing.alignment import Aligned, align
from kerascifar.auditing.findings import NEAR, SAME, SIMILAR
from kerascifar.auditing.poses import NARROW, WIDE, Pose, banded, descriptors
from kerascifar.core.contracts import Split, Whole
from kerascifar.core.errors import InputError
from tests.auditing.drawn import pictures


def placed(image, scale, down, right):
    """The image as it shows when its middle is enlarged by `scale` and then moved, by scikit-image."""
    middle = (image.shape[0] - 1) / 2
    there = SimilarityTransform(scale=1 / scale, translation=[middle - (middle + s) / scale for s in (right, down)])
    return np.round(warp(image, there, mode="edge", preserve_range=True)).astype(np.uint8)


def quiet(title, total):
    return lambda done: None


def whole(train, test):
    labels = [np.arange(len(images)) % 2 for images in (train, test)]
    return Whole(("a", "b"), {"train": Split(train, labels[0]), "test": Split(test, labels[1])})


def test_candidates_are_those_of_brute_force():
    train, test = pictures(40), pictures(5, seed=1)
    test[3] = train[17][:, ::-1]
    kept = candidates.Searched(train).candidates(test, NARROW, False, lambda done: None, threads=1)
    rows = descriptors(banded(train), candidates.UPRIGHT)
    views = np.stack([descriptors(banded(test), pose) @ rows.T for pose in NARROW])
    best = views.max(0)
    for a, b, pose, correlation in zip(kept.a, kept.b, kept.pose, kept.correlation, strict=True):
        assert correlation == pytest.approx(best[a, b], abs=1e-4)  # with as many components as images nothing is lost
        assert views[pose, a, b] == pytest.approx(best[a, b], abs=1e-4)
    assert set(zip(*np.nonzero(best >= candidates.LEAST + 1e-3), strict=True)) <= set(zip(kept.a, kept.b, strict=True))
    assert (3, 17) in set(zip(kept.a, kept.b, strict=True))
    assert NARROW[kept.pose[list(kept.a).index(3)]] == Pose(1.0, 0, 0, True)


@pytest.mark.parametrize("side", [32, 48])
@pytest.mark.parametrize(
    ("scale", "down", "right", "mirror"), [(1, 3, -2, False), (1.15, 1, 1, False), (0.88, -1, 2, True), (1, 0, 0, True)]
)
def test_the_alignment_is_what_was_done(scale, down, right, mirror, side, tmp_path):
    image = pictures(1, side)[0]
    unit = side / 32
    b = image
    a = placed(image[:, ::-1] if mirror else image, scale, down * unit, right * unit)
    data = whole(np.concatenate([pictures(30, side, seed=3), b[None]]), a[None])
    found = duplicates.find_pairs(data, tmp_path, quiet, threads=1)
    pair = found[0]
    assert (pair.a_split, pair.a_index, pair.b_index, pair.mirror) == ("test", 0, 30, mirror)
    assert pair.verdict == NEAR
    assert pair.scale == pytest.approx(scale, abs=0.04)
    assert (pair.shift_y, pair.shift_x) == (pytest.approx(down * unit, abs=0.6), pytest.approx(right * unit, abs=0.6))
    shown = duplicates.aligner(data)(pair).astype(float)
    seen = shown.any(-1)
    assert np.abs(shown - a)[seen].mean() < 12


def test_contrast_is_found_and_forgiven():
    image = pictures(1)[0]
    paler = np.round(0.6 * image + 40).astype(np.uint8)
    aligned = align(paler[None], image[None], np.array([False]), np.zeros((1, 4), np.float32))
    assert aligned.residual[0] < 0.01
    assert (aligned.gain[0], aligned.offset[0]) == (pytest.approx(0.6, abs=0.01), pytest.approx(40, abs=1.5))


def test_strangers_and_blank_images_are_no_pairs(tmp_path):
    blank = np.full((2, 32, 32, 3), 200, np.uint8)
    blank[1] = 90
    data = whole(np.concatenate([pictures(30), blank]), pictures(20, seed=9))
    assert not [pair for pair in duplicates.find_pairs(data, tmp_path, quiet) if pair.verdict != SIMILAR]


def test_copies_are_pairs_whatever_they_show_and_the_first_of_many_is_theirs(tmp_path):
    blank = np.full((1, 32, 32, 3), 200, np.uint8)
    train = np.concatenate([blank, pictures(3), blank, blank])
    found = duplicates.find_pairs(whole(train, blank), tmp_path, quiet)
    same = {(p.a_split, p.a_index, p.b_split, p.b_index) for p in found if p.verdict == SAME}
    assert same == {("train", 0, "train", 4), ("train", 0, "train", 5), ("test", 0, "train", 0)}
    assert {p.score for p in found if p.verdict == SAME} == {0.0}


def test_within_a_split_the_first_image_is_a(tmp_path):
    train = pictures(12)
    train[2] = placed(train[9], 1.0, 2, 0)  # the search meets the pair from both sides
    (pair,) = [p for p in duplicates.find_pairs(whole(train, pictures(4, seed=2)), tmp_path, quiet) if p.score < 0.3]
    assert (pair.a_split, pair.a_index, pair.b_split, pair.b_index) == ("train", 2, "train", 9)
    assert (pair.shift_y, pair.shift_x) == (pytest.approx(2, abs=0.3), pytest.approx(0, abs=0.3))


def test_a_second_partner_counts_only_without_doubt(tmp_path):
    image = pictures(1)[0]
    near, further = placed(image, 1.0, 1, 0), placed(image, 1.0, 4, 4)
    found = duplicates.find_pairs(whole(np.stack([near, further, *pictures(9, seed=5)]), image[None]), tmp_path, quiet)
    verdicts = {pair.b_index: pair.verdict for pair in found if pair.a_split == "test"}
    assert verdicts[0] == NEAR
    assert verdicts[1] == SIMILAR


def test_a_search_that_was_killed_goes_on_and_a_damaged_file_is_named(tmp_path):
    data = whole(pictures(20), pictures(20)[:5])
    pairs = duplicates.find_pairs(data, tmp_path, quiet)
    (tmp_path / "pairs-test-train.npz").unlink()
    began = []
    again = duplicates.find_pairs(data, tmp_path, lambda title, total: began.append(title) or (lambda done: None))
    assert again == pairs
    assert began == ["searching test in train", "aligning test in train"]
    path = tmp_path / "pairs-test-train.npz"
    with np.load(path) as kept:
        arrays = dict(kept)
    for changed in ({"place": arrays["place"] + 40}, {"residual": arrays["residual"] * np.nan}, {"a": np.zeros(3)}):
        np.savez(path, **arrays | changed)
        with pytest.raises(InputError, match="delete it"):
            duplicates.find_pairs(data, tmp_path, quiet)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"is corrupt: .*; delete it"):
        duplicates.find_pairs(data, tmp_path, quiet)


def test_every_pose_stays_inside():
    for pose in WIDE + NARROW:
        assert 12 * pose.scale + max(abs(pose.x), abs(pose.y)) <= 16 + 1e-9, pose


@pytest.mark.parametrize("side", [8, 32, 224])
def test_the_limit_is_higher_for_pictures_that_lie_on_each_other_as_they_stand(side):
    place = np.array([[0, 2, 0, 0], [0, 4, 0, 0], [0, 0, 0, 0], [0, 0, np.log(1.1), np.log(1.1)]], np.float32)
    place[:, :2] *= side / 32
    mirror = np.array([False, False, True, False])  # as it stands; moved too far; mirrored; larger
    aligned = Aligned(mirror, place, np.zeros(4), np.ones(4), np.zeros(4))
    assert duplicates.near_limits(aligned, 10_000 * 50_000, side).tolist() == [0.337, 0.28, 0.28, 0.28]


def test_of_several_partners_the_nearest_counts_and_others_only_without_doubt():
    residual = np.array([0.3, 0.2, 0.12, 0.27, 0.29], np.float32)
    aligned = Aligned(np.ones(5, bool), np.zeros((5, 4), np.float32), residual, np.ones(5), np.zeros(5))
    near = duplicates.are_near(np.array([0, 4, 4, 7, 9]), aligned, 10_000 * 50_000, 32)
    assert near.tolist() == [False, False, True, True, False]


def test_candidates_of_many_blocks_are_those_of_one(monkeypatch):
    train = pictures(50)
    whole = candidates.Searched(train).candidates(train, NARROW, True, lambda done: None, least=0.2)
    monkeypatch.setattr(candidates, "COLUMNS", 7)
    parts = candidates.Searched(train).candidates(train, NARROW, True, lambda done: None, least=0.2)
    assert len(whole) > 100
    np.testing.assert_array_equal(parts.a, whole.a)
    np.testing.assert_array_equal(parts.b, whole.b)
    np.testing.assert_array_equal(parts.pose, whole.pose)


def test_made_copies_are_found_and_take_no_stranger_for_their_source():
    images = pictures(60)
    images[59] = images[58]  # a copy in the set itself is no stranger to a copy of it
    drawn = Whole(("a", "b"), {"train": Split(images, np.arange(60) % 2)})
    pair = findings.Pair("train", 58, "train", 59, 0.0, "same pixels", 0, 0, 1, False, 1, 0, "a", "b", "c", "c")
    found = calibration.measure(drawn, [pair], 0, quiet, 1)
    assert (found.copies, found.others_near, found.near) == (60, 0, 0)
    assert found.copies_near > 40
    assert calibration.measure(drawn, [], 0, quiet, 1).others_near > 0
