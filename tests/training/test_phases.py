"""Phases: what they fill in, what contradicts them, and a transfer that dies in any of them."""

import keras
import numpy as np
import pytest
from test_fit import SMALL, STEPS, stopped_after, trained

from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import load
from kerascifar.training import fit
from kerascifar.training.phases import phase_at, phases_of

TWO = "1,1,0.1;2,0,0.02"


def test_phases_fill_in_epochs_and_rate_however_they_are_written():
    text = configure(**{k: v for k, v in SMALL.items() if k != "epochs"}, phases=f" {TWO}; ")
    rows = configure(**SMALL, phases=[[1, 1, 0.1], [2, 0, 0.02]])  # SMALL says 3 epochs: 1 + 2
    assert text.phases == rows.phases == ((1, 1, 0.1), (2, 0, 0.02))
    assert (text.epochs, text.learning_rate) == (3, 0.1)
    assert text.run_id == rows.run_id


def test_each_phase_is_a_config_of_its_own():
    config = configure(**SMALL, phases=TWO)
    first, second = phases_of(config)
    assert (first.first, first.end, first.config.freeze, first.config.learning_rate) == (0, 1, 1, 0.1)
    assert (second.first, second.end, second.config.freeze, second.config.learning_rate) == (1, 3, 0, 0.02)
    assert [phase_at(config, epoch).first for epoch in range(4)] == [0, 1, 1, 1]  # 3: all is done
    assert str(first) == "epochs 1 to 1: the last 1 layers with weights learn, at a learning rate of 0.1"


def test_a_run_without_phases_is_one():
    config = configure(**SMALL, freeze=2)
    (only,) = phases_of(config)
    assert (only.first, only.end, only.config) == (0, 3, config)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 4}, "--epochs is the sum over all --phases, 3: leave it out, got 4"),
        ({"learning_rate": 0.5}, "--learning-rate is that of the first of --phases, 0.1: leave it out, got 0.5"),
        ({"freeze": 1}, "--freeze 1: --phases say which layers learn"),
        ({"patience": 1}, "--patience would end the run, not the phase"),
        ({"warmup": 1.0}, "--warmup 1 must be below the 1 epochs of the shortest phase"),
        ({"phases": "1,1"}, "--phases: expected rows of epochs"),
        ({"phases": "0,1,0.1"}, "--phases: expected rows of epochs"),
        ({"phases": "1,-1,0.1"}, "--phases: expected rows of epochs"),
        ({"phases": "1,1,nan"}, "--phases: expected rows of epochs"),
        ({"phases": ""}, "--phases: expected rows of epochs"),
        ({"phases": [[1.5, 1, 0.1]]}, "--phases: expected rows of epochs"),
        ({"arch": "scratch_fc3"}, "--phases does not apply to scratch_fc3; it applies to Keras nets"),
    ],
)
def test_what_contradicts_the_phases_is_refused(options, message):
    with pytest.raises(InputError) as refused:
        configure(**{**SMALL, "phases": TWO, **options})
    assert message in str(refused.value)


def test_more_layers_than_there_are_is_refused_before_the_first_phase():
    config = configure(**{**SMALL, "phases": "2,1,0.1;1,99,0.1"})
    with pytest.raises(InputError, match="--freeze or --phases: the model has 9 layers with weights, got 99"):
        fit.compiled_model(config, load(config))


@pytest.mark.release
def test_the_rate_of_each_phase_runs_its_own_schedule(tmp_path):
    _, history = trained(tmp_path, phases="2,1,0.1;2,0,0.02", epochs=4)
    # cosine over 2 epochs: the peak at the first epoch's begin, half of it at the second's
    assert [row["learning_rate"] for row in history] == pytest.approx([0.1, 0.05, 0.02, 0.01])


def test_what_is_frozen_stays_and_batch_norm_runs_as_in_inference(tmp_path):
    config = configure(**{**SMALL, "phases": "1,1,0.1", "epochs": 1})
    start = fit.compiled_model(config, load(config))
    before = {v.path: v.numpy() for v in start.variables}
    weights, _ = trained(tmp_path, phases="1,1,0.1", epochs=1)
    start.set_weights(weights)
    moved = {v.path.split("/")[0] for v in start.variables if not np.array_equal(v.numpy(), before[v.path])}
    assert moved - {"seed_generator"} <= {"fc3", "dropout1", "dropout2"}
    assert "fc3" in moved  # and no bn1 to bn3: their moving statistics stood still

    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), "uint8")
    inside = keras.Model(start.input, start.get_layer("bn1").output)
    np.testing.assert_array_equal(inside(images, training=True), inside(images, training=False))


def test_two_phases_are_two_trainings_one_after_the_other(tmp_path):
    options = {"arch": "lenet_relu", "schedule": "constant"}  # no dropout, whose masks are those of an epoch's number
    both, history = trained(tmp_path / "both", phases="1,2,0.1;1,0,0.02", epochs=2, **options)
    alone, first = trained(tmp_path / "alone", freeze=2, learning_rate=0.1, epochs=1, **options)
    assert first[0] == history[0]
    assert any(not np.array_equal(a, b) for a, b in zip(both, alone, strict=True))
    # By hand, with a momentum that begins at 0: the second epoch from the first one's weights.
    config = configure(**{**SMALL, **options, "learning_rate": 0.02, "epochs": 2})
    data = load(config)
    model = fit.compiled_model(config, data)
    model.set_weights(alone)
    batches = fit.training_feed(config, data.train, 10, epochs=2, first_step=STEPS)
    model.fit(batches, verbose=0, shuffle=False)
    for a, b in zip(both, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("steps", "options"),
    [
        ((STEPS, 2), {}),  # at the very end of the first phase; again in the second
        pytest.param(
            (2, 1), {"augment": "flip_crop"}, marks=pytest.mark.release
        ),  # in the first; again at its third step
        pytest.param((STEPS + 2, STEPS), {"optimizer": "adam", "ema": 0.9}, marks=pytest.mark.release),
    ],
)
def test_a_transfer_that_died_in_any_phase_ends_bit_for_bit_as_one_that_did_not(steps, options, tmp_path, monkeypatch):
    options = options | {"phases": TWO, "checkpoint_steps": 1}
    weights, history = trained(tmp_path / "undisturbed", **options)
    for step in steps:
        stopped_after(monkeypatch, step, tmp_path / "disturbed", **options)
    again, resumed = trained(tmp_path / "disturbed", **options)
    assert resumed == history
    for a, b in zip(weights, again, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.release
def test_a_death_after_the_last_phase_changes_nothing(tmp_path):
    options = {"phases": "1,1,0.1;1,0,0.02", "epochs": 2, "arch": "origin_net"}
    weights, history = trained(tmp_path, **options)
    again, resumed = trained(tmp_path, **options)  # the checkpoint of the last epoch is there
    assert resumed == history
    for a, b in zip(weights, again, strict=True):
        np.testing.assert_array_equal(a, b)
