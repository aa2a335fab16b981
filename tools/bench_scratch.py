"""Time one forward-backward-update of the scratch convolution nets against Keras and against a direct nested loop.

The three settings are those of Palaska 2024, Table 5: 3x3 convolutions with ReLU, stride 1, padding 1, no pooling, one
dense layer. Scratch and Keras take turns in one process, on the same cores, weights and images, after a warm-up;
medians are compared. Both sum gradients over parts of a batch, for memory's sake: Keras over 1,000 images, scratch over
its usual 500. The nested loop, one window and one filter at a time as the study has it, runs on a few images and is
scaled up to the batch.

    python tools/bench_scratch.py                        all three settings (about 10 minutes on 2 cores)
    python tools/bench_scratch.py --filters 16,16 --batch 1000 --repeats 9 --out bench.json
"""

import json
import os
import statistics as stats
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from kerascifar.cli import Parser, entry
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.processor import processor
from kerascifar.scratch import SGD, VARIANTS, Network
from kerascifar.scratch.parallel import use_threads

SHAPE, CLASSES, RATE = (32, 32, 3), 10, 0.01
KERAS_PART = 1000
AT_MOST_OF_KERAS, AT_LEAST_OF_LOOP = 4.0, 300.0


@dataclass(frozen=True)
class Setting:
    """A net and batch of the study, and the seconds it printed for them (None for one of our own)."""

    filters: tuple[int, ...]
    batch: int
    published: float | None = None


SETTINGS = (
    Setting((16, 16), 1000, 76.0),
    Setting((32, 32), 1000, 1476.0),
    Setting((32, 32, 64, 64), 10_000, 50_022.0),
)


def scratch_network(setting: Setting) -> Network:
    variant = VARIANTS["scratch_cnn"]
    layers = variant.build(SHAPE, CLASSES, **{**variant.args, "filters": setting.filters})
    return Network(layers, SHAPE)


def keras_step(network: Network) -> tuple[Callable[[np.ndarray, np.ndarray], None], Any]:
    """Return a function that makes one update of the same net in Keras, with the same weights, and the model."""
    import keras
    import tensorflow as tf

    k = keras.layers
    filters = [layer.filters for layer in network.layers if hasattr(layer, "filters")]
    convolutions = [k.Conv2D(f, 3, padding="same", activation="relu") for f in filters]
    model = keras.Sequential([keras.Input(SHAPE), *convolutions, k.Flatten(), k.Dense(CLASSES)])
    model.set_weights(list(network.parameters.values()))
    optimizer = keras.optimizers.SGD(RATE)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    weights = model.trainable_variables

    @tf.function(jit_compile=False)  # XLA is slower on CPUs
    def gradients(x, y, total):
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True)) / total
        return tape.gradient(value, weights)

    update = tf.function(lambda given: optimizer.apply(given, weights), jit_compile=False)

    def step(x: np.ndarray, y: np.ndarray) -> None:
        summed = None
        for start in range(0, len(x), KERAS_PART):
            part = gradients(x[start : start + KERAS_PART], y[start : start + KERAS_PART], float(len(x)))
            summed = part if summed is None else [a + b for a, b in zip(summed, part, strict=True)]
        update(summed)

    return step, model


def loop_gradients(network: Network, x: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Return the gradients of a net of 3x3 convolutions by nested loops over image, row, column and filter."""
    parameters = [w.copy() for w in network.parameters.values()]
    kernels, biases, (dense, last) = parameters[:-2:2], parameters[1:-2:2], parameters[-2:]
    padded = []
    for kernel, bias in zip(kernels, biases, strict=True):
        padded.append(np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))
        y = np.empty((*x.shape[:3], len(bias)), x.dtype)
        for n, i, j in np.ndindex(*y.shape[:3]):
            for f in range(len(bias)):
                y[n, i, j, f] = np.sum(padded[-1][n, i : i + 3, j : j + 3] * kernel[..., f]) + bias[f]
        x = np.maximum(y, 0)
    flat = x.reshape(len(x), -1)
    network.loss.forward(flat @ dense + last, labels)
    dy = network.loss.gradient
    found = [flat.T @ dy, dy.sum(0)]
    dx = (dy @ dense.T).reshape(x.shape)
    for layer in reversed(range(len(kernels))):
        dy, dx = dx * (x > 0), np.zeros_like(padded[layer])
        dkernel, dbias = np.zeros_like(kernels[layer]), np.zeros_like(biases[layer])
        for n, i, j in np.ndindex(*dy.shape[:3]):
            for f in range(dy.shape[3]):
                dx[n, i : i + 3, j : j + 3] += kernels[layer][..., f] * dy[n, i, j, f]
                dkernel[..., f] += padded[layer][n, i : i + 3, j : j + 3] * dy[n, i, j, f]
                dbias[f] += dy[n, i, j, f]
        x, dx = padded[layer][:, 1:-1, 1:-1], dx[:, 1:-1, 1:-1]
        found = [dkernel, dbias, *found]
    return found


def measure(setting: Setting, repeats: int, loop_images: int) -> dict[str, Any]:
    """Time the three on `setting` and check that they computed the same."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((setting.batch, *SHAPE)).astype(np.float32)
    labels = rng.integers(0, CLASSES, setting.batch)
    network = scratch_network(setting)
    loop_seconds, loop_agrees = None, None
    if loop_images:
        few = slice(0, loop_images)
        seconds, by_loop = timed(lambda: loop_gradients(network, x[few], labels[few]))
        loop_seconds = seconds * setting.batch / len(x[few])
        loop_agrees = close(network.gradients(x[few], labels[few])[0].values(), by_loop)
    theirs, model = keras_step(network)
    optimizer = SGD()
    sides = {
        "scratch": lambda: network.step(x, labels, optimizer, RATE),
        "keras": lambda: theirs(x, labels),
    }
    for step in sides.values():  # warm-up: Keras traces its graph
        step()
    agrees = close(network.parameters.values(), model.get_weights())
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for repeat in range(repeats):
        for name in sorted(sides, reverse=bool(repeat % 2)):  # whoever went first goes second next
            seconds[name].append(timed(sides[name])[0])
    medians = {name: stats.median(times) for name, times in seconds.items()}
    return {
        "filters": setting.filters,
        "batch": setting.batch,
        "published_seconds": setting.published,
        "seconds": seconds,
        "median_seconds": medians,
        "scratch_over_keras": medians["scratch"] / medians["keras"],
        "loop_images": loop_images,
        "loop_seconds_scaled": loop_seconds,
        "loop_over_scratch": loop_seconds and loop_seconds / medians["scratch"],
        "same_as_keras": agrees,
        "same_as_loop": loop_agrees,
    }


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def close(ours: Any, theirs: Any) -> bool:
    return all(np.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in zip(ours, theirs, strict=True))


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    heads = ("filters", "batch", "published, s", "nested loop, s", "scratch, s", "Keras, s")
    heads += ("scratch / Keras", "loop / scratch")
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for row in rows:
        medians, loop, faster = row["median_seconds"], row["loop_seconds_scaled"], row["loop_over_scratch"]
        cells = [
            ", ".join(map(str, row["filters"])),
            f"{row['batch']:,}",
            f"{row['published_seconds']:,.0f}" if row["published_seconds"] else "-",
            f"{loop:,.0f} (from {row['loop_images']} images)" if loop else "-",
            *(f"{medians['scratch']:.3f}", f"{medians['keras']:.3f}", f"{row['scratch_over_keras']:.2f}"),
            f"{faster:,.0f}" if faster else "-",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def chosen(given: Any) -> tuple[Setting, ...]:
    if given.filters is None:
        if given.batch is not None:
            raise InputError("--batch belongs to --filters, such as --filters 16,16 --batch 1000")
        return SETTINGS
    try:
        filters, batch = tuple(int(f) for f in given.filters.split(",")), given.batch or 1000
    except ValueError:
        raise InputError(f"--filters: expected whole numbers with commas between, got {given.filters!r}") from None
    if min(*filters, batch) < 1:
        raise InputError(f"--filters and --batch must be greater than 0, got {given.filters} and {batch}")
    known = {(s.filters, s.batch): s for s in SETTINGS}
    return (known.get((filters, batch), Setting(filters, batch)),)


def main(arguments: list[str]) -> None:
    parser = Parser(prog="python tools/bench_scratch.py", description=__doc__)
    parser.add_argument("--filters", help="one net of this many filters a layer, such as 16,16; all three if not given")
    parser.add_argument("--batch", type=int, help="images a batch with --filters (default 1000)")
    parser.add_argument("--repeats", type=int, default=5, help="timed updates a side (default 5)")
    parser.add_argument("--loop-images", type=int, default=2, help="images for the nested loop; 0 for none (default 2)")
    parser.add_argument("--threads", type=int, help="CPU threads of both sides; all cores if not given")
    parser.add_argument("--out", type=Path, help="also write everything here, as JSON")
    given = parser.parse_args(arguments)
    settings = chosen(given)
    if given.repeats < 1 or given.loop_images < 0 or (given.threads is not None and given.threads < 1):
        raise InputError("--repeats and --threads must be at least 1, --loop-images at least 0")

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # the two are compared on the same cores
    import keras
    import tensorflow as tf

    load_before = os.getloadavg()[0]
    use_threads(given.threads)
    if given.threads:
        tf.config.threading.set_intra_op_parallelism_threads(given.threads)
        tf.config.threading.set_inter_op_parallelism_threads(given.threads)
    rows = []
    for setting in settings:
        rows.append(measure(setting, given.repeats, given.loop_images))
        print(json.dumps(rows[-1]), flush=True)
    report = {
        "versions": {"numpy": np.__version__, "keras": keras.__version__, "tensorflow": tf.__version__},
        "machine": processor() | {"threads": given.threads},
        "load": [load_before, os.getloadavg()[0]],
        "settings": rows,
    }
    if given.out is not None:
        files.write_text(given.out, json.dumps(report, indent=1) + "\n")
    print(table(rows))
    wrong = [row["filters"] for row in rows if not row["same_as_keras"] or row["same_as_loop"] is False]
    if wrong:
        raise InputError(f"the sides did not compute the same for filters {wrong}: the times mean nothing")
    slow = [r for r in rows if r["scratch_over_keras"] > AT_MOST_OF_KERAS]
    slow += [r for r in rows if r["loop_over_scratch"] is not None and r["loop_over_scratch"] < AT_LEAST_OF_LOOP]
    print(
        f"at most {AT_MOST_OF_KERAS:g} times Keras and {AT_LEAST_OF_LOOP:g} times the loop: {'no' if slow else 'yes'}"
    )


if __name__ == "__main__":
    entry(main)
