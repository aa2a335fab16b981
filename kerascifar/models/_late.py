"""Keras, and what needs it, for the files of this package to import at their top: each is loaded on first use.

So architectures are listed and checked without Keras, which takes seconds to import.
"""

import wrapt

keras = wrapt.lazy_import("keras")
layers = wrapt.lazy_import("keras.layers")
own_layers = wrapt.lazy_import("kerascifar.layers")
_blocks = wrapt.lazy_import("kerascifar.models._blocks")
