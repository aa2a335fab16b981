"""Train and compare small image classifiers with TensorFlow and Keras 3.

``import kerascifar as kc`` gives ``kc.fit``, ``kc.load`` and ``kc.list_runs``, which import what they need when used.
"""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerascifar.api import Net, fit, list_runs, load

__version__ = "0.1.0"
__all__ = ["Net", "fit", "list_runs", "load"]

if "".join(sys.argv[:1]).rpartition("/")[2] in ("-m", "kerascifar"):  # the imports of a command begin
    from kerascifar.core import endings

    endings.install()


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kerascifar import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
