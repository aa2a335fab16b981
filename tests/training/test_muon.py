"""muon_sgd against airbench94_muon.py's arithmetic, written once more in NumPy, and against torch.optim.SGD."""

import keras
import numpy as np
import pytest

from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.training.muon import GroupedOptimizer
from kerascifar.training.optimizers import make_optimizer

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(3, 3, 4, 6)).astype("float32")
KERNEL_GRADIENTS = [RNG.normal(size=KERNEL.shape).astype("float32") for _ in range(4)]
RATES = [1.0, 0.75, 0.5, 0.25]


def steps(start, gradients, **options):
    """Values after each gradient, the schedule falling as RATES does."""
    config = configure(optimizer="muon_sgd", **options)
    variable, values = keras.Variable(start), []
    optimizer = make_optimizer(config, config.learning_rate)
    for factor, gradient in zip(RATES, gradients, strict=True):
        optimizer.learning_rate = config.learning_rate * factor
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        values.append(variable.numpy().copy())
    return np.array(values)


def orthogonalized(matrix):
    """Three steps of airbench's quintic Newton-Schulz iteration on (out, in h w), float64."""
    x = matrix / np.linalg.norm(matrix)
    x = x.T if x.shape[0] > x.shape[1] else x
    for _ in range(3):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


@pytest.mark.parametrize("channels", [4, 1])  # 36 x 6 and 9 x 24: either side is the longer
def test_filters_move_as_in_airbench(channels):
    filters = 24 // channels
    kernel = RNG.normal(size=(3, 3, channels, filters)).astype("float32")
    gradients = [RNG.normal(size=kernel.shape).astype("float32") for _ in RATES]
    # PyTorch's order: (out, in, h, w), one row per filter.
    w = kernel.transpose(3, 2, 0, 1).reshape(filters, -1).astype("float64")
    buffer, expected = np.zeros_like(w), []
    for factor, gradient in zip(RATES, gradients, strict=True):
        g = gradient.transpose(3, 2, 0, 1).reshape(filters, -1)
        buffer = 0.6 * buffer + g
        w = w * filters**0.5 / np.linalg.norm(w)
        # airbench itself leaves out the factor of Muon's reference, 1 wherever there are no more filters than inputs
        w = w - 0.24 * factor * max(1, filters / w.shape[1]) ** 0.5 * orthogonalized(g + 0.6 * buffer)
        expected.append(w.reshape(filters, channels, 3, 3).transpose(2, 3, 1, 0))
    np.testing.assert_allclose(steps(kernel, gradients), expected, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize(("shape", "name"), [((5,), "bias_rate"), ((5, 3), "head_rate")])
def test_biases_and_head_move_as_under_torch_sgd(shape, name):
    torch = pytest.importorskip("torch")
    start = RNG.normal(size=shape).astype("float32")
    gradients = [RNG.normal(size=shape).astype("float32") for _ in RATES]
    variable = torch.tensor(start, requires_grad=True)
    # airbench's decay is wd / rate in the gradient of a group
    optimizer = torch.optim.SGD([variable], lr=0.5, momentum=0.85, nesterov=True, weight_decay=0.02 / 0.5)
    expected = []
    for factor, gradient in zip(RATES, gradients, strict=True):
        optimizer.param_groups[0]["lr"] = 0.5 * factor
        variable.grad = torch.tensor(gradient)
        optimizer.step()
        expected.append(variable.detach().numpy().copy())
    options = {"bias_rate": 9.0, "head_rate": 9.0, "weight_decay": 0.02} | {name: 0.5}
    np.testing.assert_allclose(steps(start, gradients, **options), expected, rtol=1e-4, atol=1e-5)


def test_a_bias_by_hand():
    # w = 1, gradient 1 twice, rate 0.5, momentum 0.85, decay 0.1 / 0.5 = 0.2: g = 1 + 0.2 = 1.2, m = 1.2,
    # w = 1 - 0.5 (1.2 + 0.85 x 1.2) = -0.11; then g = 1 - 0.022 = 0.978, m = 1.02 + 0.978 = 1.998, rate 0.375:
    # w = -0.11 - 0.375 (0.978 + 0.85 x 1.998) = -1.1136125
    values = steps(np.ones(1, "float32"), [np.ones(1, "float32")] * 2 + [np.zeros(1, "float32")] * 2,
                  bias_rate=0.5, weight_decay=0.1)  # fmt: skip
    np.testing.assert_allclose(values[:2].ravel(), [-0.11, -1.1136125], rtol=1e-5)


def test_filters_keep_their_norm_however_long_the_training():
    # The norm before each step is sqrt(out); a step of rate r changes it by at most about 1.2 r sqrt(out).
    values = steps(KERNEL * 7, KERNEL_GRADIENTS)
    assert np.all(np.abs(np.linalg.norm(values.reshape(4, -1), axis=1) - 6**0.5) <= 1.2 * 0.24 * 6**0.5)


def test_the_state_of_a_fresh_optimizer_can_be_set(tmp_path):
    def made():
        model = keras.Sequential([
            keras.Input((6, 6, 3)), keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(2)
        ])  # fmt: skip
        config = configure(optimizer="muon_sgd", bias_rate=0.1, head_rate=0.1)
        model.compile(make_optimizer(config, 0.1), "mse", jit_compile=False)
        model.optimizer.build(model.trainable_variables)
        return model

    x, y = RNG.normal(size=(4, 6, 6, 3)), RNG.normal(size=(4, 2))
    first, second = made(), made()
    first.train_on_batch(x, y)
    for source, target in (
        (first.variables, second.variables),
        (first.optimizer.variables, second.optimizer.variables),
    ):
        for a, b in zip(source, target, strict=True):
            b.assign(a)
    assert len(first.optimizer.variables) == 2 + 4  # iterations, learning rate, one momentum per variable
    for model in (first, second):
        model.train_on_batch(x, y)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    again = GroupedOptimizer.from_config(first.optimizer.get_config())
    assert again.groups == first.optimizer.groups


@pytest.mark.parametrize("options", [{"decay": "decoupled"}, {"decay_all": False}])
def test_what_groups_decide_is_refused(options):
    with pytest.raises(InputError, match="muon_sgd decays biases and head"):
        configure(optimizer="muon_sgd", **options)
    with pytest.raises(InputError, match="--bias-rate does not apply to sgd; it applies to muon_sgd"):
        configure(optimizer="sgd", bias_rate=0.1)
