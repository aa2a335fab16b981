"""How fast the input pipeline is, and what share of a training step waits for it.

    python tools/bench_pipeline.py --out pipeline.json
    python tools/bench_pipeline.py --policies flip_crop both --archs mobilenet_mod resnet18 --rounds 5 --seconds 20

Alone: images a second of each policy, drawn from training_batches() with no model behind it, and the CPU time of an
image. Cost: 1 - (step time on one batch that is kept) / (step time with the pipeline), per net and policy; whole
steps of fit(), the kept batch and the policies in turn, one turn a round, in the opposite order every other round.
All figures are medians over rounds. Images are noise of CIFAR-10's shape and number: no figure here depends on them.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from kerascifar import results
from kerascifar.augment.policies import POLICIES, check_augment, make_augment
from kerascifar.cli import Parser, entry
from kerascifar.config import RunConfig
from kerascifar.configure import configure
from kerascifar.core import files
from kerascifar.core.contracts import Dataset, Split
from kerascifar.core.errors import InputError
from kerascifar.core.processor import processor
from kerascifar.devices import placement

ARCHS = (
    "mobilenet_mod",
    "mobilenet_v2",
    "resnet18",
    "se_resnet",
    "vgg16_bn",
)  # whose pipeline is to cost less than 3 %
SKIPPED = 16  # batches that may lie ready in buffers, or are slow because the pipeline is being traced
SKIPPED_STEPS = 6  # of a net, which takes batches more slowly than they are made: the buffers soon are as full as ever
FOREVER = 10_000  # epochs: more than any measurement draws


def main(argv):
    parser = Parser(prog="python tools/bench_pipeline.py", description=__doc__)
    parser.add_argument("--policies", nargs="+", metavar="POLICY", default=list(POLICIES), help="(all)")
    parser.add_argument("--archs", nargs="*", metavar="ARCH", default=list(ARCHS), help=f"({' '.join(ARCHS)})")
    parser.add_argument("--waited", nargs="+", metavar="POLICY", default=["flip_crop"], help="for --archs (flip_crop)")
    parser.add_argument("--rounds", type=int, default=5, help="(5)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of one measurement in a round (10)")
    parser.add_argument("--batch-size", type=int, default=128, help="(128)")
    parser.add_argument("--images", type=int, default=50_000, help="(50000)")
    parser.add_argument("--threads", type=int, help="of TensorFlow (all cores)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write all figures there too")
    given = parser.parse_args(argv)
    for policy in given.policies + given.waited:
        check_augment(policy, (32, 32, 3))
    if min(given.rounds, given.batch_size, given.images) < 1 or given.seconds <= 0:
        raise InputError("--rounds, --batch-size, --images and --seconds must be greater than 0")
    configs = [configure(arch=arch, batch_size=given.batch_size, learning_rate=1e-4) for arch in given.archs]
    taken = placement.start(RunConfig(threads=given.threads))
    data = noise(given.images)
    alone = measure_alone(data, given)
    waiting = [row for config in configs for row in measure_waiting(config, data, given)]
    if given.out:
        told = {
            "machine": processor() | taken, "revision": results.revision(), "versions": results.versions(),
            "batch_size": given.batch_size, "rounds": given.rounds, "seconds": given.seconds,
            "alone": alone, "waiting": waiting,
        }  # fmt: skip
        files.write_text(given.out, json.dumps(told, indent=1) + "\n")
        print(f"wrote {given.out}")


def noise(count: int) -> Dataset:
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, count))
    return Dataset("noise", tuple("0123456789"), split, None, split)


def batches(data: Dataset, policy: str, batch_size: int):
    from kerascifar.data.batches import training_batches

    augment = make_augment(policy, 0, data.train.images.shape[1:])
    return training_batches(data.train, len(data.classes), batch_size, 0, FOREVER, augment=augment)


def measure_alone(data: Dataset, given: argparse.Namespace) -> list[dict]:
    """Draw batches of each policy in turn and time them."""
    rates, cpu = ({policy: [] for policy in given.policies} for _ in range(2))
    for turn in range(given.rounds):
        for policy in given.policies[:: 1 if turn % 2 == 0 else -1]:
            iterator = iter(batches(data, policy, given.batch_size))
            for _ in range(SKIPPED):
                next(iterator)
            drawn, began, used = 0, time.perf_counter(), time.process_time()
            while time.perf_counter() - began < given.seconds:
                drawn += len(next(iterator)[0])
            rates[policy].append(drawn / (time.perf_counter() - began))
            cpu[policy].append((time.process_time() - used) / drawn * 1e6)
    print(f"\n{'policy alone':24} {'images/s':>10} {'lowest':>10} {'highest':>10} {'CPU us/image':>13}")
    rows = []
    for policy in given.policies:
        of = rates[policy]
        row = {
            "policy": policy, "images_per_second": statistics.median(of), "lowest": min(of), "highest": max(of),
            "cpu_microseconds_per_image": statistics.median(cpu[policy]),
        }  # fmt: skip
        rows.append(row)
        print(
            f"{policy:24} {row['images_per_second']:10,.0f} {row['lowest']:10,.0f} {row['highest']:10,.0f}"
            f" {row['cpu_microseconds_per_image']:13.1f}", flush=True,
        )  # fmt: skip
    return rows


def measure_waiting(config: RunConfig, data: Dataset, given: argparse.Namespace) -> list[dict]:
    """Time steps of fit() on one kept batch and with each policy, in turn, with the same net."""
    import keras
    import tensorflow as tf

    from kerascifar.training.fit import compiled_model

    model = compiled_model(config, data)
    kept = next(iter(batches(data, "none", given.batch_size)))
    sources = {None: tf.data.Dataset.from_tensors(kept).repeat()}
    sources |= {policy: batches(data, policy, given.batch_size) for policy in given.waited}
    step_seconds(model, sources[None], 0.0)  # traces the step
    seconds: dict[str | None, list[float]] = {name: [] for name in sources}
    for turn in range(given.rounds):
        for name in list(sources)[:: 1 if turn % 2 == 0 else -1]:
            seconds[name].append(step_seconds(model, sources[name], given.seconds))
    keras.backend.clear_session()
    rows = []
    for policy in given.waited:
        costs = [1 - a / b for a, b in zip(seconds[None], seconds[policy], strict=True)]
        row = {
            "arch": config.arch, "policy": policy, "cost": statistics.median(costs), "costs": costs,
            "kept_step_seconds": statistics.median(seconds[None]),
            "step_seconds": statistics.median(seconds[policy]),
        }  # fmt: skip
        rows.append(row)
        print(
            f"{config.arch:16} {policy:24} step {row['kept_step_seconds']:.4f} s on a kept batch, "
            f"{row['step_seconds']:.4f} s with the pipeline, cost {row['cost']:6.1%}", flush=True,
        )  # fmt: skip
    return rows


def step_seconds(model, source, seconds: float) -> float:
    """Run fit() on `source` and return the mean time of a step, the first ones left out."""
    import keras

    class Clock(keras.callbacks.Callback):
        ends: list[float]

        def on_train_begin(self, logs=None):
            self.ends = []

        def on_train_batch_end(self, batch, logs=None):
            self.ends.append(time.perf_counter())
            timed = self.ends[SKIPPED_STEPS - 1 :]
            if len(timed) > 4 and timed[-1] - timed[0] > seconds:
                self.model.stop_training = True

    clock = Clock()
    model.fit(source, epochs=1, steps_per_epoch=FOREVER, verbose=0, callbacks=[clock], shuffle=False)
    timed = clock.ends[SKIPPED_STEPS - 1 :]
    return (timed[-1] - timed[0]) / (len(timed) - 1)


if __name__ == "__main__":
    entry(main)
