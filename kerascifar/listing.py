"""What --list and --list-augment print."""

import math

from kerascifar import devices
from kerascifar.config import RunConfig
from kerascifar.configure import ARCHITECTURES
from kerascifar.data.augment import POLICIES
from kerascifar.data.augment_parts import PARTS
from kerascifar.registry import Variant


def list_architectures() -> None:
    """Print every architecture with trainable parameters and multiply-adds, counted on the built net, and source."""
    devices.start(RunConfig(device="cpu"))
    print(f"{'arch':24} {'parameters':>12} {'multiply-adds':>14}  source (10 classes, 32x32x3 where not said)")
    for name, variant in ARCHITECTURES.items():
        parameters, multiply_adds = count(name, variant)
        told = f"{multiply_adds:14,}" if multiply_adds is not None else f"{'-':>14}"
        print(f"{name:24} {parameters:12,} {told}  {variant.source}", flush=True)


def count(name: str, variant: Variant, classes: int = 10) -> tuple[int, int | None]:
    """Build the variant and return its trainable parameters and the multiply-adds of one image."""
    if variant.engine == "baseline":
        return 0, None
    if variant.engine == "scratch":
        from kerascifar import scratch

        return scratch.count(variant, variant.input_shape, classes)
    import keras

    from kerascifar import models
    from kerascifar.models.counting import multiply_adds

    model = models.build(name, variant.input_shape, classes)
    counted = sum(math.prod(v.shape) for v in model.trainable_variables), multiply_adds(model)
    keras.backend.clear_session()
    return counted


def list_policies() -> None:
    """Print every augmentation policy with its parts and source, then every part with its arguments."""
    for name, policy in POLICIES.items():
        print(f"{name:20} {policy}")
    print('\nparts, to be put together as in "flip(0.5) crop(4, reflect) mixup(0.2)":')
    for name, part in PARTS.items():
        print(f"{part.usage(name):50} {part.does}")
