"""The same training under several seeds: run one after another, their mean and spread."""

import dataclasses
import statistics
from collections.abc import Callable, Sequence

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.core.fields import check_seeds
from kerascifar.devices.placement import forget_nets
from kerascifar.results import Result
from kerascifar.run import run


def of_seeds(config: RunConfig, seeds: int) -> list[RunConfig]:
    """Return `config` under `seeds` seeds, its own first. Raises InputError: too many, or several workers train."""
    check_seeds(seeds)
    if seeds > 1 and config.strategy == "multiworker":
        raise InputError("--seeds is for trainings on one machine: give --strategy multiworker one --seed at a time")
    return [dataclasses.replace(config, seed=config.seed + number) for number in range(seeds)]


def run_all(configs: Sequence[RunConfig], told: Callable[[RunConfig, Result], None]) -> list[Result]:
    """Run each of `configs`, and call `told` with each result; killed, the same call goes on where it was."""
    results = []
    for config in configs:
        if len(configs) > 1:
            print(f"seed {config.seed}", flush=True)
        results.append(run(config))
        told(config, results[-1])
        forget_nets()
    return results


def mean_and_spread(results: Sequence[Result]) -> list[str]:
    """Return a line on each split that was scored: mean and sample standard deviation of the accuracies, at least 2."""
    lines = []
    for split in ("validation", "test"):
        accuracies = [result.metrics[split]["accuracy"] for result in results if result.metrics[split]]
        if len(accuracies) > 1:
            mean, spread = statistics.fmean(accuracies), statistics.stdev(accuracies)
            lines.append(
                f"mean {split} accuracy {mean:.4f} ± {spread:.4f} (standard deviation of {len(accuracies)} seeds, "
                f"{min(accuracies):.4f} to {max(accuracies):.4f})"
            )
    return lines
