from types import SimpleNamespace

import pytest

from tuner.definition import Search
from tuner.spaces import Choice, Range

# The smallest training that still has batches, a validation split and a test split.
FIELDS = {
    "arch": "lenet",
    "optimizer": "sgd",
    "dataset": "synthetic:120",
    "validation": 0.3,
    "epochs": 1,
    "device": "cpu",
}
SPACE = {"learning_rate": Range(1e-3, 1e-1, "log"), "batch_size": Choice((16, 32)), "nesterov": Choice((True, False))}
GRID = {"batch_size": Choice((16, 32)), "learning_rate": Choice((0.1, 0.01, 0.001))}


@pytest.fixture
def make_search(tmp_path):
    """Make a Search over a small space; keyword arguments replace its settings."""

    def make(oracle="random", config=None, **settings):
        usual = {
            "fields": {**FIELDS, **(config or {})},
            "space": GRID if oracle == "grid" else SPACE,
            "max_trials": 6 if oracle in ("random", "bayesian") else None,
            "initial_points": 3 if oracle == "bayesian" else None,
            "seeds": 1,
            "folder": tmp_path / "search",
        }
        return Search(oracle=oracle, **{**usual, **settings})

    return make


@pytest.fixture
def trained(monkeypatch):
    """Put a formula in place of the training: returns the list of configs that were asked for.

    The accuracy is best at a learning rate of 0.03, and 0.001 better for each seed above 0.
    """
    import tuner.search

    asked = []

    def run(config, validation_only=False):
        assert validation_only
        asked.append(config)
        accuracy = 0.9 - abs(config.learning_rate - 0.03) + 0.001 * config.seed
        config.folder.mkdir(parents=True, exist_ok=True)
        return SimpleNamespace(metrics={"validation": {"accuracy": accuracy}, "test": None})

    monkeypatch.setattr(tuner.search, "run", run)
    monkeypatch.setattr(tuner.search, "WAIT", 0.0)
    monkeypatch.setattr(tuner.search, "forget_nets", lambda: None)  # there is no net to forget
    return asked
