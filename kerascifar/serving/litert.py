"""LiteRT, formerly TensorFlow Lite: float by Keras's exporter, int8 by the converter's post-training quantization."""

from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core.contracts import Predict
from kerascifar.core.processor import cores
from kerascifar.serving.plain import signature


def write(net: Any, path: Path, images: np.ndarray | None) -> None:
    """Write `net` as a .tflite file of built-in operations, in int8 if there are `images` to find the ranges from.

    In int8 are weights and activations, between the cast of the pixels and that of the logits, with one scale per
    output channel of a convolution or dense layer.
    """
    import tensorflow as tf

    # By default Keras also allows TensorFlow's own operations, which only a much larger runtime knows.
    options: dict[str, Any] = {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}
    if images is not None:
        options = {
            "target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
            "optimizations": [tf.lite.Optimize.DEFAULT],
            "representative_dataset": lambda: ([images[i : i + 1]] for i in range(len(images))),
        }
    net.export(path, format="litert", input_signature=signature(net), verbose=False, **options)
    if images is not None:
        path.write_bytes(compact(path.read_bytes()))


def load(path: Path, threads: int | None, net: Any) -> Predict:
    """Return predict(images) of the LiteRT interpreter on the CPU, in `threads` threads, None means one per core."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads or cores())
    pixels, logits = (
        details[0]["index"] for details in (interpreter.get_input_details(), interpreter.get_output_details())
    )
    shape: tuple[int, ...] = ()

    def predict(images: np.ndarray) -> np.ndarray:
        nonlocal shape
        if images.shape != shape:  # the file says one image; the interpreter can be resized
            shape = images.shape
            interpreter.resize_tensor_input(pixels, shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(pixels, images)
        interpreter.invoke()
        return interpreter.get_tensor(logits)

    return predict


def compact(model: bytes) -> bytes:
    """Return the same .tflite model with equal arrays stored once, and without what no runtime reads.

    The converter gives each channel of weights and biases a zero point of eight bytes, always 0: in a small net as
    many bytes as the weights. Each inner tensor has a long name, a shape for any number of images (the interpreter
    infers it) and a buffer of its own, mostly empty.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    class Sharing(flatbuffers.Builder):
        """Writes an array equal to an earlier one as a reference to it."""

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
                tensor.hasRank = tensor.shape is None  # distinguishes a scalar from a tensor of unknown shape
    _share_buffers(root)
    builder = Sharing()
    builder.Finish(root.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _share_buffers(root: Any) -> None:
    """Let tensors of equal content share one buffer; the first buffer is empty, as the format demands."""
    users = [*root.metadata, *(tensor for graph in root.subgraphs for tensor in graph.tensors)]
    buffers, places = [root.buffers[0]], {b"": 0}
    for user in users:
        buffer = root.buffers[user.buffer]
        content = b"" if buffer.data is None else buffer.data.tobytes()
        if content not in places:
            places[content] = len(buffers)
            buffers.append(buffer)
        user.buffer = places[content]
    root.buffers = buffers
