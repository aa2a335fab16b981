"""The oracles: what they sample, and that neither a kill nor a dead worker costs a trial."""

import json
import statistics

import pytest
from keras_tuner.engine.trial import TrialStatus

from kerascifar.core.errors import InputError
from tuner.definition import OBJECTIVE
from tuner.oracles import MAX_DEATHS, make_oracle
from tuner.spaces import Range, find_space

ALL = ("bayesian", "random", "grid", "hyperband")
pytestmark = pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning")  # KerasTuner's


def opened(search):
    """The oracle as a new process finds it."""
    oracle = make_oracle(search)
    oracle.reload()
    return oracle


def score(trial):
    """Any function of the point will do."""
    values = trial.hyperparameters.values
    return values["learning_rate"] * 3 + values["batch_size"] / 1000


def end(oracle, trial, status="COMPLETED", value=None):
    trial.status = status
    if status == "COMPLETED":
        oracle.update_trial(trial.trial_id, {OBJECTIVE: score(trial) if value is None else value})
    oracle.end_trial(trial)


def points(oracle, steps=100):
    """Run trials with `oracle` until it stops; return their values."""
    found = []
    for _ in range(steps):
        trial = oracle.create_trial("tuner0")
        if trial.status == TrialStatus.STOPPED:
            break
        found.append(dict(trial.hyperparameters.values))
        end(oracle, trial)
    assert oracle.failure is None
    return found


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_sampled_values_lie_in_the_space(make_search, optimizer):
    space = find_space("study002", "custom_cnn", optimizer)
    search = make_search(config={"arch": "custom_cnn", "optimizer": optimizer}, space=space, max_trials=60)
    found = points(make_oracle(search))
    assert len(found) == 60
    for values in found:
        assert set(values) == set(space)
        for name, part in space.items():
            if isinstance(part, Range):
                assert part.low <= values[name] <= part.high
            else:
                assert values[name] in part.values
    assert {values["batch_size"] for values in found} == {32, 64, 128, 256, 512}


@pytest.mark.parametrize(
    ("space", "low", "high"),
    [
        # The middle of 1e-4..1e-2 is 5.05e-3 on a linear scale and 1e-3 on a log scale. The median of 60 draws has a
        # standard deviation of 1 / (2 sqrt(60)) = 0.065 of the scale; four of them are 0.26.
        ("study002", 0.00248, 0.00762),  # 5.05e-3 -+ 0.26 x 9.9e-3
        ("study002_log", 10 ** (-3 - 0.52), 10 ** (-3 + 0.52)),  # 0.26 x two decades
    ],
)
def test_linear_and_log_scale(make_search, space, low, high):
    search = make_search(space=find_space(space, "lenet", "sgd"), max_trials=60)
    rates = [values["learning_rate"] for values in points(make_oracle(search))]
    assert low < statistics.median(rates) < high


def test_the_grid_is_whole_and_has_nothing_twice(make_search):
    found = points(make_oracle(make_search("grid")))
    assert len(found) == 6
    assert {(v["batch_size"], v["learning_rate"]) for v in found} == {
        (batch, rate) for batch in (16, 32) for rate in (0.1, 0.01, 0.001)
    }


@pytest.mark.slow  # KerasTuner takes seconds to optimise a point
def test_max_trials_counts_the_initial_points(make_search):
    search = make_search("bayesian", max_trials=5, initial_points=3)
    found = points(make_oracle(search))
    assert len(found) == 5
    # The first three are drawn as the random oracle draws them, the others are chosen.
    drawn = points(make_oracle(make_search("random", max_trials=5)))
    assert found[:3] == drawn[:3]
    assert found[3:] != drawn[3:]


@pytest.mark.parametrize("kind", [pytest.param("bayesian", marks=pytest.mark.slow), "random", "grid", "hyperband"])
def test_killed_between_and_in_trials_it_makes_the_same_search(make_search, kind, tmp_path):
    parts = {"hyperband": {"config": {"epochs": 9}}, "bayesian": {"max_trials": 5}}.get(kind, {})
    whole = points(make_oracle(make_search(kind, **parts, folder=tmp_path / "whole")))
    search, found = make_search(kind, **parts), []
    while True:
        oracle = opened(search)
        trial = oracle.create_trial("tuner0")
        if trial.status == TrialStatus.STOPPED:
            break
        if len(found) % 2:
            oracle = opened(search)
            again = oracle.create_trial("tuner0")
            assert again.trial_id == trial.trial_id
            assert again.hyperparameters.values == trial.hyperparameters.values
            trial = again
        found.append(dict(trial.hyperparameters.values))
        end(oracle, trial)
    assert found == whole
    assert len(found) == len(oracle.trials) >= 5


def test_a_kill_leaves_the_old_file_or_the_new_one(make_search, monkeypatch):
    """No moment of a trial's beginning or end may leave a trial that nobody runs: the file is written whole."""
    search = make_search()
    oracle = opened(search)
    end(oracle, oracle.create_trial("tuner0"))
    before = oracle.path.read_text()
    saved = []
    with monkeypatch.context() as patch:
        patch.setattr(type(oracle), "save", lambda self: saved.append(1))  # the kill comes before the write
        lost = oracle.create_trial("tuner0")
    assert saved
    assert oracle.path.read_text() == before
    oracle = opened(search)
    again = oracle.create_trial("tuner0")
    assert (again.trial_id, again.hyperparameters.values) == (lost.trial_id, lost.hyperparameters.values)


def test_a_damaged_file_is_named(make_search):
    search = make_search()
    points(opened(search))
    path = search.folder / "oracle.json"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(InputError, match=r"oracle\.json is corrupt"):
        opened(search)


def test_a_worker_that_starts_again_gets_its_trial_back(make_search):
    oracle = opened(make_search())
    mine, other = oracle.create_trial("worker0"), oracle.create_trial("worker1")
    assert mine.trial_id != other.trial_id
    assert oracle.create_trial("worker0").trial_id == mine.trial_id


def test_a_trial_that_kills_its_workers_is_failed_in_the_end(make_search):
    oracle = opened(make_search())
    deadly = oracle.create_trial("worker0").trial_id
    for _ in range(MAX_DEATHS - 1):
        assert oracle.create_trial("worker0").trial_id == deadly
    following = oracle.create_trial("worker0")
    assert following.trial_id != deadly
    assert oracle.trials[deadly].status == "FAILED"
    assert "killed 3 times" in oracle.trials[deadly].message


def test_deaths_are_remembered_over_a_restart(make_search):
    search = make_search()
    deadly = opened(search).create_trial("worker0").trial_id
    for _ in range(MAX_DEATHS):
        oracle = opened(search)
        assert oracle.create_trial("worker0").trial_id == deadly
        oracle.retire("worker0")
    assert opened(search).trials[deadly].status == "FAILED"


def test_the_trial_of_a_dead_worker_goes_to_another(make_search):
    oracle = opened(make_search(max_trials=2))
    lost, other = oracle.create_trial("worker0"), oracle.create_trial("worker1")
    end(oracle, other)
    # Nothing is left to begin, but worker0 may die: worker1 is kept.
    assert oracle.create_trial("worker1").status == TrialStatus.IDLE
    assert not oracle.finished()
    oracle.retire("worker0")
    taken = oracle.create_trial("worker1")
    assert taken.trial_id == lost.trial_id
    end(oracle, taken)
    assert oracle.create_trial("worker1").status == TrialStatus.STOPPED
    assert oracle.finished()


def test_a_worker_that_was_only_slow_does_no_harm(make_search):
    oracle = opened(make_search(max_trials=2))
    slow = oracle.create_trial("worker0")
    oracle.retire("worker0")
    end(oracle, slow)  # it comes back and reports
    other = oracle.create_trial("worker1")
    assert other.trial_id != slow.trial_id
    end(oracle, slow)  # reported twice, it counts once
    assert oracle.end_order == [slow.trial_id]
    end(oracle, other)
    assert points(oracle) == []
    assert oracle.end_order == [slow.trial_id, other.trial_id]


@pytest.mark.parametrize("kind", ALL)
def test_failed_trials_never_end_a_search(make_search, kind):
    oracle = opened(make_search(kind, config={"epochs": 3} if kind == "hyperband" else {}))
    count = 0
    while (trial := oracle.create_trial("tuner0")).status != TrialStatus.STOPPED:
        end(oracle, trial, "FAILED")
        count += 1
    assert count >= 4
    assert oracle.failure is None


def test_an_error_in_an_oracle_stops_the_search_and_is_kept(make_search, monkeypatch):
    oracle = opened(make_search())
    monkeypatch.setattr(oracle, "_random_values", lambda: 1 / 0)
    assert oracle.create_trial("worker0").status == TrialStatus.STOPPED
    assert isinstance(oracle.failure, ZeroDivisionError)
    oracle.active()  # would wait for ever if KerasTuner's lock had been kept


def test_highest_accuracy_is_best(make_search):
    oracle = opened(make_search(max_trials=2))
    for value in (0.105, 0.117):
        end(oracle, oracle.create_trial("tuner0"), value=value)
    assert oracle.get_best_trials()[0].score == 0.117
    assert json.loads(oracle.path.read_text())["trials"][1]["score"] == 0.117
