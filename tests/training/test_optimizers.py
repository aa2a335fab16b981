import numpy as np
import pytest

from kerascifar.config import RunConfig
from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.training.optimizers import OPTIMIZERS, check_optimizer, make_optimizer

RNG = np.random.default_rng(0)
START = RNG.normal(size=(5, 4)).astype("float32")
GRADIENTS = [RNG.normal(size=(5, 4)).astype("float32") for _ in range(6)]

TORCH = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "adadelta": "Adadelta",
    "adagrad": "Adagrad",
    "rmsprop": "RMSprop",
}


def steps(config, start=START, gradients=GRADIENTS):
    """Variable values after each gradient."""
    import keras

    variable = keras.Variable(start)
    optimizer = make_optimizer(config, config.learning_rate)
    values = []
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        values.append(variable.numpy().copy())
    return np.array(values)


def test_lion_moves_each_weight_by_the_rate_against_the_sign():
    (first, *_) = steps(configure(optimizer="lion", learning_rate=0.01))
    np.testing.assert_allclose(first, START - 0.01 * np.sign(GRADIENTS[0]), atol=1e-7)


@pytest.mark.parametrize("name", ["lion", "nadam", "adamax", "lamb"])
def test_optimizers_of_no_study_go_downhill(name):
    import keras

    variable = keras.Variable(START)
    config = configure(optimizer=name, learning_rate=0.05)
    optimizer = make_optimizer(config, config.learning_rate)
    for _ in range(20):
        optimizer.apply([keras.ops.convert_to_tensor(variable.numpy())], [variable])  # of half the squares' sum
    assert np.square(variable.numpy()).sum() < 0.5 * np.square(START).sum()


def torch_steps(config):
    torch = pytest.importorskip("torch")
    variable = torch.tensor(START, requires_grad=True)
    extra = {"weight_decay": config.weight_decay}
    if config.optimizer in ("sgd", "rmsprop"):
        extra["momentum"] = config.momentum
    if config.optimizer == "sgd":
        extra["nesterov"] = config.nesterov
    if config.optimizer.startswith("adam"):
        extra["betas"] = (config.beta_1, config.beta_2)
    optimizer = getattr(torch.optim, TORCH[config.optimizer])([variable], lr=config.learning_rate, **extra)
    values = []
    for gradient in GRADIENTS:
        variable.grad = torch.tensor(gradient)
        optimizer.step()
        values.append(variable.detach().numpy().copy())
    return np.array(values)


OPTIONS = [{}, {"weight_decay": 0.1}, {"nesterov": True}, {"momentum": 0.5}, {"beta_1": 0.5, "beta_2": 0.8}]
SERVED = [(name, o) for name in TORCH for o in OPTIONS if set(o) <= {"weight_decay", *OPTIMIZERS[name].options}]


@pytest.mark.parametrize(("name", "options"), SERVED)
def test_agrees_with_pytorch(name, options):
    config = configure(optimizer=name, **options)
    np.testing.assert_allclose(steps(config), torch_steps(config), rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize(("shape", "rate"), [((3, 3, 2, 4), 0.5), ((5, 4), 0.7), ((4,), 0.8)])
def test_grouped_sgd_is_pytorchs_with_other_rates_for_head_and_biases(shape, rate):
    torch = pytest.importorskip("torch", reason="PyTorch is no requirement of ours; by hand, the next test")
    config = configure(optimizer="grouped_sgd", learning_rate=0.5, head_rate=0.7, bias_rate=0.8, weight_decay=0.04)
    values = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    variable = torch.tensor(values[0], requires_grad=True)
    # airbench95.py's decay of a group is wd / rate; its momentum 0.85
    optimizer = torch.optim.SGD([variable], lr=rate, momentum=0.85, nesterov=True, weight_decay=0.04 / rate)
    expected = []
    for gradient in values[1:]:
        variable.grad = torch.tensor(gradient)
        optimizer.step()
        expected.append(variable.detach().numpy().copy())
    np.testing.assert_allclose(steps(config, values[0], values[1:]), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "name"), [((1, 1, 1, 1), "learning_rate"), ((1, 1), "head_rate"), ((1,), "bias_rate")]
)
def test_each_group_of_grouped_sgd_has_its_rate_by_hand(shape, name):
    # w = 1, gradient 1 twice, rate 0.5, momentum 0.85, decay 0.1 / 0.5 = 0.2: g = 1 + 0.2 = 1.2, m = 1.2,
    # w = 1 - 0.5 (1.2 + 0.85 x 1.2) = -0.11; then g = 1 - 0.022 = 0.978, m = 1.02 + 0.978 = 1.998,
    # w = -0.11 - 0.5 (0.978 + 0.85 x 1.998) = -1.44815
    rates = {"learning_rate": 9.0, "head_rate": 9.0, "bias_rate": 9.0} | {name: 0.5}
    config = configure(optimizer="grouped_sgd", weight_decay=0.1, **rates)
    values = steps(config, np.ones(shape, "float32"), [np.ones(shape, "float32")] * 2)
    np.testing.assert_allclose(values.ravel(), [-0.11, -1.44815], rtol=1e-5)


def test_sgd_momentum_by_hand():
    # rate 0.5, momentum 0.9, gradients 1, 1 from 0: -0.5, then -0.5 - (0.9 x 0.5 + 0.5) = -1.45
    config = configure(optimizer="sgd", learning_rate=0.5)
    values = steps(config, np.zeros((1, 1), "float32"), [np.ones((1, 1), "float32")] * 2)
    np.testing.assert_allclose(values.ravel(), [-0.5, -1.45], rtol=1e-6)


def test_coupled_and_decoupled_decay_by_hand():
    # w = 2, g = 1, rate 0.1, decay 0.5, no momentum: coupled 2 - 0.1 (1 + 0.5 x 2) = 1.8;
    # decoupled 2 - 0.1 x 0.5 x 2 - 0.1 x 1 = 1.8: equal for plain SGD, as it should be
    two, one = np.full((1, 1), 2, "float32"), [np.ones((1, 1), "float32")]
    for decay in ("coupled", "decoupled"):
        config = configure(optimizer="sgd", learning_rate=0.1, momentum=0.0, weight_decay=0.5, decay=decay)
        np.testing.assert_allclose(steps(config, two, one).ravel(), [1.8], rtol=1e-6)
    # Adam divides the coupled term away: both signs of g + decay x w are 1, so the step is the rate
    config = configure(optimizer="adam", learning_rate=0.1, weight_decay=0.5)
    np.testing.assert_allclose(steps(config, two, one).ravel(), [1.9], rtol=1e-5)
    config = configure(optimizer="adamw", learning_rate=0.1, weight_decay=0.5)
    np.testing.assert_allclose(steps(config, two, one).ravel(), [2 - 0.1 * 0.5 * 2 - 0.1], rtol=1e-5)


@pytest.mark.parametrize("decay", ["coupled", "decoupled"])
def test_biases_and_batchnorm_can_be_spared(decay):
    bias, none = np.ones(3, "float32"), [np.zeros(3, "float32")]
    spared = configure(weight_decay=0.5, decay=decay, decay_all=False)
    assert np.all(steps(spared, bias, none) == 1)
    assert np.all(steps(configure(weight_decay=0.5, decay=decay), bias, none) < 1)
    kernel, none = np.ones((2, 3), "float32"), [np.zeros((2, 3), "float32")]
    assert np.all(steps(spared, kernel, none) < 1)


def test_clipping_by_value_and_by_norm():
    # plain SGD at rate 1 from 0 shows the clipped gradient: (3, -4) by value 1 is (1, -1), by norm 1 (0.6, -0.8)
    start, gradient = np.zeros((1, 2), "float32"), [np.array([[3, -4]], "float32")]
    plain = {"learning_rate": 1.0, "momentum": 0.0}
    np.testing.assert_allclose(steps(configure(clip_value=1, **plain), start, gradient)[0], [[-1, 1]])
    np.testing.assert_allclose(steps(configure(clip_norm=1, **plain), start, gradient)[0], [[-0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_lowers_a_quadratic(name):
    import keras

    # The rates of groups are for the mean loss of a net whose logits are scaled down.
    groups = {o: 0.1 for o in ("bias_rate", "head_rate") if o in OPTIMIZERS[name].options}
    config = configure(optimizer=name, **groups, **({"learning_rate": 0.1} if name == "grouped_sgd" else {}))
    for shape in ((6, 4), (3, 3, 2, 5), (4,)):
        variable = keras.Variable(np.random.default_rng(1).normal(size=shape).astype("float32"))
        before = float(np.sum(variable.numpy() ** 2))
        optimizer = make_optimizer(config, config.learning_rate)
        for _ in range(20):
            optimizer.apply([2 * variable.value], [variable])
        assert float(np.sum(variable.numpy() ** 2)) < before


def test_muon_makes_convolution_updates_orthogonal():
    # One step from 0 without momentum is -rate x U V^T (singular values near 1: Newton-Schulz gives 0.7 to 1.2).
    config = configure(optimizer="muon", learning_rate=1.0, momentum=0.0, nesterov=False)
    gradient = np.random.default_rng(0).normal(size=(3, 3, 8, 16)).astype("float32")
    step = steps(config, np.zeros_like(gradient), [gradient])[0]
    values = np.linalg.svd(step.reshape(-1, 16), compute_uv=False)
    assert values.min() > 0.6
    assert values.max() < 1.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "sdg"}, "did you mean sgd"),
        ({"optimizer": "adam", "momentum": 0.9}, "--momentum does not apply to adam; it applies to sgd, rmsprop, muon"),
        ({"clip_value": 1, "clip_norm": 1}, "give one of the two"),
        ({"nesterov": True, "momentum": 0.0}, "--nesterov needs a --momentum above 0"),
    ],
)
def test_what_an_optimizer_cannot_do_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        check_optimizer(RunConfig(**options))
