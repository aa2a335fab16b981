"""tools/bench_filter_gradient.py: nine matrix products are the gradient of the filters, and its table."""

import numpy as np
import pytest
import tensorflow as tf

from kerascifar.core.errors import InputError
from kerascifar.layers.small_maps import filter_gradient


@pytest.fixture
def bench(load_tool):
    return load_tool("bench_filter_gradient")


@pytest.mark.parametrize(("side", "stride"), [(1, 1), (2, 1), (5, 1), (3, 2), (4, 2), (7, 2)])
def test_both_ways_give_the_gradient(bench, side, stride):
    rng = np.random.default_rng(side)
    images = rng.normal(size=(4, side, side, 3)).astype("float32")
    out = side if stride == 1 else (side - 3) // 2 + 1
    gradient = rng.normal(size=(4, out, out, 6)).astype("float32")
    wanted = np.zeros((3, 3, 3, 6))
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0))) if stride == 1 else images
    for row in range(3):
        for column in range(3):
            window = padded[:, row::stride, column::stride][:, :out, :out]
            wanted[row, column] = np.einsum("nhwc,nhwf->cf", window, gradient)
    for way in (bench.by_kernel, filter_gradient):
        np.testing.assert_allclose(
            way(tf.constant(images), tf.constant(gradient), stride), wanted, rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("side", "measure"), [(2, "measure"), (1, "measure_whole")])
def test_a_shape_is_measured(bench, side, measure, stride):
    row = getattr(bench, measure)(side, 4, 8, stride, "float32", 2, 1)
    assert row["kernel"] > 0
    assert row["products"] > 0
    assert row["difference"] < 1e-5
    assert len(bench.line(row)) == len(bench.HEAD)


def test_bad_input_is_told_in_a_line(bench):
    with pytest.raises(InputError, match="--rounds and --batch-size must be greater than 0"):
        bench.main(["--rounds", "0"])
