"""The time of a training before it is made."""

import time

import pytest

from kerascifar.configure import configure
from kerascifar.errors import InputError
from kerascifar.estimate import seconds_per_image


@pytest.mark.parametrize(
    "given",
    [
        {"arch": "modified_net", "augment": "flip_crop", "batch_size": 64},
        # The weights' values take no time; the second phase trains the last layer alone.
        {"arch": "modified_net", "init_weights": "RUN", "phases": "2,0,0.01;1,1,0.1"},
        {"arch": "scratch_fc3", "folds": 5, "faults": "folds_kept", "batch_size": 32, "dataset": "cifar100"},
    ],
)
def test_the_estimate_is_a_part_of_the_time_that_it_took(given, capsys):
    config = configure(**given, device="cpu")
    started = time.perf_counter()
    found = seconds_per_image(config, steps=3)
    # Three steps were timed, and more than they took has gone by.
    assert 0 < 3 * config.batch_size * found < time.perf_counter() - started
    assert capsys.readouterr() == ("", "")


def test_a_larger_net_takes_longer():
    small, large = (
        seconds_per_image(configure(arch=arch, batch_size=32, device="cpu"), steps=3)
        for arch in ("origin_net", "custom_cnn")  # 48,252 and 347,106 weights; six times the multiply-adds
    )
    assert small < large


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"arch": "knn"}, "knn is not trained by steps"),
        ({"arch": "lenet", "strategy": "mirrored"}, "got --strategy mirrored"),
    ],
)
def test_what_has_no_step_to_time_is_refused(given, told):
    with pytest.raises(InputError, match=told):
        seconds_per_image(configure(**given))
