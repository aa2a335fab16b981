"""What TensorBoard's HParams page needs: the experiment once, and a session for each training of a trial."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.plugins.hparams import api, api_pb2
from tensorboard.plugins.hparams.summary import session_end_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from kerascifar.plots.tensorboard import write_events
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
    write_events(plan.folder, [api.hparams_config_pb(varied, metrics)], SUFFIX)


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
    write_events(run / "tensorboard", [*summaries, session_end_pb(status)], SUFFIX)
