"""LiteRT, formerly TensorFlow Lite: float by Keras's exporter, int8 by the converter's post-training quantization."""

from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core.contracts import Predict
from kerascifar.core.processor import cores
from kerascifar.serving.plain import signature


def write(net: Any, path: Path, images: np.ndarray | None) -> None:
    """Write `net` as a .tflite file of built-in operations, int8 if there are `images` to find the ranges by.

    int8 means: weights and activations, between the cast of the pixels and that of the logits; a scale for each
    output channel of a convolution or dense layer.
    """
    import tensorflow as tf

    # Keras would also admit TensorFlow's own operations, which only a much larger runtime knows.
    how: dict[str, Any] = {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}
    if images is not None:
        how = {
            "target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
            "optimizations": [tf.lite.Optimize.DEFAULT],
            "representative_dataset": lambda: ([images[i : i + 1]] for i in range(len(images))),
        }
    net.export(path, format="litert", input_signature=signature(net), verbose=False, **how)
    if images is not None:
        path.write_bytes(compact(path.read_bytes()))


def load(path: Path, threads: int | None) -> Predict:
    """Return predict(images) of the LiteRT interpreter on the CPU, in `threads` threads, else one a core."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads or cores())
    pixels, logits = (
        found[0]["index"] for found in (interpreter.get_input_details(), interpreter.get_output_details())
    )
    shape: tuple[int, ...] = ()

    def predict(images: np.ndarray) -> np.ndarray:
        nonlocal shape
        if images.shape != shape:  # the file says one image; the interpreter takes as many as it is told
            shape = images.shape
            interpreter.resize_tensor_input(pixels, shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(pixels, images)
        interpreter.invoke()
        return interpreter.get_tensor(logits)

    return predict


def compact(model: bytes) -> bytes:
    """Return the same .tflite model with equal arrays stored once, and without what no runtime reads.

    The converter gives each channel a zero point of eight bytes, always 0, for weights and biases alike: in a small
    net as many bytes as the weights. Each tensor inside has a long name, a shape for any number of images (the
    interpreter infers it) and a buffer of its own, most of them empty.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    class Sharing(flatbuffers.Builder):
        """Writes an array that it has written before as a reference to that one."""

        def __init__(self) -> None:
            super().__init__(len(model))
            self.places: dict[tuple[str, bytes], int] = {}

        def CreateNumpyVector(self, x: np.ndarray) -> int:
            key = x.dtype.str, x.tobytes()
            if key not in self.places:
                if x.dtype == np.uint8:  # buffers: runtimes read them in place, as floats or vectors of bytes
                    self.Prep(16, x.size)
                self.places[key] = super().CreateNumpyVector(x)
            return self.places[key]

    root = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    root.metadata = [entry for entry in root.metadata or [] if entry.name != b"CONVERSION_METADATA"]
    for graph in root.subgraphs:
        ends = {*graph.inputs, *graph.outputs}
        for index, tensor in enumerate(graph.tensors):
            if index not in ends:
                tensor.name = tensor.shapeSignature = None
                tensor.hasRank = tensor.shape is None  # tells a scalar from a tensor of unknown shape
    _share_buffers(root)
    builder = Sharing()
    builder.Finish(root.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _share_buffers(root: Any) -> None:
    """Let tensors of equal content point to one buffer; the first one is empty, as the format has it."""
    users = [*root.metadata, *(tensor for graph in root.subgraphs for tensor in graph.tensors)]
    kept, places = [root.buffers[0]], {b"": 0}
    for user in users:
        buffer = root.buffers[user.buffer]
        content = b"" if buffer.data is None else buffer.data.tobytes()
        if content not in places:
            places[content] = len(kept)
            kept.append(buffer)
        user.buffer = places[content]
    root.buffers = kept
