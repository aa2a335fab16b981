"""What TensorBoard's HParams page needs: the experiment once, and a session for each training of a trial."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import api, api_pb2
from tensorboard.plugins.hparams.summary import session_end_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tuner.plan import OBJECTIVE, Plan
from tuner.spaces import Choice

SUFFIX = ".hparams"


def write_experiment(plan: Plan) -> None:
    """Write which hyperparameters are varied, and over what, into the search's folder."""
    varied = [api.HParam("epochs", api.IntInterval(1, plan.config.epochs))]
    for name, part in plan.space.items():
        if isinstance(part, Choice):
            domain = api.Discrete(part.values)
        elif isinstance(part.low, int):
            domain = api.IntInterval(part.low, part.high)
        else:
            domain = api.RealInterval(part.low, part.high)
        varied.append(api.HParam(name, domain))
    metrics = [api.Metric(OBJECTIVE, display_name="validation accuracy")]
    _write(plan.folder, [api.hparams_config_pb(varied, metrics)])


def write_session(run: Path, trial_id: str, values: Mapping[str, Any], accuracy: float | None) -> None:
    """Write a training's values and result beside its curves; the sessions of a trial's seeds form one group.

    Args:
        run: the run's folder.
        trial_id: the trial that the training belongs to.
        values: hyperparameters by name.
        accuracy: validation accuracy, 0 to 1; None where the training failed.
    """
    summaries = [api.hparams_pb(dict(values), trial_id=trial_id)]
    if accuracy is not None:
        summaries.append(scalar_pb(OBJECTIVE, accuracy))
    status = api_pb2.STATUS_FAILURE if accuracy is None else api_pb2.STATUS_SUCCESS
    _write(run / "tensorboard", [*summaries, session_end_pb(status)])


def _write(folder: Path, summaries: list[Any]) -> None:
    """Write `summaries` into one event file, in place of an earlier one."""
    for earlier in folder.glob(f"*{SUFFIX}"):
        earlier.unlink()
    writer = EventFileWriter(str(folder), filename_suffix=SUFFIX)
    for summary in summaries:
        # Where TensorFlow is installed some of these are its messages, not TensorBoard's: the bytes are the same.
        copied = summary_pb2.Summary.FromString(summary.SerializeToString())
        writer.add_event(event_pb2.Event(summary=copied, wall_time=time.time()))
    writer.close()
