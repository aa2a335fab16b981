"""The range test on curves made by hand, and the steps that the engines make for it."""

import math

import pytest

from kerascifar.architectures import ARCHITECTURES, engine
from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import load
from kerascifar.training.range_test import rising_rates, smooth, suggest_rate, until_divergence

RATES = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]


def test_a_curve_by_hand():
    # Medians of three: 2.3 (of two), 2.2, 1.8, 1.0, 1.0, 5.4 (of two); the lowest comes first at 0.1.
    losses = [2.4, 2.2, 1.8, 1.0, 0.8, 10.0]
    assert smooth(losses, 1) == pytest.approx([2.3, 2.2, 1.8, 1.0, 1.0, 5.4])
    found = suggest_rate([*RATES, 100.0], losses, 1)
    assert (found.lowest, found.loss) == (0.1, 1.0)
    assert found.rate == pytest.approx(0.01)
    # Slopes over two decades: -0.1 (over one), -0.25, -0.6, -0.4: steepest at 0.01.
    assert found.steepest == 0.01


def test_one_spike_moves_nothing():
    rates = rising_rates(1e-4, 1e5, 10)
    found = [suggest_rate(rates, [2.4, 2.2, third, 1.8, 1.0, 0.9, 0.9, 2.0, 30.0], 1).rate for third in (2.0, 9.9)]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ([2.4, 2.6, 3.0], "did not fall before it diverged at a learning rate of 0.1: give a lower --low, got 0.0001"),
        ([], "diverged at a learning rate of 0.0001: give a lower --low"),
        ([2.4, 2.39, 2.4, 2.39, 2.4, 2.4], "fell by less than 2% up to a learning rate of 10: give more --steps"),
        ([2.4, 2.2, 1.8, 1.4, 1.0, 0.7], "still fell at the highest rate: give a higher --high, got 10"),
    ],
)
def test_a_curve_that_suggests_nothing_is_refused(losses, message):
    with pytest.raises(InputError, match=message):
        suggest_rate(RATES, losses, 1)


def test_it_stops_where_the_loss_diverges():
    assert list(until_divergence(iter([2.0, 1.0, math.nan, 1.0]), 1)) == [2.0, 1.0]
    # The median of the last two is 1.5, then 1, 3, 5: above 4 x 1, so the 2 is not asked for.
    assert list(until_divergence(iter([2.0, 1.0, 1.0, 5.0, 5.0, 2.0]), 1)) == [2.0, 1.0, 1.0, 5.0, 5.0]


def losses_of(arch, rates, **fields):
    config = configure(arch=arch, dataset="synthetic:200", batch_size=50, device="cpu", **fields)
    return list(engine(arch).sweep(config, ARCHITECTURES[arch], load(config), rates))


@pytest.mark.parametrize("arch", ["modified_net", "scratch_fc3"])
def test_the_same_config_gives_the_same_losses_and_the_rates_decide(arch):
    rates = rising_rates(1e-3, 1.0, 8)  # two epochs
    first = losses_of(arch, rates)
    assert first == losses_of(arch, rates)
    other = losses_of(arch, [1e-3, 1e-3, *rates[2:]])
    assert other[:2] == first[:2]  # the loss before a step does not know its rate
    assert other[2:] != first[2:]


@pytest.mark.parametrize("arch", ["modified_net", "scratch_fc3"])
def test_its_steps_are_those_of_a_training(arch, tmp_path):
    from kerascifar.run import run

    fields = {"schedule": "constant", "learning_rate": 0.01, "augment": "flip_crop", "seed": 3}
    losses = losses_of(arch, [0.01] * 4, **fields)
    config = configure(
        arch=arch, dataset="synthetic:200", batch_size=50, device="cpu", epochs=1, runs=str(tmp_path), **fields
    )
    # 180 images: three batches of 50 and one of 30
    mean = (50 * sum(losses[:3]) + 30 * losses[3]) / 180
    assert run(config).history[0]["loss"] == pytest.approx(mean, rel=1e-5)


def test_what_cannot_be_swept_is_refused():
    with pytest.raises(InputError, match="knn has no learning rate"):
        config = configure(arch="knn", dataset="digits")
        engine("knn").sweep(config, ARCHITECTURES["knn"], load(config), [0.1])
    with pytest.raises(InputError, match="made on one device, got --strategy mirrored"):
        losses_of("modified_net", [0.1], strategy="mirrored")
