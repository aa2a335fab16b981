"""run(config) -> Result: load, fit, score, evaluate, write. The whole story on one screen."""

import dataclasses
import shutil
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from kerascifar import results
from kerascifar.architectures import ARCHITECTURES, engine
from kerascifar.config import RunConfig
from kerascifar.configure import check, check_keys
from kerascifar.core import exclusion, files, plugged
from kerascifar.core.contracts import Dataset, Fitted, Score
from kerascifar.core.errors import InputError
from kerascifar.core.origin import weights_checksum
from kerascifar.core.processor import processor
from kerascifar.core.provenance import PARENT, Provenance
from kerascifar.data.datasets import PUBLISHED_OVERLAP, contents_are_fixed, describe_classes, load
from kerascifar.data.exclusion import describe_exclusion, hold
from kerascifar.devices import placement
from kerascifar.devices.cluster import Cluster, watched
from kerascifar.devices.distribution import cluster_of, copy_from_chief
from kerascifar.evaluation.metrics import evaluate
from kerascifar.plots import tensorboard
from kerascifar.results import Result
from kerascifar.training import precision, recovery, sharing
from kerascifar.training.preparation import faults

SCORED = ("validation", "test")


def run(config: RunConfig, validation_only: bool = False, jobs: int = 1) -> Result:
    """Run `config` to its end and return its result; a finished run is read, an unfinished one goes on.

    The test images are scored here, once, after all training. Validation selects; nothing else looks at the test
    set. With ``again`` it is trained anew: a result stays until the new one replaces it, a checkpoint is set aside.

    With `validation_only`, as in a trial of a search, the test images are dropped as soon as the data is read, no
    model is kept, and the numbers go to validation.json: the folder does not become that of a finished run.

    `jobs` is how many processes of the same command share the machine: a note without which seconds mean little.

    Raises:
        InputError: the config, the data or the run folder cannot be used; nothing is left half-written.
    """
    begun = time.monotonic()
    check(config)
    config = hold(config)
    placement.check_place(config)
    folder, cluster = config.folder, cluster_of(config)
    if chosen := precision.describe(config, ARCHITECTURES[config.arch]):
        print(chosen, flush=True)
    outcome = results.VALIDATED if validation_only else results.FINISHED
    if (folder / outcome).exists() and not config.again:
        return _read_back(config, outcome)
    if (
        parent := results.first_weights(config.init_weights)
    ) is not None and not parent.is_file():  # before any data is read
        raise InputError(f"--init-weights: there is no file or run folder {config.init_weights}")
    data = load(config)
    if not validation_only and not contents_are_fixed(config, data.notes):
        print(describe_classes(data.classes), flush=True)
    if not validation_only and (line := describe_exclusion(data.notes)):
        print(line, flush=True)
    if validation_only:
        data = dataclasses.replace(data, test=None)
        if data.validation is None:
            raise InputError("nothing to select by: a search needs validation images, so --validation above 0")
    if cluster is not None and validation_only:
        raise InputError("--strategy multiworker is for trainings; a search divides its trials over workers of its own")
    data = _noted_overlap(config, data)
    with watched(cluster):
        if cluster is not None and cluster.follows:
            return _follow(config, data, cluster)
        with files.only_writer(folder):
            result = _fit(config, data, validation_only, begun, jobs)
            copy_from_chief(config, folder / results.FINISHED)  # the others end when all is written
    return result


def _read_back(config: RunConfig, outcome: str) -> Result:
    """Return the result of the finished run; refuse one of other data or first weights, which no run id tells."""
    result = results.read_result(config.folder, outcome)
    check_provenance(config, result, config.folder, "choose another --name or --runs for this, or --again trains anew")
    when = datetime.fromtimestamp((config.folder / outcome).stat().st_mtime).strftime("%Y-%m-%d %H:%M")
    print(f"finished on {when}: its result is read back; --again trains anew", flush=True)
    return result


def provenance(config: RunConfig) -> Provenance:
    """Return what the data of `config` is here and now. Raises InputError: it cannot be read."""
    return Provenance.of(load(config))


def check_provenance(
    config: RunConfig, result: Result, folder: Path, way_out: str, read: Callable[[RunConfig], Provenance] = provenance
) -> None:
    """Refuse the result in `folder` as that of `config` if it had other images or first weights than are here now.

    Images that are the same everywhere are not read; others by `read`.

    Raises:
        InputError: they differ, which ends with `way_out`; or there are no images.
    """
    recorded, sha256 = result.provenance, {}
    if PARENT in recorded.sha256 and (parent := results.first_weights(config.init_weights)) and parent.is_file():
        sha256[PARENT] = weights_checksum(parent)
    here = Provenance(recorded.classes, sha256)
    notes = result.dataset.get("notes")
    if not contents_are_fixed(config, notes if isinstance(notes, dict) else {"verified": False}):
        data = read(config)
        here = Provenance(data.classes, data.sha256 | sha256)
    recorded.refuse(here, f"{folder} is a finished run of", way_out)


def _noted_overlap(config: RunConfig, data: Dataset) -> Dataset:
    """Note how many test images the training data holds; refuse more than published, but for --allow-overlap."""
    shared = data.overlap()
    if shared > PUBLISHED_OVERLAP.get(config.dataset, 0) and not config.allow_overlap:
        raise InputError(
            f"{shared} of the {len(data.test)} test images are among the training or validation images, pixel for "
            f"pixel, so a score on them would be too high; --allow-overlap scores all the same"
        )
    return dataclasses.replace(data, notes={**data.notes, "overlap": shared}) if shared else data


def _fit(config: RunConfig, data: Dataset, validation_only: bool, begun: float, jobs: int) -> Result:
    """Fit, score and write the run folder, which this process holds."""
    folder = config.folder
    began = Provenance.of(
        data, results.first_weights(config.init_weights)
    )  # now: the parent may change in the meantime
    resumed = recovery.begin(folder, config.again)
    fitted = None if validation_only else _fitted_before(config, data, began)
    if fitted is None:
        fitted = _train(config, data, resumed)
    scores = {name: fitted.score(split.images, name) for name, split in data.splits.items() if name in SCORED}
    metrics = {
        name: evaluate(data.splits[name].labels, scores[name], data.classes, fitted.probabilities)
        if name in scores
        else None
        for name in SCORED
    }
    results.write_scores(folder, data, scores)
    if config.exclude is not None:
        files.write_text(folder / results.EXCLUDED, exclusion.find(config.exclude).to_csv())
    if sharing.TRAINING not in fitted.notes:  # there is one history.csv, where it was written
        results.write_history(folder, fitted.history)
    if fitted.save is not None and not validation_only:
        fitted.save(folder)
    # From the config to the score; what a run took that went on is not known.
    whole = not resumed and sharing.TRAINING not in fitted.notes
    facts = {"jobs": fitted.notes.get("jobs", jobs)}
    if chosen := precision.describe(config, ARCHITECTURES[config.arch]):
        facts["precision_auto"] = chosen
    facts |= {"run_seconds": round(time.monotonic() - begun, 1)} if whole else {}
    if PARENT in began.sha256:
        facts[PARENT] = began.sha256[PARENT]
    result = _result(config, data, fitted, metrics, facts)
    results.write_result(folder, result)
    recovery.end(folder)
    if (folder / results.TENSORBOARD).is_dir() and not validation_only:  # a trial's session is the tuner's
        tensorboard.write_run(folder, config.run_id, config.to_dict(), metrics, len(fitted.history) - 1)
    return result


def _train(config: RunConfig, data: Dataset, resumed: bool) -> Fitted:
    """Fit, from the checkpoint if the run is `resumed`, with the threads that it was begun with."""
    alone = cluster_of(config) is None
    if resumed and alone:
        config = recovery.with_begun_threads(config)
    variant = ARCHITECTURES[config.arch]
    return recovery.fit_from(
        config.folder,
        lambda: engine(config.arch).fit(config, variant, data, config.folder),
        again=config.again,
        alone=alone,
    )


def _fitted_before(config: RunConfig, data: Dataset, given: Provenance) -> Fitted | None:
    """Return net and history of a finished run of the same training, scored as `config` says; None without one."""
    kind = engine(config.arch)
    if config.again or not kind.TRAINED or cluster_of(config) is not None:
        return None
    if (found := sharing.find_training(config, given, kind.MODEL)) is None:
        return None
    folder, result = found
    notes = sharing.training_notes(result)
    print(f"the net is that of run {notes[sharing.TRAINING]}, trained in the same way: it is only scored", flush=True)
    sentences = faults(config)
    return Fitted(
        score=kind.restore(config, ARCHITECTURES[config.arch], folder, lambda: data),
        trainable_parameters=result.trainable_parameters,
        multiply_adds=result.multiply_adds,
        history=result.history,
        seconds_per_epoch=result.seconds_per_epoch,
        images_per_second=result.images_per_second,
        save=lambda into: files.write_atomically(
            into / kind.MODEL, lambda part: shutil.copyfile(folder / kind.MODEL, part)
        ),
        notes=notes | ({"faults": sentences} if sentences else {}),
    )


def _follow(config: RunConfig, data: Dataset, cluster: Cluster) -> Result:
    """Train beside the chief, in a folder of our own, and return the chief's result; only the chief scores."""
    scratch = config.folder.with_name(f".{config.run_id}-worker{cluster.index}")
    with files.only_writer(scratch):
        variant = ARCHITECTURES[config.arch]
        engine(config.arch).fit(config, variant, data, scratch)
        copy_from_chief(config, scratch / "chief" / results.FINISHED)
        result = results.read_result(scratch / "chief")
    shutil.rmtree(scratch, ignore_errors=True)
    return result


def read_run(folder: Path, **machine: Any) -> tuple[RunConfig, Result]:
    """Return config and result of the finished run in `folder`; refuse a result that is none of ours.

    `machine` has fields that do not change the numbers, such as data_dir or device. The config of a net that was
    trained in half precision and ships in float32 (decision 29) says float32.
    """
    result = results.read_result(folder)
    check_keys(result.config, str(folder / results.FINISHED))
    precision = {"precision": "float32"} if results.TRAINED_IN in result.notes else {}
    config = RunConfig(**{**result.config, **precision, **machine})
    check(config)
    if config.exclude is not None:
        exclusion.recall(folder / results.EXCLUDED, config.exclude)
    return config, result


def restore(folder: Path, **machine: Any) -> tuple[RunConfig, Result, Score]:
    """Return config, result and scorer of the finished run in `folder`; arguments and refusals are `read_run`'s."""
    config, result = read_run(folder, **machine)
    variant, kind = ARCHITECTURES[config.arch], engine(config.arch)
    if kind.MODEL is not None and not (folder / kind.MODEL).exists():
        raise InputError(f"{folder} kept no net: there is no {kind.MODEL}; its saved scores are in {results.SCORES}")
    return config, result, kind.restore(config, variant, folder, lambda: load_again(config, result))


def load_again(config: RunConfig, result: Result) -> Dataset:
    """Return the images of the finished run that `config` and `result` tell of; refuse others."""
    data = load(config)
    result.provenance.refuse(
        Provenance.of(data), f"run {config.run_id} had", "name the folder of the same data by --data-dir"
    )
    return data


def _result(config: RunConfig, data: Dataset, fitted: Fitted, metrics: dict, notes: dict) -> Result:
    return Result(
        run_id=config.run_id,
        config=config.to_dict(),
        metrics=metrics,
        trainable_parameters=fitted.trainable_parameters,
        multiply_adds=fitted.multiply_adds,
        seconds_per_epoch=fitted.seconds_per_epoch,
        images_per_second=fitted.images_per_second,
        dataset=results.describe_dataset(data),
        versions=results.versions(),
        revision=results.revision(),
        history=fitted.history,
        notes={**processor(), **fitted.notes, **notes, **plugged.notes(config)},
        cpu_seconds_per_epoch=results.median_epoch(fitted.history, "cpu_seconds"),
    )
