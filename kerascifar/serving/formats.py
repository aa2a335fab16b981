"""FORMATS, the table of export formats.

A format's module has ``write(net, path, images)``, where `net` is what plain() returns and `images` is None for float,
or uint8 (N, H, W, C) to find the ranges of int8; and ``load(path, threads, net) -> predict``, the format's own runtime;
`net` is for a file that holds weights alone.
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
        module: name of the module that writes and loads the format.
        file: name of the exported file or folder.
        int8_file: its name for int8; None if the format has no int8.
        help: one line for --help.
        packages: packages that it needs in addition: name to import, name to install.
    """

    module: str
    file: str
    int8_file: str | None
    help: str
    packages: Mapping[str, str] = field(default_factory=dict)

    def load(self) -> ModuleType:
        """Import and return the module."""
        return import_module(self.module)

    def name(self, int8: bool) -> str | None:
        """Return the name of the exported file or folder; None for int8 where the format has none."""
        return self.int8_file if int8 else self.file


FORMATS = {
    "keras": Format(
        "kerascifar.serving.keras_file",
        "plain.keras",
        None,
        "of Keras's own layers, for Keras without this package",
    ),
    "safetensors": Format(
        "kerascifar.serving.safetensors_file", "model.safetensors", None, "the weights under PyTorch's names"
    ),
    "saved_model": Format("kerascifar.serving.saved_model", "saved_model", None, "a folder for TensorFlow"),
    "litert": Format(
        "kerascifar.serving.litert",
        "model.tflite",
        "model_int8.tflite",
        "for LiteRT (formerly TensorFlow Lite): phones, small boards",
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
    """Return the format's row and the exported file's name.

    Raises InputError: unknown format, a format without int8, or a package is missing.
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
    return row, row.name(int8)
