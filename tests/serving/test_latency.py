import numpy as np
import pytest

from kerascifar.core.errors import InputError
from kerascifar.serving import latency

IMAGES = np.arange(3 * 2 * 2 * 3, dtype=np.uint8).reshape(3, 2, 2, 3)


class Clock:
    """A clock that only `predict` moves; every call takes as many milliseconds as `milliseconds` says."""

    def __init__(self, milliseconds):
        self.now, self.calls, self.milliseconds = 0.0, [], milliseconds

    def predict(self, images):
        self.now += self.milliseconds(len(self.calls), images) / 1000
        self.calls.append(images)
        return np.zeros((len(images), 10))


def measured(monkeypatch, milliseconds, **how):
    clock = Clock(milliseconds)
    monkeypatch.setattr(latency.time, "perf_counter", lambda: clock.now)
    return latency.measure(clock.predict, IMAGES, **how), clock


def test_percentiles_of_single_calls_by_hand(monkeypatch):
    # Warm-up of 25 ms a call: 20 calls make 0.5 s. Then 100 calls of 1, 2, ... 100 ms.
    def milliseconds(call, images):
        if len(images) > 1:
            return 8.0
        return 25.0 if call < 20 else call - 19.0

    timed, _ = measured(monkeypatch, milliseconds, repeats=100, batch_size=4)
    # Between the sorted times 1..100: the median at 0.5 x 99 = 49.5 steps above 1, the 99th percentile at 98.01.
    assert timed["p50_ms"] == pytest.approx(50.5)
    assert timed["p99_ms"] == pytest.approx(99.01)
    assert timed["images_per_second"] == pytest.approx(4 / 0.008)
    assert (timed["repeats"], timed["batch_size"]) == (100, 4)


def test_the_first_calls_do_not_count(monkeypatch):
    slow_once = {1: True, 5: True}

    def milliseconds(call, images):
        return 10_000.0 if slow_once.pop(len(images), False) else 2.0

    timed, _ = measured(monkeypatch, milliseconds, repeats=100, batch_size=5)
    assert timed["p99_ms"] == pytest.approx(2)
    assert timed["images_per_second"] == pytest.approx(5 / 0.002)


def test_a_quick_model_warms_up_for_half_a_second(monkeypatch):
    _, clock = measured(monkeypatch, lambda call, images: 1.0, repeats=100, batch_size=2)
    assert sum(len(images) == 1 for images in clock.calls) == pytest.approx(500 + 100, abs=1)


@pytest.mark.parametrize(("milliseconds", "repeats"), [(50, 1000), (300, 200), (2000, 100)])
def test_a_slow_model_is_called_for_a_minute(monkeypatch, milliseconds, repeats):
    # 1,000 calls of 50 ms take 50 s; 200 of 300 ms take 60 s; 100 calls are the least.
    timed, _ = measured(monkeypatch, lambda call, images: milliseconds, batch_size=2)
    assert timed["repeats"] == pytest.approx(repeats, abs=1)


def test_one_slow_batch_does_not_move_the_throughput(monkeypatch):
    batches = iter([1.0, 5.0, 900.0, 5.0, 5.0, 5.0])
    timed, _ = measured(
        monkeypatch, lambda call, images: 1.0 if len(images) == 1 else next(batches), repeats=100, batch_size=10
    )
    assert timed["images_per_second"] == pytest.approx(10 / 0.005)


def test_single_images_in_turn_and_batches_that_repeat_them(monkeypatch):
    _, clock = measured(monkeypatch, lambda call, images: 30.0, repeats=100, batch_size=7)
    singles = [images for images in clock.calls if len(images) == 1]
    for place in range(6):
        np.testing.assert_array_equal(singles[-100 + place][0], IMAGES[place % 3])
    np.testing.assert_array_equal(clock.calls[-1], IMAGES[[0, 1, 2, 0, 1, 2, 0]])
    assert clock.calls[-1].dtype == np.uint8


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"repeats": 99}, "needs 100 calls or more, got 99"),
        ({"batch_size": 0}, "and a batch"),
        ({"images": IMAGES[:0]}, r"got \(0, 2, 2, 3\)"),
        ({"images": IMAGES[0]}, r"got \(2, 2, 3\)"),
    ],
)
def test_what_cannot_be_measured(how, message):
    with pytest.raises(InputError, match=message):
        latency.measure(**{"predict": lambda images: images, "images": IMAGES, **how})
