"""Images/s of whole training steps, ours against the same nets in PyTorch, eager and compiled.

    python tools/bench_training.py --out training.json
    python tools/bench_training.py --nets lenet modified_net --rounds 9 --seconds 5

Needs PyTorch, which no lock file holds (pip install torch, the CPU build). Each side of a net is a process of its own
that stays alive; the sides take turns, one computes at a time, and each round begins with another one. A turn is the
same number of steps for all, about --seconds of eager PyTorch. A ratio is the median over rounds of ours / theirs
within the round; "ratio" is the lower of the two, against the better of PyTorch's. Batches of 32x32x3, SGD with
momentum, cross-entropy. bench_training_sides.py says what each side does in a step. Ratios hold for one machine.

    python tools/bench_training.py --precision --out tools/measured/precision.json

compares float32 with bfloat16 (mixed_bfloat16, torch.autocast), on all sides, or without PyTorch on ours alone; it says
what a processor and a net gain from bfloat16, from which the rule of --precision auto is taken (bench_precision.py).
"""

import argparse
import contextlib
import importlib.util
import json
import math
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import bench_precision
from bench_turns import FEWEST, earlier, opened, steps_of_a_turn, take_turns

from kerascifar import results
from kerascifar.cli import Parser, entry
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.processor import processor
from kerascifar.core.registry import lookup
from kerascifar.models import VARIANTS

NETS = ("lenet", "modified_net", "custom_cnn", "mobilenet_mod", "mobilenet_v2", "resnet18", "se_resnet", "vgg16_bn")
OURS, THEIRS = "kerascifar", ("pytorch", "torch_compile")
GOAL_MEAN, GOAL, GOAL_SMALL, SMALL = 1.35, 1.0, 1.2, 1_000_000  # our goals; the third for few parameters or depthwise


def main(argv):
    parser = Parser(prog="python tools/bench_training.py", description=__doc__)
    parser.add_argument("--nets", nargs="+", metavar="NET", help=f"({' '.join(NETS)})")
    parser.add_argument("--precision", action="store_true", help="float32 against bfloat16; also of airbench94")
    parser.add_argument("--rounds", type=int, default=7, help="(7)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a turn, as eager PyTorch goes (3)")
    parser.add_argument("--batch-size", type=int, default=128, help="(128)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each side (all cores)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write all figures there; other nets' rows stay")
    given = parser.parse_args(argv)
    if min(given.rounds, given.batch_size, given.threads) < 1 or given.seconds <= 0:
        raise InputError("--rounds, --seconds, --batch-size and --threads must be greater than 0")
    given.nets = given.nets or [*NETS, *(bench_precision.MORE_NETS if given.precision else ())]
    for net in given.nets:
        lookup(VARIANTS, net, "--nets")
    if given.precision:
        bench_precision.main(given)
        return
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


def measure(net: str, given: argparse.Namespace) -> dict:
    """Return figures of all sides of a net; a side that fails, as torch.compile may, is told with its reason."""
    versions: dict[str, str] = {}
    options = {"batch_size": given.batch_size, "threads": given.threads}
    with opened(THEIRS[0], net, steps=FEWEST, **options) as eager:
        eager.read()
        eager.turn()
        steps = steps_of_a_turn(given.seconds * eager.turn()["images_per_second"] / given.batch_size)
    with contextlib.ExitStack() as stack:
        sides, failed = {}, {}
        for name in (OURS, *THEIRS):  # one after the other, so that each warms up alone
            sides[name] = stack.enter_context(opened(name, net, steps=steps, **options))
            try:
                versions |= sides[name].read()["versions"]
            except RuntimeError as error:
                if name != "torch_compile":
                    raise InputError(f"{name} cannot train {net}: {error}") from None
                failed[name] = str(error)
                del sides[name]
        turns = take_turns(sides, given.rounds)
        memory = {name: side.end() for name, side in sides.items()}
    rates = {name: [turn["images_per_second"] for turn in of] for name, of in turns.items()}
    ratios = {
        name: statistics.median(a / b for a, b in zip(rates[OURS], of, strict=True))
        for name, of in rates.items()
        if name != OURS
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
