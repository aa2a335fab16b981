"""Each private name is still there and does what we use it for; and nothing outside of core/private.py uses one."""

import ast
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest
from keras_tuner.oracles import BayesianOptimizationOracle, GridSearchOracle, RandomSearchOracle

from kerascifar.core import private

ROOT = Path(__file__).resolve().parents[2]
# KerasTuner's own.
pytestmark = pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning")
FOREIGN = ("keras.src", "keras_tuner.src", "tensorflow.python")


def oracle(kind):
    space = keras_tuner.HyperParameters()
    space.Choice("a", [1, 2, 3])
    return kind(objective=keras_tuner.Objective("score", "max"), hyperparameters=space)


def test_times_applied():
    inputs, dense = keras.Input((3,)), keras.layers.Dense(3)
    keras.Model(inputs, dense(dense(inputs)))
    assert private.times_applied(dense) == 2


def test_moving_averages():
    variable = keras.Variable([1.0])
    optimizer = keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor([4.0])])
    (average,) = private.moving_averages(optimizer)
    assert average.numpy() == pytest.approx([-3.0])  # the first step begins the average: 1 - 4


def test_muon_asks_our_hook_who_gets_adam():
    class Muon(private.MuonHooks, keras.optimizers.Muon):
        def uses_adam(self, variable):
            asked.append((variable, super().uses_adam(variable)))
            return False

    asked, variables = [], [keras.Variable(np.ones(shape)) for shape in ((2, 2), (3,))]
    optimizer = Muon(0.1)
    optimizer.build(variables)
    assert [(id(v), keras_says) for v, keras_says in asked] == [(id(variables[0]), False), (id(variables[1]), True)]
    assert optimizer.adam_velocities == [None, None]
    assert [optimizer.place(v) for v in variables] == [0, 1]


def test_set_heartbeat(monkeypatch):
    from tensorflow.python.distribute import collective_all_reduce_strategy
    from tensorflow.python.eager import context

    assert ".configure_coordination_service(" in Path(collective_all_reduce_strategy.__file__).read_text()
    eager = context.Context()
    monkeypatch.setattr(context, "context", lambda: eager)
    private.set_heartbeat(7)
    eager.configure_coordination_service("standalone")
    assert eager.coordination_service.heartbeat_timeout_in_ms == 7000


def test_hide_tracebacks(monkeypatch, capsys, tmp_path):
    from keras_tuner.src import config

    class Tuner(keras_tuner.engine.base_tuner.BaseTuner):
        def run_trial(self, trial):
            raise keras_tuner.errors.FailedTrialError("out of luck")

    def printed(name):
        failing = RandomSearchOracle(
            keras_tuner.Objective("score", "max"), max_trials=1, max_consecutive_failed_trials=None
        )
        Tuner(failing, directory=str(tmp_path), project_name=name).search()
        return capsys.readouterr().err

    monkeypatch.setattr(config, "DEBUG", True)
    assert "Traceback" in printed("loud")
    private.hide_tracebacks()
    assert "Traceback" not in printed("quiet")


def test_oracles_write_no_trial_and_give_out_the_queue_first(tmp_path):
    class Random(private.SavesNoTrial, RandomSearchOracle):
        def save(self):
            pass

    random = oracle(Random)
    random.verbose = 0
    first = random.create_trial("tuner0")
    assert list(tmp_path.iterdir()) == []
    random.ongoing_trials.clear()
    private.retry_queue(random).append(first.trial_id)
    assert random.create_trial("tuner0").trial_id == first.trial_id
    assert private.retry_queue(random) == random.get_state()["retry_queue"] == []


def test_set_random_state():
    bayesian = oracle(BayesianOptimizationOracle)
    assert isinstance(bayesian._random_state, np.random.RandomState)
    state = np.random.RandomState(1)
    private.set_random_state(bayesian, state)
    assert bayesian._random_state is state


def test_restore_grid_order():
    class Grid(private.SavesNoTrial, GridSearchOracle):
        def save(self):
            pass

    def point(grid):
        trial = grid.create_trial("tuner0")
        if "a" in trial.hyperparameters.values:
            grid.update_trial(trial.trial_id, {"score": 1.0})
            trial.status = "COMPLETED"
            grid.end_trial(trial)
        return trial.hyperparameters.values.get("a")

    first, again = oracle(Grid), oracle(Grid)
    first.verbose = again.verbose = 0
    assert [point(first), point(first)] == [1, 2]
    again.trials = first.trials
    again.set_state(first.get_state())
    private.restore_grid_order(again)
    assert point(again) == 3


@pytest.mark.parametrize("package", ["kerascifar", "tuner"])
def test_private_names_are_used_there_alone(package):
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        if path.name == "private.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                found += [f"{path}: {name}" for name in names if name.startswith(FOREIGN)]
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                owner = ast.unparse(node.value)
                if owner not in ("self", "cls", "os", "argparse"):  # the standard library is pinned by Python
                    found.append(f"{path}: {owner}.{node.attr}")
    assert found == []
