"""The table of committed audits says what their files say."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import audit_table  # noqa: E402

SUMMARY = {
    "dataset": "cifar10",
    "images": {"train": 50000, "test": 10000},
    "test_images_with_copies_in_training": 1234,
    "pairs": [
        {"splits": "train and train", "verdict": "near-duplicate", "pairs": 1500},
        {"splits": "test and train", "verdict": "same pixels", "pairs": 7},
    ],
    "reliability": {"copies": 200, "copies_near": 90, "copies_listed": 180},
    "suspect_labels": {"test": 12},
    "folds": 0,
    "scores_of": ["a/1", "b/2"],
    "runs": [{"run": "a/1", "all test images (10,000)": 0.91, "suspect labels alone (0)": None}],
}


def test_a_row_per_audit_and_a_row_per_run(tmp_path):
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / "audit.json").write_text(json.dumps(SUMMARY))
    lines = audit_table.text(tmp_path, Path("../audits")).splitlines()
    found = ("[cifar10](../audits/cifar10/audit.json)", "1,234 of 10,000", "0 same pixels, 1,500 near-duplicate")
    assert f"| {' | '.join(found)} | 12 by 2 runs | 180 of 200, 90 as near-duplicates |" in lines
    assert "| a/1 | 0.9100 |  |" in lines


def test_the_short_one_has_a_run_of_each_net(tmp_path):
    (tmp_path / "cifar10").mkdir()
    counts = {
        "all test images (9)": 0.91,
        "without a near-duplicate in training (7)": 0.9,
        "near-duplicates alone (2)": 1.0,
    }
    runs = [{"run": f"{name}/{number}", **counts} for name in ("tiny12k", "lenet") for number in (1, 2)]
    told = {**SUMMARY, "runs": runs, "estimated_wrong_labels": {"test": 3.6}}
    (tmp_path / "cifar10" / "audit.json").write_text(json.dumps(told))
    text = audit_table.short_text(tmp_path)
    assert "10,000 test images 1,234 have a near-duplicate in training, and 12 bear a label that\n2 of our runs" in text
    assert "holds 4 for wrong" in text
    assert text.splitlines()[-1] == "| tiny12k/1 | 0.9100 | 0.9000 | 1.0000 |"


def test_readme_says_of_cifar10_what_its_audit_says():
    summary = json.loads((ROOT / "saved_models/audits/cifar10/audit.json").read_text())
    copies, labels = summary["test_images_with_copies_in_training"], summary["suspect_labels"]["test"]
    sentence = (
        f"{copies} of CIFAR-10's 10,000 test images have a near-duplicate in training, {labels} bear a suspect label"
    )
    assert sentence in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
