"""The time of a training before it is made, by a clock that the test winds."""

import itertools
from types import SimpleNamespace

import pytest

from kerascifar.architectures import ARCHITECTURES, engine
from kerascifar.configure import configure
from kerascifar.core.contracts import Fitted, StepTime
from kerascifar.core.errors import InputError
from kerascifar.scratch import engine as scratch
from kerascifar.studies.timing import meter
from kerascifar.training import engine as keras_nets


def time_step(config):
    return engine(config.arch).time_step(config, ARCHITECTURES[config.arch], None)


@pytest.mark.parametrize(
    "given",
    [
        {"arch": "modified_net", "augment": "flip_crop", "batch_size": 64},
        # The weights' values take no time; the second phase trains the last layer alone.
        {"arch": "modified_net", "init_weights": "RUN", "phases": "2,0,0.01;1,1,0.1", "batch_size": 16},
    ],
)
def test_a_keras_net_is_timed_from_step_to_step(given, monkeypatch, capfd):
    ticks = itertools.count()
    monkeypatch.setattr(keras_nets, "time", SimpleNamespace(perf_counter=lambda: next(ticks) / 2))
    config = configure(**given, device="cpu")
    found = time_step(config)
    assert found.image == pytest.approx(0.5 / config.batch_size)  # the clock is looked at once per step
    assert found.once == 2 * (next(ticks) - 1) / 2  # from the first look at the clock to the last
    assert "step" not in capfd.readouterr().out  # no progress bar


def test_a_scratch_net_trains_one_plain_epoch(monkeypatch):
    asked = []

    def fit(config, variant, data, folder):
        asked.append((config, data))
        return Fitted(score=None, images_per_second=250.0)

    monkeypatch.setattr(scratch, "fit", fit)
    given = {"arch": "scratch_fc3", "folds": 5, "faults": "folds_kept", "batch_size": 32, "dataset": "cifar100"}
    assert time_step(configure(**given)).image == 1 / 250
    ((config, data),) = asked
    assert (config.epochs, config.folds, config.faults) == (1, None, ())
    assert len(data.train) == 7 * 32
    assert len(data.classes) == 100


def test_a_baseline_is_timed_by_images_scored():
    config = configure(arch="knn", dataset="synthetic:40")
    cost = meter({})(config)
    assert (cost.epochs, cost.test) == (None, 10)
    assert cost.image > 0


def test_epochs_of_small_images_cost_by_their_pixels(monkeypatch):
    monkeypatch.setattr(keras_nets, "time_step", lambda *_: StepTime(once=0.0, image=1.0))
    given = {"arch": "lenet", "dataset": "synthetic:40", "epochs": 4, "device": "cpu"}
    whole, small = (meter({})(configure(**given, sides=sides)) for sides in ((), (16, 24)))
    assert (whole.image, small.image) == (1.0, (0.25 + 0.5625 + 2) / 4)


def test_what_a_strategy_divides_is_refused():
    with pytest.raises(InputError, match="got --strategy mirrored"):
        time_step(configure(arch="lenet", strategy="mirrored"))
