"""Time the exact nearest neighbours against scikit-learn, faiss, SciPy and scikit-image, on the same images.

Images are CIFAR-10's where KERASCIFAR_DATA is set, else noise. The sides of a work take turns in one process, the
order reversed every other round; medians are compared. What would take hours is timed on a slice of the queries (or,
for scikit-image, on single pairs) and scaled to all queries. faiss is left out where it is not installed.

    python tools/bench_baselines.py --out baselines.json       everything, 50,000 x 10,000 (about 10 minutes on 2 cores)
    python tools/bench_baselines.py --works ssim --train 5000 --queries 500 --rounds 1
"""

import os
import statistics as stats
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import json

import numpy as np

from kerascifar import results
from kerascifar.baselines.neighbors import KNeighbors
from kerascifar.cli import Parser, entry
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.processor import processor

NEAREST = 1  # neighbours searched
FEW = 100  # queries that stand for all, for the slow sides and for comparing answers
PAIRS = 200  # pairs that scikit-image is timed on


@dataclass(frozen=True)
class Side:
    """One contender: what finds the nearest of `queries` images, and how many queries it is timed on."""

    search: Callable[[], np.ndarray]
    queries: int


@dataclass(frozen=True)
class Goal:
    """How many times as fast as `against` (all others if None) we mean to be, and minutes for 50,000 x 10,000."""

    times: float
    minutes: float | None = None


GOALS = {"euclidean": Goal(1), "l1": Goal(10), "ssim": Goal(300, minutes=25)}


def euclidean(train: np.ndarray, queries: np.ndarray) -> dict[str, Side]:
    """Float32 rows, as the other libraries want them."""
    from sklearn.neighbors import KNeighborsClassifier

    x, q = (a.reshape(len(a), -1).astype(np.float32) / 255 for a in (train, queries))
    labels = np.arange(len(x)) % 10
    ours = KNeighbors(NEAREST).fit(x, labels)
    theirs = KNeighborsClassifier(NEAREST, algorithm="brute").fit(x, labels)
    sides = {
        "kerascifar": Side(lambda: ours.kneighbors(q)[1], len(q)),
        "scikit-learn": Side(lambda: theirs.kneighbors(q)[1], len(q)),
    }
    try:
        import faiss
    except ImportError:
        return sides
    index = faiss.IndexFlatL2(x.shape[1])
    index.add(x)
    return sides | {"faiss": Side(lambda: index.search(q, NEAREST)[1], len(q))}


def l1(train: np.ndarray, queries: np.ndarray) -> dict[str, Side]:
    """Bytes for us; scikit-learn gets the same numbers as float32, SciPy makes float64 of them."""
    from scipy.spatial.distance import cdist
    from sklearn.neighbors import KNeighborsClassifier

    x, q = (a.reshape(len(a), -1) for a in (train, queries))
    few, labels = q[:FEW], np.arange(len(x)) % 10
    ours = KNeighbors(NEAREST, distance="l1").fit(x, labels)
    theirs = KNeighborsClassifier(NEAREST, algorithm="brute", metric="manhattan").fit(x.astype(np.float32), labels)
    return {
        "kerascifar": Side(lambda: ours.kneighbors(q)[1], len(q)),
        "scikit-learn": Side(lambda: theirs.kneighbors(few.astype(np.float32))[1], len(few)),
        "SciPy": Side(lambda: cdist(few, x, "cityblock").argmin(1)[:, None], len(few)),
    }


def ssim(train: np.ndarray, queries: np.ndarray) -> dict[str, Side]:
    """scikit-image compares pair by pair: a share of one query's pairs stands for all."""
    from skimage.metrics import structural_similarity

    queries = queries[: 10 * FEW]
    ours = KNeighbors(NEAREST, distance="ssim").fit(train, np.arange(len(train)) % 10)

    def pair_by_pair() -> np.ndarray:
        query, span = queries[0], int(queries[0].max()) - int(queries[0].min())
        found = [structural_similarity(query, y, channel_axis=-1, data_range=span) for y in train[:PAIRS]]
        return np.array([[np.argmax(found)]])

    return {
        "kerascifar": Side(lambda: ours.kneighbors(queries)[1], len(queries)),
        "scikit-image": Side(pair_by_pair, 0),
    }


WORKS = {"euclidean": euclidean, "l1": l1, "ssim": ssim}


def measure(work: str, train: np.ndarray, queries: np.ndarray, rounds: int) -> dict:
    """Time every side of `work`, in turns; return seconds for all queries, ratios and whether the answers agree."""
    sides = WORKS[work](train, queries)
    answers = {name: side.search() for name, side in sides.items()} if work != "ssim" else {}
    if work == "ssim":
        KNeighbors(NEAREST, distance="ssim").fit(train[:64], np.arange(64) % 10).predict(queries[:8])  # compiles
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds):
        for name in list(sides)[:: 1 if turn % 2 == 0 else -1]:
            start = time.perf_counter()
            sides[name].search()
            seconds[name].append(time.perf_counter() - start)
    pairs = {name: (side.queries * len(train)) or min(PAIRS, len(train)) for name, side in sides.items()}
    rates = {name: pairs[name] / stats.median(times) for name, times in seconds.items()}
    few = min(FEW, len(queries))
    return {
        "work": work,
        "training_images": len(train),
        "queries": len(queries),
        "seconds": seconds,
        "pairs_timed": pairs,
        "pairs_per_second": rates,
        "seconds_for_all": {name: len(train) * len(queries) / rate for name, rate in rates.items()},
        "times_as_fast_as": {name: rates["kerascifar"] / rate for name, rate in rates.items() if name != "kerascifar"},
        "same_answers": {
            name: float((answers["kerascifar"][:few] == answer[:few]).mean())
            for name, answer in answers.items()
            if name != "kerascifar"
        },
        "goal_met": met(work, rates),
    }


def met(work: str, rates: dict[str, float]) -> bool:
    goal = GOALS[work]
    others = max(rate for name, rate in rates.items() if name != "kerascifar")
    in_time = goal.minutes is None or 50_000 * 10_000 / rates["kerascifar"] <= goal.minutes * 60
    return rates["kerascifar"] >= goal.times * others and in_time


def images(train: int, queries: int) -> tuple[np.ndarray, np.ndarray, str]:
    if os.environ.get("KERASCIFAR_DATA"):
        from kerascifar.configure import configure
        from kerascifar.data.datasets import load

        data = load(configure(arch="knn", train_limit=train, test_limit=queries))
        return data.train.images, data.test.images, "cifar10"
    rng = np.random.default_rng(0)
    return *(rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8) for n in (train, queries)), "noise"


def table(rows: list[dict]) -> str:
    lines = ["| work | side | pairs/s | seconds for all | we are faster by |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        for name, rate in row["pairs_per_second"].items():
            ratio = row["times_as_fast_as"].get(name)
            scaled = "" if row["pairs_timed"][name] == row["training_images"] * row["queries"] else " (scaled)"
            lines.append(
                f"| {row['work']} | {name} | {rate:,.0f} | {row['seconds_for_all'][name]:,.1f}{scaled} | "
                f"{f'{ratio:.2f} x' if ratio else ''} |"
            )
    return "\n".join(lines)


def versions() -> dict[str, str]:
    found = {}
    for name in ("numpy", "numba", "scikit-learn", "scikit-image", "scipy", "faiss-cpu"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def main(arguments: list[str]) -> None:
    parser = Parser(prog="python tools/bench_baselines.py", description=__doc__)
    parser.add_argument("--works", nargs="+", metavar="WORK", default=list(WORKS), help="euclidean l1 ssim (all)")
    parser.add_argument("--train", type=int, default=50_000, help="training images (50000)")
    parser.add_argument("--queries", type=int, default=10_000, help="queries (10000); for ssim 1,000 of them at most")
    parser.add_argument("--rounds", type=int, default=3, help="timed turns a side (3)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write all figures there too")
    given = parser.parse_args(arguments)
    unknown = [work for work in given.works if work not in WORKS]
    if unknown:
        raise InputError(f"--works: unknown {unknown[0]!r}; choose from {', '.join(WORKS)}")
    if min(given.train, given.queries) < PAIRS or given.rounds < 1:
        raise InputError(f"--train and --queries must be at least {PAIRS}, --rounds at least 1")
    train, queries, name = images(given.train, given.queries)
    before, rows = os.getloadavg()[0], []
    for work in given.works:
        rows.append(measure(work, train, queries, given.rounds))
        print(json.dumps(rows[-1]), flush=True)
    report = {
        "images": name,
        "machine": processor(),
        "load": [before, os.getloadavg()[0]],
        "versions": versions(),
        "revision": results.revision(),
        "works": rows,
    }
    if given.out is not None:
        files.write_text(given.out, json.dumps(report, indent=1) + "\n")
    print(table(rows))
    for row in rows:
        goal = GOALS[row["work"]]
        within = f" and 50,000 x 10,000 within {goal.minutes:g} minutes" if goal.minutes else ""
        print(
            f"{row['work']}: at least {goal.times:g} x the fastest other{within}: {'yes' if row['goal_met'] else 'no'}"
        )


if __name__ == "__main__":
    entry(main)
