"""Several models, one answer: soft and hard voting over saved scores. NumPy only."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup
from kerascifar.evaluation import calibration
from kerascifar.evaluation.metrics import evaluate, mcnemar
from kerascifar.evaluation.scored_run import Member, read_member
from kerascifar.results import find_run


def soft(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean of the members' probabilities.

    Args:
        scores: (members, N, classes), rows that sum to 1.
        weights: (members,), above 0; only their ratios count.

    Returns:
        Probabilities, float64 (N, classes).
    """
    return np.average(scores.astype(np.float64), axis=0, weights=weights)


def hard(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return shares of a vote in which each member votes for its largest score.

    A tie goes to the most confident model (study 002): of the members that voted for one of the tied classes, the one
    with the largest score decides, the first of them if there are several.

    Args:
        scores: (members, N, classes).
        weights: (members,), above 0: how many votes a member has; only their ratios count.

    Returns:
        Shares, float64 (N, classes). The largest of a row is the winner: where it won a tie, its share is raised by
        one float64 step above the others.
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


# How the members' scores become the ensemble's.
VOTES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {"soft": soft, "hard": hard}


def combine(
    runs: Sequence[Path], vote: str, weights: Sequence[float] | None = None, temperature: bool = False
) -> dict[str, Any]:
    """Let `runs` vote on the test images that they all were scored on.

    Args:
        runs: two or more run folders, or folders that hold exactly one finished run.
        vote: "soft" or "hard".
        weights: how much each run counts, above 0; all alike if None.
        temperature: soften each run's probabilities by a temperature fitted on its own validation scores.

    Returns:
        JSON types: vote; members, each with name, run, run_id, arch, accuracy, accuracy_interval and class_accuracy;
        weights; temperatures, None where none were fitted; metrics, whose "test" is as metrics.evaluate gives it;
        mcnemar, against the best member, with its place in members.

    Raises:
        InputError: the runs do not fit together, or cannot vote so.
    """
    rule = lookup(VOTES, vote, "--vote")
    members = [read_member(find_run(run)) for run in runs]
    check_members(members)
    weights = check_weights(weights, len(members))
    for member in members:
        check_scores(member, vote, temperature)
    temperatures = [calibration.temperature(m.validation[1], m.validation[0]) for m in members] if temperature else None
    votes = [
        calibration.soften(m.test[1], temperatures[i]) if temperatures else m.test[1] for i, m in enumerate(members)
    ]
    classes, labels = members[0].classes, members[0].test[0]
    scores = rule(np.stack(votes), np.array(weights))
    told = [_told(member) for member in members]
    best = max(range(len(told)), key=lambda i: told[i]["accuracy"])
    right, best_right = scores.argmax(1) == labels, members[best].test[1].argmax(1) == labels
    return {
        "vote": vote,
        "members": told,
        "weights": weights,
        "temperatures": temperatures,
        "metrics": {"test": evaluate(labels, scores, classes, probabilities=vote == "soft")},
        "mcnemar": {"member": best} | mcnemar(right, best_right),
    }


def check_weights(weights: Sequence[float] | None, count: int) -> list[float]:
    """Return a weight for each of `count` runs.

    Raises:
        InputError: another number of weights, or one that is not above 0.
    """
    if weights is None:
        return [1.0] * count
    if len(weights) != count:
        raise InputError(f"--weights: expected one for each of the {count} runs, got {len(weights)}")
    if not all(math.isfinite(w) and w > 0 for w in weights):
        raise InputError(f"--weights: must be greater than 0, got {','.join(f'{w:g}' for w in weights)}")
    return [float(w) for w in weights]


def _told(member: Member) -> dict[str, Any]:
    """Return what is told of a member, its accuracy counted from the scores that vote."""
    test = evaluate(*member.test, member.classes, probabilities=False)
    return {
        "name": member.name,
        "run": member.folder.as_posix(),
        "run_id": member.result.run_id,
        "arch": member.result.config.get("arch"),
        "accuracy": test["accuracy"],
        "accuracy_interval": test["accuracy_interval"],
        "class_accuracy": [row["recall"] for row in test["per_class"]],
    }


def check_members(members: Sequence[Member]) -> None:
    """Refuse runs that cannot vote together.

    Raises:
        InputError: fewer than two, the same one twice, other classes or other test images.
    """
    if len(members) < 2:
        raise InputError(f"an ensemble needs two finished runs or more, got {len(members)}")
    first, seen = members[0], {}
    for member in members:
        if member.result.run_id in seen:
            raise InputError(f"{seen[member.result.run_id]} and {member.folder} are the same run: one vote each")
        seen[member.result.run_id] = member.folder
        if member.classes != first.classes:
            raise InputError(
                f"{member.name} knows other classes than {first.name}: {_short(member.classes)}, not "
                f"{_short(first.classes)}"
            )
        if member.checksum != first.checksum or not np.array_equal(member.test[0], first.test[0]):
            raise InputError(
                f"{member.name} was scored on other test images than {first.name}: their SHA-256 differs "
                f"({len(member.test[0])} and {len(first.test[0])} images)"
            )


def check_scores(member: Member, vote: str, temperature: bool) -> None:
    """Refuse a run whose scores do not serve.

    Raises:
        InputError: shares where probabilities are needed, or no validation scores to fit a temperature on.
    """
    if not member.probabilities and (vote == "soft" or temperature):
        wanted = "--temperature" if temperature else "--vote soft"
        raise InputError(f"{member.name} has shares of a vote, no probabilities, which {wanted} needs; use --vote hard")
    if temperature and member.validation is None:
        raise InputError(f"{member.name} has no validation images, on which --temperature would be fitted")


def _short(classes: Sequence[str]) -> str:
    return ", ".join(classes[:3]) + (", …" if len(classes) > 3 else "")
