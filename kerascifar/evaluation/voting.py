"""Soft and hard voting of several runs over their saved scores."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.core.finding import find_run
from kerascifar.core.registry import lookup
from kerascifar.core.shown import few
from kerascifar.evaluation import calibration
from kerascifar.evaluation.metrics import evaluate, mcnemar
from kerascifar.evaluation.scored_run import ScoredRun, read_scored_run


def soft(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean of the runs' probabilities.

    Args:
        scores: (runs, N, classes), rows that sum to 1.
        weights: (runs,), above 0; only their ratios count.

    Returns:
        Probabilities, float64 (N, classes).
    """
    return np.average(scores.astype(np.float64), axis=0, weights=weights)


def hard(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the shares of a vote in which each run votes for its largest score.

    A tie goes to the most confident run (study 002): of the runs that voted for one of the tied classes, the one with
    the largest score decides, the first of them if there are several.

    Args:
        scores: (runs, N, classes).
        weights: (runs,), above 0: how many votes each run has; only their ratios count.

    Returns:
        Shares, float64 (N, classes). The largest in a row is the winner: if it won a tie, its share is raised one
        float64 step above the others.
    """
    images = np.arange(scores.shape[1])
    chosen, confidence = scores.argmax(2), scores.max(2)
    shares = np.zeros(scores.shape[1:])
    for vote, weight in zip(chosen, weights / weights.sum(), strict=True):
        shares[images, vote] += weight
    most = shares.max(1)
    # 0.1 + 0.2 against 0.3 is a tie, whatever floating point says.
    ahead = shares[images, chosen] > most - 1e-9
    winner = chosen[np.where(ahead, confidence, -np.inf).argmax(0), images]
    lost = shares.argmax(1) != winner
    shares[images[lost], winner[lost]] = np.nextafter(most[lost], 2)
    return shares


VOTES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {"soft": soft, "hard": hard}


def combine(
    runs: Sequence[Path], vote: str, weights: Sequence[float] | None = None, temperature: bool = False
) -> dict[str, Any]:
    """Let finished runs vote on the test images on which all of them were scored.

    Args:
        runs: two or more run folders, or folders that hold exactly one finished run.
        vote: "soft" or "hard".
        weights: how much each run counts, above 0; None means all alike.
        temperature: soften each run's probabilities by a temperature fitted on its own validation scores.

    Returns:
        JSON types: vote; members, the runs, each with name, run, run_id, arch, accuracy, accuracy_interval and
        class_accuracy, None for a class without images; weights; temperatures, None where none were fitted; metrics,
        whose "test" is what metrics.evaluate returns; mcnemar, against the best run, "member" its index in members.

    Raises:
        InputError: the runs do not fit together, or cannot vote this way.
    """
    rule = lookup(VOTES, vote, "--vote")
    scored = [read_scored_run(find_run(run)) for run in runs]
    _check_together(scored)
    weights = _check_weights(weights, len(scored))
    for run in scored:
        _check_scores(run, vote, temperature)
    votes, temperatures = [run.test[1] for run in scored], None
    if temperature:
        temperatures = [calibration.temperature(run.validation[1], run.validation[0]) for run in scored]
        votes = [calibration.soften(scores, t) for scores, t in zip(votes, temperatures, strict=True)]
    labels = scored[0].test[0]
    scores = rule(np.stack(votes), np.array(weights))
    members = [_summary(run) for run in scored]
    best = max(range(len(members)), key=lambda i: members[i]["accuracy"])
    right, best_right = scores.argmax(1) == labels, scored[best].test[1].argmax(1) == labels
    return {
        "vote": vote,
        "members": members,
        "weights": weights,
        "temperatures": temperatures,
        "metrics": {"test": evaluate(labels, scores, scored[0].classes, probabilities=vote == "soft", top=False)},
        "mcnemar": {"member": best} | mcnemar(right, best_right),
    }


def _summary(run: ScoredRun) -> dict[str, Any]:
    test = evaluate(*run.test, run.classes, probabilities=False)
    return {
        "name": run.name,
        "run": run.folder.as_posix(),
        "run_id": run.result.run_id,
        "arch": run.result.config.get("arch"),
        "accuracy": test["accuracy"],
        "accuracy_interval": test["accuracy_interval"],
        "class_accuracy": [row["recall"] for row in test["per_class"]],
    }


def _check_weights(weights: Sequence[float] | None, count: int) -> list[float]:
    if weights is None:
        return [1.0] * count
    if len(weights) != count:
        raise InputError(f"--weights: expected one for each of the {count} runs, got {len(weights)}")
    if not all(math.isfinite(w) and w > 0 for w in weights):
        raise InputError(f"--weights: must be greater than 0, got {','.join(f'{w:g}' for w in weights)}")
    return [float(w) for w in weights]


def _check_together(scored: Sequence[ScoredRun]) -> None:
    """Refuse fewer than two runs, the same run twice, and runs with different classes or test images."""
    if len(scored) < 2:
        raise InputError(f"an ensemble needs two finished runs or more, got {len(scored)}")
    first, seen = scored[0], {}
    for run in scored:
        for twin in seen.setdefault(run.result.run_id, []):  # other data or first weights make another run of one id
            if twin.result.provenance.difference(run.result.provenance) is None:
                raise InputError(f"{twin.folder} and {run.folder} are the same run: one vote each")
        seen[run.result.run_id].append(run)
        if run.classes != first.classes:
            raise InputError(
                f"{run.folder} knows other classes than {first.folder}: {few(run.classes)}, not {few(first.classes)}"
            )
        if run.checksum != first.checksum or not np.array_equal(run.test[0], first.test[0]):
            raise InputError(
                f"{run.folder} was scored on other test images than {first.folder}: {_tested(run)}, not "
                f"{_tested(first)}"
            )


def _check_scores(run: ScoredRun, vote: str, temperature: bool) -> None:
    """Refuse vote shares where probabilities are needed, and --temperature without validation scores to fit it on."""
    if not run.probabilities and (vote == "soft" or temperature):
        flag = "--temperature" if temperature else "--vote soft"
        raise InputError(
            f"{run.name} has vote shares, not the probabilities that {flag} needs; use --vote hard"
            f"{' without it' if temperature else ''}"
        )
    if temperature and run.validation is None:
        raise InputError(f"{run.name} has no validation images to fit --temperature on")


def _tested(run: ScoredRun) -> str:
    dataset = run.result.dataset.get("name")
    return f"{len(run.test[0])} images of {dataset} with the SHA-256 {run.checksum[:12]}…"
