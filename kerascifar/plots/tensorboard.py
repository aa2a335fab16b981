"""Write what TensorBoard shows of a finished run besides its curves: HParams, accuracies, a confusion matrix."""

import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core.errors import decoration
from kerascifar.plots.lettering import drawing
from kerascifar.results import TENSORBOARD

SUFFIX = ".run"


@decoration("confusion matrix and settings in TensorBoard")
def write_run(folder: Path, run_id: str, settings: Mapping[str, Any], metrics: Mapping[str, Any], step: int) -> None:
    """Write a session for the HParams page and the run's final metrics into folder/tensorboard.

    Args:
        folder: the run folder.
        run_id: name of the session.
        settings: the config; None is left out, lists become text.
        metrics: of "validation" and "test", what metrics.evaluate returns, or None.
        step: the last epoch, counted from 0 as in Keras's curves.
    """
    from tensorboard.plugins.hparams import api, api_pb2
    from tensorboard.plugins.hparams.summary import session_end_pb
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    known = {split: values for split, values in metrics.items() if values is not None}
    fields = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in settings.items() if v is not None}
    summaries = [api.hparams_pb(fields, trial_id=run_id)]
    summaries += [scalar_pb(f"{split}_accuracy", values["accuracy"]) for split, values in known.items()]
    split, values = next(iter(known.items()))  # validation, where there is one
    classes = [row["class"] for row in values["per_class"]]
    summaries.append(_image(f"confusion_matrix/{split}", np.array(values["confusion_matrix"]), classes))
    summaries.append(session_end_pb(api_pb2.STATUS_SUCCESS))
    write_events(folder / TENSORBOARD, summaries, SUFFIX, step)


def write_events(folder: Path, summaries: Sequence[Any], suffix: str, step: int = 0) -> None:
    """Write `summaries` into one event file with that suffix; an earlier one is replaced."""
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for earlier in folder.glob(f"*{suffix}"):
        earlier.unlink()
    writer = EventFileWriter(str(folder), filename_suffix=suffix)
    for summary in summaries:
        # Where TensorFlow is installed, some are messages of its own classes with the same bytes.
        copied = summary_pb2.Summary.FromString(summary.SerializeToString())
        writer.add_event(event_pb2.Event(summary=copied, wall_time=time.time(), step=step))
    writer.close()


def _image(tag: str, matrix: np.ndarray, classes: Sequence[str]) -> Any:
    from tensorboard.compat.proto import summary_pb2
    from tensorboard.plugins.image.metadata import create_summary_metadata
    from tensorboard.util.tensor_util import make_tensor_proto

    from kerascifar.plots.confusion import STYLE, draw_confusion

    figure, png = draw_confusion(matrix, classes), io.BytesIO()
    with drawing(STYLE):
        figure.savefig(png, format="png", dpi=120)
    width, height = (figure.get_size_inches() * 120).round().astype(int)
    # The images plugin reads width and height as text, then the encoded images.
    tensor = make_tensor_proto([str(width).encode(), str(height).encode(), png.getvalue()])
    value = summary_pb2.Summary.Value(tag=tag, metadata=create_summary_metadata(None, None))
    value.tensor.MergeFromString(tensor.SerializeToString())
    return summary_pb2.Summary(value=[value])
