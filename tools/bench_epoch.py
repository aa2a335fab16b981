"""Time an epoch of training on the CPU and on a GPU, as study 000's Table 7 does.

    python tools/bench_epoch.py                                    # the CPU, and a GPU if there is one
    python tools/bench_epoch.py --arch vgg16 mobilenet_v2 --devices cpu gpu --out epochs.json

Each net trains anew on each device, in a process of its own and in a scratch folder, on drawn images of CIFAR-10's
shape: the time depends on their number, not on what they show. Told is the median epoch of all but the first, in which
the step is traced, without validation; and how long one of 50,000 images would take at that rate. A device that is
asked for and is not there ends it with 2; where none is asked for and TensorFlow sees no GPU, it says so.
"""

import json
import os
import statistics as stats
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kerascifar.architectures import ARCHITECTURES
from kerascifar.cli import Parser, entry
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.processor import processor
from kerascifar.core.registry import lookup
from kerascifar.results import read_result, revision, versions

ROOT = Path(__file__).resolve().parent.parent
NETS = ("lenet", "mobilenet_mod", "resnet18", "vgg16")
CIFAR = 50_000  # training images


def measure(
    arch: str, device: str, images: int, epochs: int, batch_size: int, precision: str = "float32"
) -> tuple[float, str]:
    """Return seconds of the median epoch but the first, and the device that was taken."""
    with tempfile.TemporaryDirectory() as scratch:
        flags = {
            "--arch": arch, "--device": device, "--dataset": f"synthetic:{images}", "--epochs": str(epochs),
            "--batch-size": str(batch_size), "--validation": "0", "--precision": precision, "--runs": scratch,
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "kerascifar.train", *(word for pair in flags.items() for word in pair)],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            told = (done.stderr.strip().splitlines() or ["failed"])[-1]
            raise InputError(f"{arch} on {device}: {told.removeprefix('error: ')}")
        result = read_result(next(Path(scratch).glob("*/*/result.json")).parent)
    return stats.median(row["seconds"] for row in result.history[1:]), result.notes["device"]


def gpu_is_there() -> bool:
    """Ask TensorFlow, in a process of its own, so that this one holds no memory of a GPU."""
    code = "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) > 0


def main(argv: Sequence[str]) -> None:
    parser = Parser(prog="python tools/bench_epoch.py", description=__doc__)
    parser.add_argument("--arch", nargs="+", metavar="ARCH", default=list(NETS), help=f"({' '.join(NETS)})")
    parser.add_argument("--devices", nargs="+", metavar="DEVICE", help="(cpu, and gpu if there is one)")
    parser.add_argument("--images", type=int, default=5000, help="drawn images an epoch (5000)")
    parser.add_argument("--batch-size", type=int, default=64, help="(64, study 000's)")
    parser.add_argument("--epochs", type=int, default=4, help="of each net, 2 or more (4)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write the numbers there")
    given = parser.parse_args(argv)
    if given.epochs < 2:
        raise InputError(f"--epochs: must be 2 or more, got {given.epochs}; the first is not counted")
    for arch in given.arch:
        if lookup(ARCHITECTURES, arch, "--arch").engine != "keras":
            raise InputError(f"--arch {arch}: only Keras nets run on a GPU")
    devices = given.devices
    if devices is None:
        devices = ["cpu", "gpu"] if gpu_is_there() else ["cpu"]
        if devices == ["cpu"]:
            print("no GPU is visible to TensorFlow here: the CPU alone")
    rows = []
    print(f"{'arch':<20}{'device':>8}{'s an epoch':>12}{f's for {CIFAR:,}':>14}{'to the first':>14}")
    for arch in given.arch:
        times = {}
        for device in devices:
            seconds, taken = measure(arch, device, given.images, given.epochs, given.batch_size)
            times[device] = seconds
            ratio, whole = times[devices[0]] / seconds, seconds * CIFAR / given.images
            rows.append({"arch": arch, "device": taken, "seconds": seconds, "speed_up": ratio})
            print(f"{arch:<20}{taken:>8}{seconds:>12.2f}{whole:>14.1f}{ratio:>13.2f}x", flush=True)
    if given.out:
        told = {
            "machine": processor(), "revision": revision(), "versions": versions(), "images": given.images,
            "batch_size": given.batch_size, "epochs": given.epochs, "rows": rows,
        }  # fmt: skip
        files.write_text(given.out, json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    entry(main)
