"""run(config) -> Result: load, fit, score, evaluate, write. The whole story on one screen."""

import dataclasses
import shutil
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from kerascifar import results
from kerascifar.architectures import ARCHITECTURES, engine
from kerascifar.config import RunConfig
from kerascifar.configure import check, check_keys
from kerascifar.core import files
from kerascifar.core.contracts import Dataset, Fitted, Score
from kerascifar.core.errors import InputError
from kerascifar.core.origin import weights_checksum
from kerascifar.core.processor import processor
from kerascifar.core.shown import few
from kerascifar.data.datasets import PUBLISHED_OVERLAP, contents_are_fixed, describe_classes, load
from kerascifar.devices import placement
from kerascifar.devices.cluster import Cluster, watched
from kerascifar.devices.distribution import cluster_of, copy_from_chief
from kerascifar.evaluation.metrics import evaluate
from kerascifar.plots import tensorboard
from kerascifar.results import Result
from kerascifar.training import recovery

SCORED = ("validation", "test")
# Key of the notes: SHA-256 of the weights that a run began with.
PARENT = "init_weights_sha256"


def run(config: RunConfig, validation_only: bool = False) -> Result:
    """Run `config` to its end and return its result; a finished run is read, an unfinished one goes on.

    The test images are scored here, once, after all training. Validation selects; nothing else looks at the test
    set. With ``again`` it is trained anew: a result stays until the new one replaces it, a checkpoint is set aside.

    With `validation_only`, as in a trial of a search, the test images are dropped as soon as the data is read, no
    model is kept, and the numbers go to validation.json: the folder does not become that of a finished run.

    Raises:
        InputError: the config, the data or the run folder cannot be used; nothing is left half-written.
    """
    begun = time.monotonic()
    check(config)
    placement.check_place(config)
    folder, cluster = config.folder, cluster_of(config)
    outcome = results.VALIDATED if validation_only else results.FINISHED
    if (folder / outcome).exists() and not config.again:
        return _read_back(config, outcome)
    if (parent := _parent(config)) is not None and not parent.is_file():  # before any data is read
        raise InputError(f"--init-weights: there is no file or run folder {config.init_weights}")
    data = load(config)
    if not validation_only and not contents_are_fixed(config, data.notes):
        print(describe_classes(data.classes), flush=True)
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
            result = _fit(config, data, validation_only, begun)
            copy_from_chief(config, folder / results.FINISHED)  # the others end when all is written
    return result


def _read_back(config: RunConfig, outcome: str) -> Result:
    """Return the result of the finished run; refuse one of other images or first weights, which no run id tells."""
    result = results.read_result(config.folder, outcome)
    if not contents_are_fixed(config, result.dataset["notes"]):
        _check_images(result, load(config), f"{config.folder} is a finished run of other images: ")
    recorded, parent = result.notes.get(PARENT), _parent(config)
    if recorded and parent and parent.is_file() and weights_checksum(parent) != recorded:
        raise InputError(
            f"{config.folder} is a finished run that began with other weights than {parent} holds now; choose another "
            f"--name, or --again trains anew"
        )
    when = datetime.fromtimestamp((config.folder / outcome).stat().st_mtime).strftime("%Y-%m-%d %H:%M")
    print(f"finished on {when}: its result is read back; --again trains anew", flush=True)
    return result


def _parent(config: RunConfig) -> Path | None:
    """Return the file of weights that --init-weights names, itself or in a run folder; it need not be there."""
    if config.init_weights is None:
        return None
    source = Path(config.init_weights)
    return results.find_run(source) / results.KERAS_MODEL if source.is_dir() else source


def _check_images(result: Result, data: Dataset, what: str) -> None:
    """Refuse images that are not those of the result; splits that one of the two has not are not compared."""
    if list(data.classes) != list(result.dataset["classes"]):
        raise InputError(f"{what}its classes are {few(result.dataset['classes'])}, here {few(data.classes)}")
    for name, split in data.splits.items():
        recorded = result.dataset["sha256"].get(name)
        if recorded is not None and split.checksum != recorded:
            raise InputError(
                f"{what}the SHA-256 of its {name} images is {recorded[:12]}…, that of the {len(split):,} here is "
                f"{split.checksum[:12]}…; choose another --name or --runs for these, or --again trains anew"
            )


def _noted_overlap(config: RunConfig, data: Dataset) -> Dataset:
    """Note how many test images the training data holds; refuse more than published, but for --allow-overlap."""
    shared = data.overlap()
    if shared > PUBLISHED_OVERLAP.get(config.dataset, 0) and not config.allow_overlap:
        raise InputError(
            f"{shared} of the {len(data.test)} test images are among the training or validation images, pixel for "
            f"pixel, so a score on them would be too high; --allow-overlap scores all the same"
        )
    return dataclasses.replace(data, notes={**data.notes, "overlap": shared}) if shared else data


def _fit(config: RunConfig, data: Dataset, validation_only: bool, begun: float) -> Result:
    """Fit, score and write the run folder, which this process holds."""
    folder, variant = config.folder, ARCHITECTURES[config.arch]
    resumed = recovery.begin(folder, config.again)
    fitted = recovery.fit_from(
        folder,
        lambda: engine(config.arch).fit(config, variant, data, folder),
        again=config.again,
        alone=cluster_of(config) is None,
    )
    scores = {name: fitted.score(split.images, name) for name, split in data.splits.items() if name in SCORED}
    metrics = {
        name: evaluate(data.splits[name].labels, scores[name], data.classes, fitted.probabilities)
        if name in scores
        else None
        for name in SCORED
    }
    results.write_scores(folder, data, scores)
    results.write_history(folder, fitted.history)
    if fitted.save is not None and not validation_only:
        fitted.save(folder)
    # From the config to the score; what a run took that went on is not known.
    facts = {} if resumed else {"run_seconds": round(time.monotonic() - begun, 1)}
    if (parent := _parent(config)) is not None:
        facts[PARENT] = weights_checksum(parent)
    result = _result(config, data, fitted, metrics, facts)
    results.write_result(folder, result)
    recovery.end(folder)
    if (folder / results.TENSORBOARD).is_dir() and not validation_only:  # a trial's session is the tuner's
        tensorboard.write_run(folder, config.run_id, config.to_dict(), metrics, len(fitted.history) - 1)
    return result


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

    `machine` has fields that do not change the numbers, such as data_dir or device.
    """
    result = results.read_result(folder)
    check_keys(result.config, str(folder / results.FINISHED))
    config = RunConfig(**{**result.config, **machine})
    check(config)
    return config, result


def restore(folder: Path, **machine: Any) -> tuple[RunConfig, Result, Score]:
    """Return config, result and scorer of the finished run in `folder`; arguments and refusals are `read_run`'s."""
    config, result = read_run(folder, **machine)
    variant = ARCHITECTURES[config.arch]
    return config, result, engine(config.arch).restore(config, variant, folder, lambda: load(config))


def load_again(config: RunConfig, result: Result) -> Dataset:
    """Return the images of the finished run that `config` and `result` tell of; refuse others."""
    data = load(config)
    _check_images(result, data, "the images here are not those of the run: ")
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
        notes={**fitted.notes, **processor(), **notes},
    )
