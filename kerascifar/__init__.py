"""Train and compare small image classifiers with TensorFlow and Keras 3."""

import sys

__version__ = "0.1.0"

if "".join(sys.argv[:1]).rpartition("/")[2] in ("-m", "kerascifar"):  # the imports of a command begin
    from kerascifar.core import endings

    endings.install()
