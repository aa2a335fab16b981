"""bench_training.py --precision: what each net gains from bfloat16 on this processor, and how PyTorch fares with it.

Sides are ours, PyTorch and torch.compile, each in float32 and in bfloat16, and ours in bfloat16 convolutions too. A
gain is the median over rounds of a precision's images/s over float32's in the same round; that of CPU time is less
disturbed by other work on the machine.
The ratio is ours to PyTorch's, each in the way that is the fastest of its own.
"""

import argparse
import contextlib
import importlib.util
import json
import statistics

from bench_turns import FEWEST, Side, earlier, opened, steps_of_a_turn, take_turns

from kerascifar import results
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.processor import flags, processor
from kerascifar.models import VARIANTS
from kerascifar.reporting.study_table import table
from kerascifar.training.precision import RULES

MORE_NETS = ("airbench94",)  # beside those of bench_training.py; PyTorch has no twin of it
OURS, THEIRS = "kerascifar", ("pytorch", "torch_compile")
# What a side is called in each precision; its own name is that in float32.
PRECISIONS = {"mixed_bfloat16": " bfloat16", "bfloat16_convolutions": " bfloat16 convolutions"}
BFLOAT16 = PRECISIONS["mixed_bfloat16"]
RATES = ("ours, images/s", "PyTorch's best")
HEAD = (
    "net", "dense", RATES[0], "gain in bfloat16", "of CPU time", "in convolutions alone", "of CPU time", RATES[1],
    "PyTorch's gains", "ratio",
)  # fmt: skip


def main(given: argparse.Namespace) -> None:
    """Measure the nets of bench_training.py's arguments, print a table, and write --out."""
    others = THEIRS if importlib.util.find_spec("torch") is not None else ()
    if not others:
        print("PyTorch is not installed here: our sides alone (pip install torch, the CPU build)")
    named = frozenset().union(*(rule.flags for rule in RULES))
    machine = processor() | {"threads": given.threads, "flags": sorted(flags() & named)}
    print(f"{machine['processor']}, {given.threads} threads, lists {', '.join(machine['flags']) or 'no bfloat16'}")
    rows = earlier(given.out) if given.out and given.out.exists() else {}
    for net in given.nets:
        rows[net] = measure(net, others, given) | {"machine": machine}
        print(table(HEAD, [line(net, rows[net])]).splitlines()[-1], flush=True)
        if given.out:  # net by net: all of them take an hour
            files.write_text(given.out, json.dumps({"nets": rows}, indent=1) + "\n")
    print(f"\n{table(HEAD, [line(net, row) for net, row in rows.items()])}")
    if given.out:
        print(f"wrote {given.out}")


def measure(net: str, others: tuple[str, ...], given: argparse.Namespace) -> dict:
    """Return figures of all sides of a net; a side of PyTorch's that fails is told with its reason."""
    options = {"batch_size": given.batch_size, "threads": given.threads}
    with opened(OURS, net, steps=FEWEST, **options) as first:
        first.read()
        steps = steps_of_a_turn(given.seconds * first.turn()["images_per_second"] / given.batch_size)
    versions: dict[str, str] = {}
    failed: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        sides: dict[str, Side] = {}
        for name in (OURS, *others):
            for precision, called in sides_of(name).items():
                side = stack.enter_context(opened(name, net, steps=steps, precision=precision, **options))
                try:
                    versions |= side.read()["versions"]
                    sides[called] = side
                except RuntimeError as error:
                    if name == OURS:
                        raise InputError(f"{called} cannot train {net}: {error}") from None
                    failed[called] = str(error)
        turns = take_turns(sides, given.rounds)
    rates = {name: [turn["images_per_second"] for turn in of] for name, of in turns.items()}
    cpu = {name: [turn["cpu_ms"] for turn in of] for name, of in turns.items()}
    return {
        "dense_share": VARIANTS[net].dense_share, "steps": steps, "rounds": given.rounds,
        "batch_size": given.batch_size, "images_per_second": medians(rates), "cpu_ms_an_image": medians(cpu),
        "gains": gains(rates), "gains_of_cpu_time": {name: 1 / gain for name, gain in gains(cpu).items()},
        "ratio": ratio(rates), "turns": turns, "failed": failed, "versions": versions, "revision": results.revision(),
    }  # fmt: skip


def sides_of(name: str) -> dict[str, str]:
    """Return what the side `name` is called in each precision that it has; PyTorch has autocast alone."""
    return {"float32": name} | {p: name + more for p, more in PRECISIONS.items() if name == OURS or more == BFLOAT16}


def medians(of: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(turns) for name, turns in of.items()}


def paired(a: list[float], b: list[float]) -> float:
    """Return the median of a / b, round by round."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def gains(turns: dict[str, list[float]]) -> dict[str, float]:
    """Return what each side has in another precision, over what it has in float32."""
    return {
        name + more: paired(turns[name + more], of)
        for name, of in turns.items()
        for more in PRECISIONS.values()
        if name + more in turns
    }


def best(rates: dict[str, list[float]], ours: bool) -> str | None:
    """Return the fastest side of ours, or of PyTorch's if there is one."""
    names = [name for name in rates if name.startswith(OURS) == ours]
    return max(names, key=lambda name: statistics.median(rates[name]), default=None)


def ratio(rates: dict[str, list[float]]) -> float | None:
    """Return our fastest way over PyTorch's fastest; None without PyTorch."""
    theirs = best(rates, False)
    return None if theirs is None else paired(rates[best(rates, True)], rates[theirs])


def line(net: str, row: dict) -> list[str]:
    """Return a net's cells under HEAD."""
    rates, share = row["images_per_second"], row["dense_share"]
    theirs = best({name: [rate] for name, rate in rates.items()}, False)
    told = "-" if theirs is None else f"{theirs} {rates[theirs]:,.0f}"

    def gain(of: str, name: str) -> str:
        return f"{row[of][name]:.2f}" if name in row[of] else "-"

    ours = [gain(of, OURS + more) for more in PRECISIONS.values() for of in ("gains", "gains_of_cpu_time")]
    torch = [gain("gains", name + BFLOAT16) for name in THEIRS if name + BFLOAT16 in row["gains"]]
    return [
        f"`{net}`", "-" if share is None else f"{share:.3f}", f"{rates[OURS]:,.0f}", *ours, told,
        " / ".join(torch) or "-", "-" if row["ratio"] is None else f"{row['ratio']:.2f}",
    ]  # fmt: skip
