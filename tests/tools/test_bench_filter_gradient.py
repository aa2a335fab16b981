"""tools/bench_filter_gradient.py: nine matrix products are the gradient of the filters, and its table."""

import numpy as np
import pytest

from kerascifar.core.errors import InputError


@pytest.fixture
def bench(load_tool):
    return load_tool("bench_filter_gradient")


@pytest.mark.parametrize("side", [1, 2, 5])
def test_both_ways_give_the_gradient(bench, side):
    rng = np.random.default_rng(side)
    images, gradient = (rng.normal(size=(4, side, side, c)).astype("float32") for c in (3, 6))
    wanted = np.zeros((3, 3, 3, 6))
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for row in range(3):
        for column in range(3):
            window = padded[:, row : row + side, column : column + side]
            wanted[row, column] = np.einsum("nhwc,nhwf->cf", window, gradient)
    for way in (bench.by_kernel, bench.by_products):
        np.testing.assert_allclose(way(images, gradient), wanted, rtol=1e-4, atol=1e-4)


def test_a_shape_is_measured(bench):
    row = bench.measure(2, 4, 8, "float32", 2, 1)
    assert row["kernel"] > 0
    assert row["products"] > 0
    assert row["difference"] < 1e-5
    assert len(bench.line(row)) == len(bench.HEAD)


def test_bad_input_is_told_in_a_line(bench):
    with pytest.raises(InputError, match="--rounds and --batch-size must be greater than 0"):
        bench.main(["--rounds", "0"])
