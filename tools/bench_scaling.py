"""Time training in one process against several workers that share the same cores, and say what the sharing costs.

On one machine this measures overhead, not speed-up: 1 process on all cores against N workers on an Nth of them each,
the same global batch. Each setting trains anew in a scratch folder; images a second are those of result.json, the
median over all epochs but the first, in which the step is traced. Settings take turns, so that noise hits both.

    python tools/bench_scaling.py                              # 2 workers, lenet_relu and modified_net
    python tools/bench_scaling.py --arch resnet20 --workers 2 --repeats 5 --out scaling.json
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

from kerascifar.cli import Parser, entry
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.processor import processor
from kerascifar.results import read_result, versions

ROOT = Path(__file__).resolve().parent.parent


def measure(workers: int, flags: Sequence[str], cores: int) -> float:
    """Return training images a second of one fresh run; 1 worker means no strategy."""
    with tempfile.TemporaryDirectory() as scratch:
        if workers == 1:
            line = ["kerascifar.train", *flags, "--threads", str(cores)]
        else:
            line = ["kerascifar.launch", "--workers", str(workers), "--", *flags, "--threads", str(cores // workers)]
        done = subprocess.run(
            [sys.executable, "-m", line[0], *line[1:], "--runs", scratch],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise InputError(f"{' '.join(line)}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
        return read_result(next(Path(scratch).glob("*/*/result.json")).parent).images_per_second


def main(argv: Sequence[str]) -> None:
    parser = Parser(prog="python tools/bench_scaling.py", description=__doc__)
    parser.add_argument("--arch", default="lenet_relu,modified_net", help="architectures (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="workers (default %(default)s)")
    parser.add_argument("--images", type=int, default=4000, help="drawn images (default %(default)s)")
    parser.add_argument("--batch-size", type=int, default=128, help="global batch (default %(default)s)")
    parser.add_argument("--epochs", type=int, default=4, help="epochs a run, 2 or more (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each setting (default %(default)s)")
    parser.add_argument("--device", default="cpu", help="device of each process (default %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write the numbers there")
    given = parser.parse_args(argv)
    cores = processor()["cores"]
    if not 2 <= given.workers <= cores:
        raise InputError(f"--workers: must be from 2 to the {cores} cores of this machine, got {given.workers}")
    if given.epochs < 2:
        raise InputError(f"--epochs: must be 2 or more, got {given.epochs}; the first is not counted")
    rows = []
    print(f"{'arch':<16}{'1 process':>14}{f'{given.workers} workers':>14}{'ratio':>8}  images/s, {given.repeats} runs")
    for arch in given.arch.split(","):
        flags = [
            "--arch", arch, "--dataset", f"synthetic:{given.images}", "--batch-size", str(given.batch_size),
            "--epochs", str(given.epochs), "--device", given.device,
        ]  # fmt: skip
        rates: dict[int, list[float]] = {1: [], given.workers: []}
        for _ in range(given.repeats):
            for workers, found in rates.items():
                found.append(measure(workers, flags, cores))
        one, many = (stats.median(found) for found in rates.values())
        rows.append({"arch": arch, "one_process": rates[1], "workers": rates[given.workers], "ratio": many / one})
        print(f"{arch:<16}{one:>14.0f}{many:>14.0f}{many / one:>8.2f}", flush=True)
    if given.out:
        settings = {k: str(v) for k, v in vars(given).items() if k != "out"}
        told = {
            "machine": processor(),
            "settings": settings,
            "versions": versions(),
            "rows": rows,
        }
        files.write_text(given.out, json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    entry(main)
