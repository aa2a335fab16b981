"""The table of formats.

A format's module has ``write(net, path, images)``, where `net` is what plain() returns and `images` are None for float
or uint8 (N, H, W, C) to find int8's ranges by, and ``load(path, threads) -> predict``, the format's own runtime.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup


@dataclass(frozen=True)
class Format:
    """One row of the table.

    Attributes:
        module: writes it and reads it; imported when it is needed.
        file: what the exported file or folder is called.
        int8_file: the same of int8; None where the format has none.
        packages: what it needs beyond the package's own requirements: name to import, name to install.
        help: what it is, in a line.
    """

    module: str
    file: str
    int8_file: str | None
    help: str
    packages: Mapping[str, str] = field(default_factory=dict)

    def load(self) -> ModuleType:
        """Import the module."""
        return import_module(self.module)


FORMATS = {
    "saved_model": Format("kerascifar.serving.saved_model", "saved_model", None, "a folder for TensorFlow"),
    "litert": Format(
        "kerascifar.serving.litert",
        "model.tflite",
        "model_int8.tflite",
        "for LiteRT, which was TensorFlow Lite: phones, small boards",
        {"ai_edge_litert": "ai-edge-litert"},
    ),
    "onnx": Format(
        "kerascifar.serving.onnx",
        "model.onnx",
        "model_int8.onnx",
        "for ONNX Runtime and others",
        {name: name for name in ("onnx", "tf2onnx", "onnxruntime")},
    ),
}


def check_format(to: str, int8: bool) -> tuple[Format, str]:
    """Return the row and the exported file's name.

    Raises:
        InputError: unknown format, one that has no int8, or a package is missing.
    """
    row = lookup(FORMATS, to, "--to")
    if int8 and row.int8_file is None:
        able = " or ".join(f"--to {name}" for name, other in FORMATS.items() if other.int8_file)
        raise InputError(f"--int8: {to} has no int8; give {able}")
    missing = [package for module, package in row.packages.items() if find_spec(module) is None]
    if missing:
        raise InputError(
            f"--to {to}: not installed here: {', '.join(missing)}; python -m pip install {' '.join(missing)}"
        )
    return row, row.int8_file if int8 else row.file
