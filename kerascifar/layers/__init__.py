"""Keras layers and initialisers of our own.

Import this package before ``keras.saving.load_model`` reads a net of ours: it registers them.
"""

from kerascifar.layers.activations import GELU
from kerascifar.layers.convolutions import PairedConv2D, PatchWhitening
from kerascifar.layers.initializers import PartialIdentity
from kerascifar.layers.normalizing import SMALLEST_FUSED_EPSILON, BatchNormalization, Rescaling
from kerascifar.layers.pooling import AveragePooling2D
from kerascifar.layers.small_maps import SmallMapConv2D

__all__ = [
    "GELU",
    "SMALLEST_FUSED_EPSILON",
    "AveragePooling2D",
    "BatchNormalization",
    "PairedConv2D",
    "PartialIdentity",
    "PatchWhitening",
    "Rescaling",
    "SmallMapConv2D",
]
