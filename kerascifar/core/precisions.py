"""What --precision means: the Keras dtype policy of a net's layers, and of which kinds it is another."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Precision:
    """How the layers of a net compute; variables are float32 in each.

    Attributes:
        policy: Keras dtype policy of the layers.
        layers: that of the layers which are a ``keras.layers.NAME``, by NAME.
    """

    policy: str
    layers: Mapping[str, str] = field(default_factory=dict)


PRECISIONS = {
    "float32": Precision("float32"),
    "mixed_float16": Precision("mixed_float16"),
    "mixed_bfloat16": Precision("mixed_bfloat16"),
    # Depthwise convolutions, which are no Conv2D, and BatchNorm of few channels are slow in bfloat16 on CPUs:
    # tools/decisions/0031-precision-by-processor.md.
    "bfloat16_convolutions": Precision("float32", {"Conv2D": "mixed_bfloat16"}),
}
