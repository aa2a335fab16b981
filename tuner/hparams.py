"""What TensorBoard's HParams page needs: the experiment once, and one session per training of a trial."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.plugins.hparams import api, api_pb2
from tensorboard.plugins.hparams.summary import session_end_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from kerascifar.core.errors import decoration
from kerascifar.plots.tensorboard import write_events
from tuner.definition import OBJECTIVE, Search
from tuner.spaces import Choice

SUFFIX = ".hparams"


@decoration("the search's page in TensorBoard")
def write_experiment(search: Search) -> None:
    """Write which hyperparameters are varied, and over what, into the search's folder."""
    varied = [api.HParam("epochs", api.IntInterval(1, search.config.epochs))]
    for name, hyperparameter in search.space.items():
        if isinstance(hyperparameter, Choice):
            domain = api.Discrete(hyperparameter.values)
        else:
            interval = api.IntInterval if isinstance(hyperparameter.low, int) else api.RealInterval
            domain = interval(hyperparameter.low, hyperparameter.high)
        varied.append(api.HParam(name, domain))
    metrics = [api.Metric(OBJECTIVE, display_name="validation accuracy")]
    write_events(search.folder, [api.hparams_config_pb(varied, metrics)], SUFFIX)


@decoration("the trial's settings in TensorBoard")
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
