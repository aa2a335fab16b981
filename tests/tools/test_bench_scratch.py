"""The benchmark's nested loop computes what the layers compute, and its arguments are checked before anything runs."""

import numpy as np
import pytest

from kerascifar.core.errors import InputError
from kerascifar.scratch import VARIANTS, Network, relative_error


@pytest.fixture(scope="module")
def bench(load_tool):
    return load_tool("bench_scratch")


def test_the_nested_loop_finds_the_same_gradients(bench):
    layers = VARIANTS["scratch_cnn"].build((5, 4, 3), 3, filters=(4, 5, 2), initializer="he_normal")
    network = Network(layers, (5, 4, 3), dtype=np.float64)
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(3, 5, 4, 3)), np.array([0, 2, 1])
    ours = network.gradients(x, labels)[0]
    by_loop = bench.loop_gradients(network, x, labels)
    assert [g.shape for g in by_loop] == [g.shape for g in ours.values()]
    assert max(relative_error(a, b) for a, b in zip(ours.values(), by_loop, strict=True)) < 1e-12


def test_the_studys_settings_are_known(bench):
    options = {"filters": "16,16", "batch": None}
    (setting,) = bench.chosen(type("Given", (), options))
    assert setting.published == 76.0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--filters", "a,b"], "--filters: expected whole numbers"),
        (["--filters", "0"], "greater than 0"),
        (["--batch", "5"], "--batch belongs to --filters"),
        (["--repeats", "0"], "at least 1"),
        (["--repeat", "3"], "unknown argument --repeat .did you mean --repeats"),
    ],
)
def test_wrong_arguments(bench, arguments, told):
    with pytest.raises(InputError, match=told):
        bench.main(arguments)
