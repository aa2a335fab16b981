"""Images/s of whole training steps, ours against the same nets in PyTorch, eager and compiled.

    python tools/bench_training.py --out training.json
    python tools/bench_training.py --nets lenet modified_net --rounds 9 --seconds 5

Needs PyTorch, which no lock file holds (pip install torch, the CPU build). Each side of a net is a process of its own
that stays alive; the sides take turns, one computes at a time, and each round begins with another one. A turn is the
same number of steps for all, about --seconds of eager PyTorch. A ratio is the median over rounds of ours / theirs
within the round; "ratio" is the lower of the two, against the better of PyTorch's. Batches of 32x32x3, SGD with
momentum, cross-entropy. bench_training_sides.py says what each side does in a step. Ratios hold for one machine.
"""

import argparse
import contextlib
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kerascifar import results
from kerascifar.cli import Parser, entry
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.processor import processor
from kerascifar.core.registry import lookup
from kerascifar.models import VARIANTS

NETS = ("lenet", "modified_net", "custom_cnn", "mobilenet_mod", "mobilenet_v2", "resnet18", "se_resnet", "vgg16_bn")
OURS, THEIRS = "kerascifar", ("pytorch", "torch_compile")
FEWEST, MOST = 3, 352  # steps of a turn: below 3 the pipeline's start weighs; CIFAR-10's epoch has 352 by default
GOAL_MEAN, GOAL, GOAL_SMALL, SMALL = 1.35, 1.0, 1.2, 1_000_000  # our goals; the third for few parameters or depthwise


def main(argv):
    parser = Parser(prog="python tools/bench_training.py", description=__doc__)
    parser.add_argument("--nets", nargs="+", metavar="NET", default=list(NETS), help=f"({' '.join(NETS)})")
    parser.add_argument("--rounds", type=int, default=7, help="(7)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a turn, as eager PyTorch goes (3)")
    parser.add_argument("--batch-size", type=int, default=128, help="(128)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each side (all cores)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write all figures there; other nets' rows stay")
    given = parser.parse_args(argv)
    if min(given.rounds, given.batch_size, given.threads) < 1 or given.seconds <= 0:
        raise InputError("--rounds, --seconds, --batch-size and --threads must be greater than 0")
    for net in given.nets:
        lookup(VARIANTS, net, "--nets")
    if importlib.util.find_spec("torch") is None:
        raise InputError("PyTorch is not installed, and this compares with it: pip install torch (the CPU build)")
    rows = earlier(given.out) if given.out and given.out.exists() else {}
    for net in given.nets:
        rows[net] = measure(net, given)
        print(table({net: rows[net]}).splitlines()[-1], flush=True)
    mean = math.exp(statistics.fmean(math.log(row["ratio"]) for row in rows.values()))
    print(f"\n{table(rows)}\n\ngeometric mean {mean:.2f} (goal {GOAL_MEAN})")
    if given.out:
        files.write_text(given.out, json.dumps({"nets": rows, "geometric_mean": mean}, indent=1) + "\n")
        print(f"wrote {given.out}")


def earlier(path: Path) -> dict[str, dict]:
    """Return the rows of an earlier call, of which those of other nets stay."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))["nets"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"--out {path} exists and is no result of this program: {error}") from None


class Side:
    """A process of bench_training_sides.py.

    Raises:
        RuntimeError: it ended with an error, whose last line is told.
    """

    def __init__(self, side: str, net: str, steps: int, given: argparse.Namespace):
        options = json.dumps({"batch_size": given.batch_size, "steps": steps, "threads": given.threads})
        script = Path(__file__).with_name("bench_training_sides.py")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen([sys.executable, str(script), side, net, options], text=True, **pipes)

    def read(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            error = self.process.stderr.read().strip().splitlines()
            raise RuntimeError(error[-1] if error else "ended without a word")
        return json.loads(line)

    def turn(self) -> float:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.read()["images_per_second"]

    def end(self) -> float:
        """Return its peak memory in MiB."""
        self.process.stdin.close()
        return self.read()["peak_memory_mib"]


@contextlib.contextmanager
def opened(side: str, net: str, steps: int, given: argparse.Namespace) -> Iterator[Side]:
    process = Side(side, net, steps, given)
    try:
        yield process
    finally:
        with process.process:  # closes what is open of its pipes, and waits
            process.process.kill()


def measure(net: str, given: argparse.Namespace) -> dict:
    """Return figures of all sides of a net; a side that fails, as torch.compile may, is told with its reason."""
    versions: dict[str, str] = {}
    with opened(THEIRS[0], net, FEWEST, given) as eager:
        eager.read()
        eager.turn()
        steps = min(max(round(given.seconds * eager.turn() / given.batch_size), FEWEST), MOST)
    # As the 352 steps, no prime: kerascifar.training.building.steps_per_call then has a choice.
    steps -= steps % 32 if steps >= 32 else steps % 4 if steps >= 4 else 0
    with contextlib.ExitStack() as stack:
        sides, failed = {}, {}
        for name in (OURS, *THEIRS):  # one after the other, so that each warms up alone
            sides[name] = stack.enter_context(opened(name, net, steps, given))
            try:
                versions |= sides[name].read()["versions"]
            except RuntimeError as error:
                if name != "torch_compile":
                    raise InputError(f"{name} cannot train {net}: {error}") from None
                failed[name] = str(error)
                del sides[name]
        names = list(sides)
        rates: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(given.rounds):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                rates[name].append(sides[name].turn())
        memory = {name: side.end() for name, side in sides.items()}
    ratios = {
        name: statistics.median(a / b for a, b in zip(rates[OURS], rates[name], strict=True)) for name in names[1:]
    }
    return {
        "steps": steps, "images_per_second": {name: statistics.median(of) for name, of in rates.items()},
        "turns": rates, "peak_memory_mib": memory, "ratios": ratios, "ratio": min(ratios.values()), "failed": failed,
        "goal": goal(net), "rounds": given.rounds, "batch_size": given.batch_size, "versions": versions,
        "machine": processor() | {"threads": given.threads}, "revision": results.revision(),
    }  # fmt: skip


def goal(net: str) -> float:
    depthwise = net.startswith("mobilenet") or net == "depthwise_net"
    return GOAL_SMALL if depthwise or VARIANTS[net].params < SMALL else GOAL


def table(nets: dict[str, dict]) -> str:
    """Return Markdown: images/s and peak memory of each side, and the ratio to the better of PyTorch's."""
    sides = (OURS, *THEIRS)
    lines = [
        f"| net | {' | '.join(f'{side}, images/s' for side in sides)} | ratio | goal | peak memory, MiB |",
        f"| --- |{' ---: |' * (len(sides) + 3)}",
    ]
    for net, row in nets.items():
        cells = [f"{row['images_per_second'][s]:,.0f}" if s in row["ratios"] or s == OURS else "fails" for s in sides]
        memory = " / ".join(f"{row['peak_memory_mib'][s]:,.0f}" for s in sides if s in row["peak_memory_mib"])
        lines.append(f"| {net} | {' | '.join(cells)} | {row['ratio']:.2f} | {row['goal']:.1f} | {memory} |")
    return "\n".join(lines)


if __name__ == "__main__":
    entry(main)
