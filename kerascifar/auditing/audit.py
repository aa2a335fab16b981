"""The audit as a whole: read, search, score, write."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar import results
from kerascifar.auditing import calibration, duplicates, held_out
from kerascifar.auditing.effects import effects_on
from kerascifar.auditing.findings import Oddity, Pair, write_labels, write_pairs
from kerascifar.auditing.oddities import find_oddities
from kerascifar.auditing.page import Heading, write_page
from kerascifar.auditing.suspects import SURE, LabelFindings, find_suspects
from kerascifar.config import RunConfig
from kerascifar.core import files
from kerascifar.core.audit_lists import DUPLICATES, NEAR, SIMILAR
from kerascifar.core.contracts import Whole
from kerascifar.core.errors import InputError
from kerascifar.core.processor import cores, processor
from kerascifar.core.progress import bar
from kerascifar.data.datasets import describe_classes, load_whole
from kerascifar.devices.jobs import threads_each

MOST_ALIKE = 0.2  # share of a split's images; 0.05 of CIFAR's test images bear a verdict
PAIRS, LABELS, SUMMARY, PAGE, WORK = "pairs.csv", "labels.csv", "audit.json", "audit.html", "work"


@dataclass(frozen=True)
class Request:
    """What is asked of an audit beside its data.

    Attributes:
        out: the folder that it is written to.
        folds: nets that score what they did not learn from; 0 for none.
        jobs: folds trained at once.
        runs: finished runs whose saved probabilities are taken where there are any.
        pictures: whether the page shows the images.
    """

    out: Path
    folds: int
    jobs: int
    runs: tuple[Path, ...]
    pictures: bool


def audit(config: RunConfig, request: Request) -> Iterator[str]:
    """Audit the data set that `config` names, write the four files, and yield what was found, line by line.

    Raises InputError: the data set or a run cannot be read; nothing is written then.
    """
    begun = time.monotonic()
    whole = load_whole(config)
    if request.folds > len(whole.splits["train"]):  # before hours of comparing
        raise InputError(f"--folds {request.folds}: there are {len(whole.splits['train']):,} training images")
    yield f"{describe_classes(whole.classes)}; " + ", ".join(f"{n} {len(s):,}" for n, s in whole.splits.items())
    checksums = {name: split.checksum for name, split in whole.splits.items()}
    scored = held_out.by_runs(whole, request.runs, config.data_dir)
    key = hashlib.sha256(json.dumps([duplicates.RECIPE, checksums]).encode()).hexdigest()[:12]
    work = request.out / WORK / key
    with files.only_writer(request.out, "--out"):
        went_on = work.exists()  # then its seconds are not those of the audit
        work.mkdir(parents=True, exist_ok=True)
        searched = time.monotonic()
        pairs = duplicates.find_pairs(whole, work, stage, config.threads)
        took = {"duplicates": time.monotonic() - searched}
        reliability = calibration.measure(whole, pairs, config.seed, stage, config.threads)
        if request.folds:
            each = replace(config, threads=config.threads or threads_each(request.jobs))
            threads = each.threads or cores()
            kept = work / f"folds-{request.folds}-seed-{config.seed}-threads-{threads}-{held_out.recipe()}"
            kept.mkdir(exist_ok=True)
            folds = held_out.by_folds(each, whole, request.folds, kept, request.jobs)
            scored = {name: np.where(np.isnan(scored[name]), values, scored[name]) for name, values in folds.items()}
        labels = find_suspects(whole, scored, pairs)
        oddities = find_oddities(whole)
        write_pairs(request.out / PAIRS, pairs)
        lists = [request.out / PAIRS]
        if request.folds or request.runs:  # an empty list would say that no label is suspect
            write_labels(request.out / LABELS, labels.suspects)
            lists.append(request.out / LABELS)
        else:  # one of an earlier audit would be read as a list of this one
            (request.out / LABELS).unlink(missing_ok=True)
        effects = effects_on(request.runs, whole, *lists)
        took["all, without the page"] = time.monotonic() - begun
        content = summary(config, request, whole, pairs, labels, oddities, {} if went_on else took) | {
            "reliability": reliability.to_dict(),
            "runs": effects,
        }
        files.write_text(request.out / SUMMARY, json.dumps(content, indent=1) + "\n")
        # Of data and lists: lists without a row are the same for all data sets.
        digest = hashlib.sha256(b"".join([key.encode(), *(path.read_bytes() for path in lists)])).hexdigest()
        facts = [("take care", alike)] if (alike := _alike(whole, pairs)) else []
        heading = Heading(digest[:16], config.dataset, [*facts, *reliability.facts(), *_facts(request, labels)])
        read, align = (_reader(whole), duplicates.aligner(whole)) if request.pictures else (None, None)
        # Near-duplicates first, and of these those across splits, which touch scores.
        ordered = sorted(pairs, key=lambda pair: (pair.verdict == SIMILAR, pair.a_split == pair.b_split, pair.score))
        suspects = sorted(labels.suspects, key=lambda one: (not one.suspect, one.margin))
        write_page(request.out / PAGE, heading, ordered, suspects, oddities, effects, read, align)
    yield from _lines(request.out, whole, pairs, labels, oddities, reliability)


def stage(title: str, total: int) -> Callable[[int], object]:
    """Return what counts the images, or the pairs that are aligned, of a stage."""
    return bar(total, title, "pair" if title.startswith("aligning") else "image").update


def summary(
    config: RunConfig,
    request: Request,
    whole: Whole,
    pairs: Sequence[Pair],
    labels: LabelFindings,
    oddities: Sequence[Oddity],
    took: Mapping[str, float],
) -> dict[str, Any]:
    """Return what audit.json says, as JSON types."""
    verdicts = Counter((f"{pair.a_split} and {pair.b_split}", pair.verdict) for pair in pairs)
    return {
        "dataset": config.dataset,
        "classes": list(whole.classes),
        "images": {name: len(split) for name, split in whole.splits.items()},
        "sha256": {name: split.checksum for name, split in whole.splits.items()},
        "thresholds": {
            "near_duplicate_up_to": {
                f"{a} and {b}": duplicates.near_up_to(len(whole.splits[a]) * len(whole.splits[b]))
                for a, b, _ in duplicates.comparisons(whole)
            },
            "near_duplicate_as_they_stand_up_to": {
                f"{a} and {b}": duplicates.near_up_to(len(whole.splits[a]) * len(whole.splits[b]) * duplicates.STANDING)
                for a, b, _ in duplicates.comparisons(whole)
                if a != b
            },
            "further_partner_up_to": duplicates.FURTHER_UP_TO,
            "similar_up_to": {
                f"{a} and {b}": duplicates.similar_up_to(len(whole.splits[a]) * len(whole.splits[b]))
                for a, b, _ in duplicates.comparisons(whole)
            },
            "suspect_margin": SURE,
        },
        "pairs": [
            {"splits": splits, "verdict": verdict, "pairs": count}
            for (splits, verdict), count in sorted(verdicts.items())
        ],
        "test_images_with_copies_in_training": len(
            {p.a_index for p in pairs if (p.a_split, p.b_split) == ("test", "train") and p.verdict in DUPLICATES}
        ),
        "suspect_labels": dict(Counter(one.split for one in labels.suspects if one.suspect)),
        "estimated_wrong_labels": {name: round(count, 1) for name, count in labels.estimated.items()},
        "confident_joint": {name: joint.tolist() for name, joint in labels.joint.items()},
        "folds": request.folds,
        "seed": config.seed,
        "scores_of": [f"{folder.parent.name}/{folder.name}" for folder in request.runs],
        "oddities": [asdict(oddity) for oddity in oddities],
        "seconds": {name: round(seconds, 1) for name, seconds in took.items()},
        "machine": processor(),
        "versions": results.versions(),
        "revision": results.revision(),
    }


def _reader(whole: Whole) -> Callable[[str, int], np.ndarray]:
    return lambda split, index: whole.splits[split].images[index]


def _facts(request: Request, labels: LabelFindings) -> list[tuple[str, str]]:
    by = [f"{request.folds} folds"] * bool(request.folds) + [f"{len(request.runs)} finished runs"] * bool(request.runs)
    if not by:
        return [("labels", "not looked at")]
    wrong = ", ".join(f"{name} {count:,.0f}" for name, count in labels.estimated.items())
    return [("labels scored by", " and ".join(by)), ("wrong labels by the confident joint", wrong)]


def _alike(whole: Whole, pairs: Sequence[Pair]) -> str:
    """Return a line where so many images bear a verdict that it tells little, as of drawn digits; else ""."""
    ends = [end for p in pairs if p.verdict == NEAR for end in ((p.a_split, p.a_index), (p.b_split, p.b_index))]
    for name, count in Counter(split for split, _ in set(ends)).items():
        if count > MOST_ALIKE * len(whole.splits[name]):
            return (
                f"{count:,} of {len(whole.splits[name]):,} {name} images resemble another so much that they would be "
                "near-duplicates: on pictures like these the verdict tells little, look before you leave any out"
            )
    return ""


def _lines(
    out: Path,
    whole: Whole,
    pairs: Sequence[Pair],
    labels: LabelFindings,
    oddities: Sequence[Oddity],
    reliability: calibration.Reliability,
) -> Iterator[str]:
    counts = Counter((pair.a_split, pair.b_split, pair.verdict) for pair in pairs)
    for (a, b, verdict), count in sorted(counts.items()):
        yield f"{count:,} pairs of {a} and {b}: {verdict}"
    if alike := _alike(whole, pairs):
        yield alike
    for name, wrong in labels.estimated.items():
        suspect = sum(one.suspect and one.split == name for one in labels.suspects)
        scored = f"{labels.scored[name]:,} {name} images"
        yield f"{suspect:,} suspect labels of {scored}; confident learning holds {wrong:,.0f} for wrong"
    if oddities:
        yield f"{len(oddities):,} odd pictures"
    for name, value in reliability.facts():
        yield f"{name}: {value}"
    yield f"look at {out / PAGE}; the lists lie beside it"
