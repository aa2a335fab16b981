"""Train and compare small image classifiers with TensorFlow and Keras 3.

``import kerascifar as kc`` gives ``kc.fit``, ``kc.load``, ``kc.list_runs`` and ``kc.register_model`` and its like,
which import what they need when used.
"""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerascifar.api import Net, fit, list_runs, load
    from kerascifar.plugins.register import (
        register_callback,
        register_dataset,
        register_distance,
        register_model,
        register_policy,
    )

__version__ = "0.1.0"
__all__ = [
    "Net",
    "fit",
    "list_runs",
    "load",
    "register_callback",
    "register_dataset",
    "register_distance",
    "register_model",
    "register_policy",
]

if "".join(sys.argv[:1]).rpartition("/")[2] in ("-m", "kerascifar"):  # the imports of a command begin
    from kerascifar.core import endings

    endings.install()


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # A plugin that registers must not wait for what fits and loads, nor import it while it is being imported itself.
    from importlib import import_module

    home = "kerascifar.plugins.register" if name.startswith("register_") else "kerascifar.api"
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
