import math

import pytest

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.training.schedules import SCHEDULES, check_schedule, make_schedule

STEPS = 10


def rates(epochs=8, **options):
    config = RunConfig(epochs=epochs, learning_rate=2.0, **options)
    check_schedule(config)
    schedule = make_schedule(config, STEPS)
    return [float(schedule(step)) for step in range(epochs * STEPS)]


def close(actual, expected):
    return actual == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_constant_and_step_by_hand():
    assert close(rates(schedule="constant"), [2.0] * 80)
    # every 2 epochs a tenth: 2, 2, 0.2, 0.2, 0.02, ...
    assert close(rates(schedule="step", step_epochs=2)[::STEPS], [2, 2, 0.2, 0.2, 0.02, 0.02, 0.002, 0.002])


def test_multi_step_by_hand():
    values = rates(schedule="multi_step", milestones=(3, 5), gamma=0.5)[::STEPS]
    assert close(values, [2, 2, 2, 1, 1, 0.5, 0.5, 0.5])


def test_exponential_by_hand():
    assert close(rates(schedule="exponential", gamma=0.5)[::STEPS], [2 / 2**e for e in range(8)])


def test_linear_by_hand():
    # 80 steps, the first at the peak, the last one step above 0
    assert close(rates(schedule="linear"), [2 * (1 - step / 80) for step in range(80)])
    # after the warm-up of 2 epochs the other 6 fall: half way at epoch 5
    assert close(rates(schedule="linear", warmup=2)[50], 1.0)


def test_cosine_by_hand():
    # after 2 of 8 epochs: 2 x (1 + cos(pi/4)) / 2 = 1.7071; after 4: half the peak
    values = rates(schedule="cosine")
    assert close(values[20], 1 + math.cos(math.pi / 4))
    assert close(values[40], 1.0)
    assert close(values[0], 2.0)


def test_warmup_rises_by_equal_steps_and_cosine_starts_after_it():
    values = rates(schedule="cosine", warmup=2)
    assert close(values[:20], [2 * (step + 1) / 20 for step in range(20)])
    assert close(values[50], 1.0)  # half way between epoch 2 and epoch 8


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_stays_between_0_and_the_peak(name):
    extra = {"milestones": (2, 4)} if name == "multi_step" else {}
    for warmup in (0, 1):
        assert all(0 <= rate <= 2.0 + 1e-6 for rate in rates(schedule=name, warmup=warmup, **extra))


def test_one_cycle_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1)
    # PyTorch counts to the last step, we to the end of the last epoch: its cycle of 81 steps has our peaks.
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2.0, total_steps=81, pct_start=25 / 81)
    expected = []
    for _ in range(80):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    values = rates(schedule="one_cycle")
    assert close(values[24], expected[24])
    assert values[50:] == pytest.approx(expected[50:], abs=1e-2)


def test_one_cycle_by_hand():
    # rise over 0.3 x 8 = 2.4 epochs from 2/25; half way up (step 12): (2 + 0.08) / 2; at the top: 2
    values = rates(schedule="one_cycle")
    assert close(values[0], 0.08)
    assert close(values[12], 1.04)
    assert close(values[24], 2.0)
    # half way down (epoch 5.2, step 52): (2 + 2/250000) / 2
    assert close(values[52], 1.000004)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "cosin"}, "did you mean cosine"),
        ({"warmup": 8}, "--warmup 8 must be below --epochs 8"),
        ({"schedule": "multi_step"}, "needs --milestones"),
    ],
)
def test_what_cannot_run_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        rates(**options)
