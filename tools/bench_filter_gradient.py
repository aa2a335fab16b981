"""The gradient of a 3x3 convolution's filters, by TensorFlow's kernel and as nine matrix products, shape by shape.

    python tools/bench_filter_gradient.py --out filter_gradient.json

The nine products are those of kerascifar/layers/small_maps.py, whose table goes by this. Both in float32 and in
bfloat16, stride 1 padded and stride 2 on padded images, in turns within one process; medians of CPU time, which other
work on the machine disturbs less than the clock does. A gain above 1: the products are faster. Of layers whose outputs
are a single pixel, outputs and both gradients together are compared.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kerascifar.cli import Parser, entry
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.processor import flags, processor
from kerascifar.devices.placement import import_keras, quiet
from kerascifar.reporting.study_table import table
from kerascifar.results import revision, versions

# Side of the outputs, channels, filters, stride: resnet18's, vgg16_bn's, airbench94's, custom_cnn's.
SHAPES = (
    *((32, 64, 64, 1), (16, 128, 128, 1), (8, 256, 256, 1), (4, 512, 512, 1)),
    *((16, 64, 128, 2), (8, 128, 256, 2), (4, 256, 512, 2)),
    *((16, 64, 128, 1), (8, 128, 256, 1), (4, 256, 512, 1), (2, 512, 512, 1)),
    *((31, 24, 64, 1), (15, 64, 256, 1), (7, 256, 256, 1)),
    *((8, 64, 64, 1), (8, 128, 128, 1), (4, 64, 64, 1), (4, 128, 128, 1)),
    *((30, 3, 24, 1), (28, 24, 24, 1)),
)
SINGLE_PIXELS = ((1, 512, 512, 1), (1, 256, 512, 2))  # the last stage of ResNet-18 with its stem for ImageNet, on 32x32
DTYPES = ("float32", "bfloat16")
HEAD = ("side", "channels", "filters", "stride", "dtype", "kernel, CPU ms", "products", "gain", "difference")


def main(argv: Sequence[str]) -> None:
    parser = Parser(prog="python tools/bench_filter_gradient.py", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="(7)")
    parser.add_argument("--batch-size", type=int, default=128, help="(128)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write the figures there")
    given = parser.parse_args(argv)
    if min(given.rounds, given.batch_size) < 1:
        raise InputError("--rounds and --batch-size must be greater than 0")
    with quiet():
        import_keras()
    machine = processor() | {"flags": sorted(flags() & {"avx512_bf16", "amx_bf16"})}
    print(f"{machine['processor']}, {machine['cores']} cores, lists {', '.join(machine['flags']) or 'no bfloat16'}")
    rows = [measure(*shape, dtype, given.batch_size, given.rounds) for shape in SHAPES for dtype in DTYPES]
    print(table(HEAD, [line(row) for row in rows]))
    whole = [
        measure_whole(*shape, dtype, given.batch_size, given.rounds) for shape in SINGLE_PIXELS for dtype in DTYPES
    ]
    print(f"\noutputs and gradients of a single pixel\n{table(HEAD, [line(row) for row in whole])}")
    if given.out:
        told = {"machine": machine, "revision": revision(), "versions": versions(), "batch_size": given.batch_size}
        files.write_text(
            given.out,
            json.dumps(told | {"rounds": given.rounds, "shapes": rows, "single_pixels": whole}, indent=1) + "\n",
        )


def by_kernel(images: Any, gradient: Any, stride: int) -> Any:
    """Return the filters' gradient (3, 3, channels, filters), as TensorFlow computes it in a training step."""
    import tensorflow as tf

    sizes = (3, 3, images.shape[-1], gradient.shape[-1])
    padding = "SAME" if stride == 1 else "VALID"
    return tf.raw_ops.Conv2DBackpropFilter(
        input=images, filter_sizes=sizes, out_backprop=gradient, strides=[1, stride, stride, 1], padding=padding
    )


def measure(side: int, channels: int, filters: int, stride: int, dtype: str, batch_size: int, rounds: int) -> dict:
    """Return the medians of `rounds` turns, and how far the results lie apart, relative to the largest."""
    import tensorflow as tf

    from kerascifar.layers.small_maps import filter_gradient

    sees = side if stride == 1 else stride * side + 2  # padded, as nets do it
    images = tf.cast(tf.random.stateless_normal((batch_size, sees, sees, channels), (0, 0)), dtype)
    gradient = tf.cast(tf.random.stateless_normal((batch_size, side, side, filters), (0, 1)), dtype)
    ways = {"kernel": tf.function(by_kernel), "products": tf.function(filter_gradient)}
    shape = {"side": side, "channels": channels, "filters": filters, "stride": stride, "dtype": dtype}
    return shape | in_turns({name: lambda way=way: way(images, gradient, stride) for name, way in ways.items()}, rounds)


def measure_whole(
    side: int, channels: int, filters: int, stride: int, dtype: str, batch_size: int, rounds: int
) -> dict:
    """Return the same of a layer's outputs and gradients; the difference is that of the filters' gradient."""
    import tensorflow as tf

    from kerascifar.layers.small_maps import FASTER, SmallMapConv2D

    sees = side if stride == 1 else stride * side + 2
    images = tf.random.stateless_normal((batch_size, sees, sees, channels), (0, 0))
    gradient = tf.cast(tf.random.stateless_normal((batch_size, side, side, filters), (0, 1)), dtype)

    def way(faster: tuple) -> Callable[[], Any]:
        policy = dtype if dtype == "float32" else f"mixed_{dtype}"
        layer = SmallMapConv2D(filters, 3, stride, "same" if stride == 1 else "valid", dtype=policy, use_bias=False)
        layer.build(images.shape)
        layer.faster = faster
        layer.kernel.assign(tf.random.stateless_normal(layer.kernel.shape, (0, 2)))

        @tf.function
        def work():
            with tf.GradientTape() as tape:
                tape.watch(images)
                outputs = layer(images)
            to_inputs, to_kernel = tape.gradient(outputs, [images, layer.kernel.value], gradient)
            return to_kernel, to_inputs

        return lambda: work()[0]

    shape = {"side": side, "channels": channels, "filters": filters, "stride": stride, "dtype": dtype}
    return shape | in_turns({"kernel": way(()), "products": way(FASTER)}, rounds)


def in_turns(ways: dict[str, Callable[[], Any]], rounds: int) -> dict:
    """Return each way's median CPU time, their ratio, and how far their results lie apart."""
    import tensorflow as tf

    found = {name: tf.cast(way(), "float32") for name, way in ways.items()}
    difference = tf.reduce_max(tf.abs(found["kernel"] - found["products"])) / tf.reduce_max(tf.abs(found["kernel"]))
    turns: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            turns[name].append(cpu_ms(way))
    return {
        "kernel": statistics.median(turns["kernel"]),
        "products": statistics.median(turns["products"]),
        "gain": statistics.median(a / b for a, b in zip(turns["kernel"], turns["products"], strict=True)),
        "difference": float(difference),
    }


def cpu_ms(work: Callable[[], Any]) -> float:
    begun = time.process_time()
    work()
    return 1000 * (time.process_time() - begun)


def line(row: dict) -> list[str]:
    """Return a shape's cells under HEAD."""
    return [
        *(str(row[name]) for name in HEAD[:5]), f"{row['kernel']:.1f}", f"{row['products']:.1f}",
        f"{row['gain']:.2f}", f"{row['difference']:.0e}",
    ]  # fmt: skip


if __name__ == "__main__":
    entry(main)
