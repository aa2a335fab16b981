"""ONNX: float by Keras's exporter (tf2onnx), int8 by ONNX Runtime's static quantization."""

import contextlib
import io
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core.contracts import Predict
from kerascifar.core.processor import cores
from kerascifar.serving.plain import signature

_BATCH = 50  # images whose activations are measured at once
# Percent of an activation's values inside its range: the few outside are clipped, and the others get finer steps than
# between minimum and maximum (measured in tools/decisions/0017-tiny-nets.md).
_PERCENTILE = 99.999


def write(net: Any, path: Path, images: np.ndarray | None) -> None:
    """Write `net` as an .onnx file, in int8 if there are `images` to find the ranges from.

    int8 means QDQ: QuantizeLinear and DequantizeLinear around each operation, which a runtime fuses with it. Weights
    are int8 with one scale per output channel, activations uint8, which x86 processors multiply fastest. Weights keep
    to 7 bits: processors with AVX2 but without VNNI add two products in 16 bits, which 8 bits overflow. Products and
    differences of activations, of which GELU is made, stay float. Activation ranges come from percentiles.
    """
    _adapt_tf2onnx()
    if images is None:
        net.export(path, format="onnx", input_signature=signature(net), verbose=False)
        return
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quant_pre_process, quantize_static
    from onnxruntime.quantization.registry import QDQRegistry

    exported, prepared = path.with_name("float.onnx"), path.with_name("prepared.onnx")
    write(net, exported, None)
    quant_pre_process(exported, prepared, skip_symbolic_shape=True)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its number of bins
        quantize_static(
            prepared,
            path,
            _Batches(images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[kind for kind in QDQRegistry if kind not in ("Mul", "Sub")],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            # A stride of one batch; otherwise the activations of all batches stay in memory until the last.
            extra_options={"CalibPercentile": _PERCENTILE, "CalibStridedMinMax": 1},
        )
    _shorten(path)


def load(path: Path, threads: int | None, net: Any) -> Predict:
    """Return predict(images) of ONNX Runtime on the CPU, in `threads` threads, None means one per core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or cores()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(["logits"], {"pixels": images})[0]


class _Batches:
    """Gives the images to ONNX Runtime's calibration: one batch per call, then None."""

    def __init__(self, images: np.ndarray) -> None:
        self.batches = [{"pixels": images[i : i + _BATCH]} for i in range(0, len(images), _BATCH)]
        self.set_range(0, len(self))

    def __len__(self) -> int:
        return len(self.batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        self.rest = iter(self.batches[start_index:end_index])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.rest, None)


@cache
def _adapt_tf2onnx() -> None:
    """Teach tf2onnx the operation Erfc, and keep it from copying the weights again and again."""
    from tf2onnx import constants, utils
    from tf2onnx.graph import Node
    from tf2onnx.handler import tf_op

    @tf_op("Erfc")  # TensorFlow's GELU is made of it, and ONNX has only erf(x) = 1 - erfc(x)
    class Erfc:
        @classmethod
        def version_9(cls, ctx: Any, node: Any, **_: Any) -> None:
            kind = utils.map_onnx_to_numpy_type(ctx.get_dtype(node.output[0]))
            one = ctx.make_const(utils.make_name("one"), np.array(1, kind)).output[0]
            node.type = "Erf"
            erf = node.output[0]
            ctx.insert_new_node_on_output("Sub", erf, inputs=[one, erf], name=utils.make_name(node.name))

    # Each of its passes copies the graph, to go on if the pass fails, and writes all weights again into messages that
    # are freed only at the end: up to sixty times the size of the net.
    os.environ.setdefault(constants.ENV_TF2ONNX_CATCH_ERRORS, "FALSE")
    original = Node.update_proto

    def update_proto(self: Any, external_tensor_storage: Any = None) -> None:
        value = self.get_attr("value") if self.is_const() else None
        if value is None or value is not getattr(self, "written", None):
            original(self, external_tensor_storage)
            self.written = value

    Node.update_proto = update_proto


def _shorten(path: Path) -> None:
    """Store equal arrays once, and shorten names: in a small net these take more space than the weights."""
    import onnx

    model = onnx.load(path)
    graph = model.graph
    short = {end.name: end.name for end in (*graph.input, *graph.output)} | {"": ""}
    arrays: dict[bytes, str] = {}
    for array in graph.initializer:
        name = array.name
        array.ClearField("name")
        short[name] = arrays.setdefault(array.SerializeToString(), f"w{len(arrays)}")
    del graph.initializer[:]
    for content, name in arrays.items():
        graph.initializer.add(name=name).MergeFromString(content)
    for node in graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
        for names in (node.input, node.output):
            names[:] = [short.setdefault(name, str(len(short))) for name in names]
    graph.ClearField("value_info")  # inner shapes, which every runtime infers
    onnx.save(model, path)
