"""Jordan's nets for fast training on CIFAR-10 (2024, arXiv 2404.00498), as in airbench94_muon.py of October 2024."""

from kerascifar.core.errors import InputError
from kerascifar.core.registry import Variant
from kerascifar.models._late import _blocks, keras, layers, own_layers

# Share of the old moving statistics that BatchNorm keeps at each step: little, since a run has only 200 steps.
_MOMENTUM = 0.6


def airbench(input_shape, classes, mean, std, *, widths: tuple[int, ...]):
    """Build a whitening first layer, a group of two 3x3 convolutions for each of `widths`, and a scaled dense layer.

    A group: convolution, max-pool, BatchNorm, GELU, convolution, BatchNorm, GELU. BatchNorm has no scale. The dense
    layer has no bias and weights of variance 1; its input is divided by the number of channels.
    """
    inputs, x = _blocks.pixels(input_shape, mean, std)
    channels = x.shape[-1]
    bias = _blocks.torch_default(4 * channels, 8 * channels)[1]  # PyTorch's for a 2x2 convolution
    x = own_layers.PatchWhitening(8 * channels, 2, bias_initializer=bias, name="whiten")(x)
    x = own_layers.GELU(name="whiten.gelu")(x)
    for number, width in enumerate(widths, start=1):
        x = _group(x, width, f"layers.{number}")
    x = layers.GlobalMaxPooling2D(name="pool")(x)
    x = own_layers.Rescaling(1 / x.shape[-1], dtype="float32", name="scale")(x)
    start = keras.initializers.RandomUniform(-(3**0.5), 3**0.5)
    logits = layers.Dense(classes, use_bias=False, kernel_initializer=start, dtype="float32", name="head")(x)
    return keras.Model(inputs, logits, name="airbench")


def _group(x, width: int, name: str):
    for number in (1, 2):
        start = own_layers.PartialIdentity()
        x = layers.Conv2D(
            width, 3, padding="same", use_bias=False, kernel_initializer=start, name=f"{name}.conv{number}"
        )(x)
        if number == 1:
            x = _blocks.max_pool(x, f"{name}.pool")
        x = own_layers.BatchNormalization(momentum=_MOMENTUM, scale=False, name=f"{name}.norm{number}")(x)
        x = own_layers.GELU(name=f"{name}.gelu{number}")(x)
    return x


def _least_side(widths: tuple[int, ...]) -> int:
    if not widths:
        raise InputError("--widths: give at least one number")
    return 2 ** len(widths) + 1  # the whitening takes one pixel, each group halves


# airbench94_muon.py; learning rates as in the row muon_sgd of OPTIMIZERS.
_RECIPE = {
    "optimizer": "muon_sgd",
    "learning_rate": 0.24,
    "momentum": 0.6,
    "nesterov": True,
    "bias_rate": 106.0,
    "head_rate": 1340.0,
    "weight_decay": 0.004,
    "schedule": "linear",
    "label_smoothing": 0.2,
    "augment": "airbench",
    "batch_size": 2000,
    "epochs": 8,
    "tta": "mirror_translate",
}
VARIANTS = {
    "airbench94": Variant(
        airbench,
        {"widths": (64, 256, 256)},
        params=1_971_352,
        multiply_adds=118_147_360,
        dense_share=1.0,
        source="KellerJordan/cifar10-airbench, airbench94_muon.py",
        defaults=_RECIPE,
        least_side=_least_side,
    ),
    "airbench95": Variant(
        airbench,
        {"widths": (128, 384, 384)},
        params=4_604_440,
        multiply_adds=301_560_864,
        dense_share=1.0,
        source="KellerJordan/cifar10-airbench, airbench95.py: its widths, with airbench94_muon.py's recipe",
        defaults={**_RECIPE, "epochs": 12},
        least_side=_least_side,
    ),
}
