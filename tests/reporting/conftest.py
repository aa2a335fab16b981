import dataclasses
import json

import numpy as np
import pytest

from kerascifar import results
from kerascifar.config import RunConfig
from kerascifar.data.datasets import load
from kerascifar.evaluation import metrics
from kerascifar.results import Result


@pytest.fixture(scope="session")
def digits():
    """scikit-learn's digits with 100 test images, read once."""
    return load(RunConfig(dataset="digits", test_limit=100))


@pytest.fixture
def make_run(tmp_path, digits):
    """Write the folder of a run that never was: scores drawn so that about `skill` of the images are right."""

    def write(place, skill=0.8, seed=0, probabilities=True, validation=True, data=digits, history=3, **changed):
        rng = np.random.default_rng(seed)
        folder = tmp_path / place
        folder.mkdir(parents=True)
        config = RunConfig(arch="lenet", dataset="digits", test_limit=100, seed=seed).to_dict() | changed.pop(
            "config", {}
        )
        if not validation:
            data = dataclasses.replace(data, validation=None)
        scores = {}
        for name, split in data.splits.items():
            if name != "train":
                shares = rng.dirichlet(np.ones(10), len(split)).astype(np.float32)
                sure = rng.random(len(split)) < skill
                shares[sure] = 0.3 * shares[sure] + 0.7 * np.eye(10, dtype=np.float32)[split.labels[sure]]
                scores[name] = shares
        metrics_by_split = {
            name: metrics.evaluate(data.splits[name].labels, scores[name], data.classes, probabilities)
            if name in scores
            else None
            for name in ("validation", "test")
        }
        epochs = [
            {
                "epoch": e + 1,
                "accuracy": 0.5 + 0.1 * e,
                "loss": 1.5 - 0.2 * e,
                "val_accuracy": 0.4 + 0.1 * e,
                "val_loss": 1.6,
            }
            for e in range(history)
        ]
        fields = {
            "run_id": folder.name, "config": config, "metrics": metrics_by_split, "trainable_parameters": 62006,
            "multiply_adds": 651720, "seconds_per_epoch": 1.5, "images_per_second": 900.0,
            "dataset": results.describe_dataset(data), "versions": {"keras": "3.15.1"}, "revision": "abc",
            "history": epochs, "notes": {"device": "cpu"},
        }  # fmt: skip
        results.write_scores(folder, data, scores)
        results.write_result(folder, Result(**fields | changed))
        return folder

    return write


@pytest.fixture
def make_study(tmp_path, make_run):
    """Write a study of three rows: one with both versions, one that diverged, one of full length and two seeds."""

    def write():
        runs = [make_run(f"study/lenet/{letter * 12}", seed=i + 10) for i, letter in enumerate("abcd")]
        accuracies = [results.read_result(run).accuracy for run in runs[:3]]
        ours = [
            {"test_accuracy": accuracy, "images": 100, "epochs": 3, "training_images": 1000, "run": f"lenet/{run.name}"}
            for accuracy, run in zip(accuracies, runs[:3], strict=True)
        ]
        ours[1] |= {"of_epochs": 30, "shortened": True, "seeds": 2}
        ours[2] |= {"runs": [ours[2]["run"], f"lenet/{runs[3].name}"]}
        rows = [
            {
                "name": "row-one",
                "table": "Table 1",
                "paper": {"test_accuracy": 0.5},
                "fault": "pixels | scrambled",
                "as-published": ours[0],
                "corrected": ours[1],
            },
            {"name": "row-two", "table": "Table 2", "paper": {"test_accuracy": 0.25}, "corrected": {"diverged": "NaN"}},
            {"name": "row-three", "table": "Table 2", "paper": {"test_accuracy": 0.125}, "corrected": ours[2]},
        ]
        (tmp_path / "study" / "table.json").write_text(json.dumps({"study": "900 Nobody", "rows": rows}))
        return tmp_path / "study", accuracies

    return write
