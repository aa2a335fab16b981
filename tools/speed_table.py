"""The table of speeds in docs/speed.md, from the files that the benchmarks wrote into tools/measured/."""

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bench_precision

from kerascifar.reporting.study_table import table

HEAD = ("work", "against", "times as fast")
INTRODUCTION = """\
How many times as fast as others, on the same two cores in one run, the sides in turn, medians of several turns.
`tools/bench_*.py` measured it; every turn, the machine and the versions stand in
[tools/measured](../tools/measured)."""
NEIGHBOURS = {
    "euclidean": "nearest neighbours, Euclidean, exact, all of CIFAR-10",
    "l1": "the same, L1",
    "ssim": "the same, SSIM",
}


def text(folder: Path) -> str:
    """Return the section's Markdown, from the measurements that lie in `folder`."""
    lines = [line for file, make in FILES.items() if (folder / file).exists() for line in make(read(folder / file))]
    precise = [f"\n\n{precision(path.name, read(path))}" for path in sorted(folder.glob("precision*.json"))]
    return f"{INTRODUCTION}\n\n{table(HEAD, lines)}{''.join(precise)}"


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def training(told: dict[str, Any]) -> Iterator[list[str]]:
    """A line for each net of bench_training.py, and their geometric mean."""
    for net, row in told["nets"].items():
        sides = ", ".join(f"{SIDES[side]} {ratio:.2f}" for side, ratio in row["ratios"].items())
        yield [f"training `{net}`, float32", f"PyTorch: {sides}", f"{row['ratio']:.2f}"]
    mean = "training in float32, geometric mean of these nets"
    yield [mean, "the better of PyTorch's", f"{told['geometric_mean']:.2f}"]


def neighbours(told: dict[str, Any]) -> Iterator[list[str]]:
    """A line for each distance of bench_baselines.py; the lowest ratio counts."""
    for work in told["works"]:
        ratios = work["times_as_fast_as"]
        against = ", ".join(f"{side} {ratio:,.1f}" for side, ratio in ratios.items())
        yield [NEIGHBOURS[work["work"]], against, f"{min(ratios.values()):,.1f}"]


def scratch(told: dict[str, Any]) -> Iterator[list[str]]:
    """A line for each net of bench_scratch.py."""
    for row in told["settings"]:
        net = f"a step of the NumPy net with filters {row['filters']}, batch {row['batch']:,}"
        keras = f"the study's loops; Keras itself is {row['scratch_over_keras']:.1f} times as fast as ours"
        yield [net, keras, f"{row['loop_over_scratch']:,.0f}"]


def speedrun(told: dict[str, Any]) -> Iterator[list[str]]:
    """A line for each net of bench_speedrun.py, beside resnet18."""
    resnet18 = told["nets"]["resnet18"]
    for net, row in told["nets"].items():
        if row is not resnet18:
            share = f"at {row['share_of_peak']:.0%} of a large matrix product's speed"
            ratio = resnet18["seconds_an_epoch"] / row["seconds_an_epoch"]
            yield [
                f"an epoch of `{net}`, {row['precision']}, {share}",
                f"an epoch of `resnet18`, {resnet18['precision']}",
                f"{ratio:.1f}",
            ]


def precision(name: str, told: dict[str, Any]) -> str:
    """Return the table of one processor, as bench_training.py --precision prints it."""
    rows = told["nets"]
    processors = " and ".join(dict.fromkeys(row["machine"]["processor"] for row in rows.values()))
    listed = " and ".join(dict.fromkeys(", ".join(row["machine"]["flags"]) or "nothing" for row in rows.values()))
    head = f"""\
### bfloat16 on {processors}

This processor lists {listed}. *Dense* is the share of the multiply-adds in convolutions that are not depthwise; a
*gain* is images/s in `mixed_bfloat16` over those in float32 of the same round, and the same of CPU time; *in
convolutions alone* is `bfloat16_convolutions`; the *ratio* is ours to PyTorch's, each in its fastest way.
`python tools/bench_training.py --precision --out tools/measured/{name}` measured it, and `--precision auto` goes by
it."""
    # Without images/s, which mean little on a machine that does other work beside.
    kept = [place for place, title in enumerate(bench_precision.HEAD) if title not in bench_precision.RATES]
    lines = [bench_precision.HEAD, *(bench_precision.line(net, row) for net, row in rows.items())]
    first, *others = [[cells[place] for place in kept] for cells in lines]
    ratios = [row["ratio"] for row in rows.values() if row["ratio"] is not None]
    mean = f"\n\nThe ratios' geometric mean is {statistics.geometric_mean(ratios):.2f}." if ratios else ""
    return f"{head}\n\n{table(first, others)}{mean}"


SIDES = {"pytorch": "eager", "torch_compile": "torch.compile"}
FILES = {"training.json": training, "baselines.json": neighbours, "scratch.json": scratch, "speedrun.json": speedrun}
