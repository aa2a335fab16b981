"""How close the speedruns come to what the cores can do, and how long resnet18 would take for the same epochs.

    python tools/bench_speedrun.py --out tools/measured/speedrun.json

In turns, each in a process of its own: products of two 4096x4096 matrices in float32 and in bfloat16, and epochs of
--nets and of resnet18, as `python -m kerascifar.train` runs them on drawn images; resnet18 in float32, in which it
trains here. Floating-point operations of an image in training are counted as six a multiply-add of its forward pass:
a product and a sum, forward and for both gradients. Share: that many a second, of the faster matrix product's.
Medians over rounds.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_epoch import CIFAR, measure

from kerascifar.architectures import ARCHITECTURES
from kerascifar.cli import Parser, entry
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.processor import processor
from kerascifar.core.registry import lookup
from kerascifar.results import revision, versions

NETS, BESIDE = ("airbench94", "airbench95"), "resnet18"
SIDE = 4096  # of the matrices
STEPS = {"airbench94": 5, "airbench95": 3, BESIDE: 12}  # of an epoch, some 20 s
PRODUCT = """
import time, sys, tensorflow as tf
a = tf.cast(tf.random.normal(({side}, {side})), sys.argv[1])
tf.matmul(a, a).numpy()
begun = time.perf_counter()
for _ in range(8):
    b = tf.matmul(a, a)
b.numpy()
print((time.perf_counter() - begun) / 8)
"""


def main(argv: Sequence[str]) -> None:
    parser = Parser(prog="python tools/bench_speedrun.py", description=__doc__)
    parser.add_argument("--nets", nargs="+", metavar="NET", default=list(NETS), help=f"({' '.join(NETS)})")
    parser.add_argument("--precision", default="mixed_bfloat16", help="of --nets (mixed_bfloat16)")
    parser.add_argument("--rounds", type=int, default=3, help="(3)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write the numbers there")
    given = parser.parse_args(argv)
    if given.rounds < 1:
        raise InputError(f"--rounds: must be greater than 0, got {given.rounds}")
    for net in given.nets:
        lookup(ARCHITECTURES, net, "--nets")
    precisions = dict.fromkeys(given.nets, given.precision) | {BESIDE: "float32"}
    products: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    rates: dict[str, list[float]] = {net: [] for net in precisions}
    for _ in range(given.rounds):
        for dtype, found in products.items():
            found.append(2 * SIDE**3 / product_seconds(dtype) / 1e9)
        for net, found in rates.items():
            batch_size = ARCHITECTURES[net].defaults.get("batch_size", 128)
            images = STEPS.get(net, 10) * batch_size
            seconds, _ = measure(net, "cpu", images, 2, batch_size, precision=precisions[net])
            found.append(images / seconds)
    peaks = {dtype: statistics.median(found) for dtype, found in products.items()}
    peak = max(peaks.values())
    print(", ".join(f"a matrix product in {dtype}: {gflops:.0f} GFLOP/s" for dtype, gflops in peaks.items()))
    rows = {}
    for net, found in rates.items():
        rate = statistics.median(found)
        gflops = 6 * ARCHITECTURES[net].multiply_adds * rate / 1e9
        rows[net] = {
            "precision": precisions[net], "images_per_second": rate, "turns": found, "gflops": gflops,
            "share_of_peak": gflops / peak, "seconds_an_epoch": CIFAR / rate,
        }  # fmt: skip
        print(
            f"{net:<12} {precisions[net]:<15} {rate:8.1f} images/s, {gflops:6.1f} GFLOP/s, {gflops / peak:.0%} of the"
            f" matrix product; an epoch of {CIFAR:,} images: {CIFAR / rate:,.0f} s"
        )
    if given.out:
        told = {
            "machine": processor(), "revision": revision(), "versions": versions(), "rounds": given.rounds,
            "matrix_product_gflops": peaks, "nets": rows,
        }  # fmt: skip
        files.write_text(given.out, json.dumps(told, indent=1) + "\n")


def product_seconds(dtype: str) -> float:
    """Return how long a product of two SIDE x SIDE matrices takes, the mean of 8."""
    code = PRODUCT.format(side=SIDE)
    done = subprocess.run([sys.executable, "-c", code, dtype], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    entry(main)
