"""What a training will take, measured before it starts."""

import sys
from collections.abc import Sequence

from kerascifar.architectures import ARCHITECTURES, engine
from kerascifar.config import RunConfig
from kerascifar.results import CHECKPOINT, FINISHED
from kerascifar.studies.lengths import duration
from kerascifar.studies.timing import meter
from kerascifar.training.precision import describe


def forecast(configs: Sequence[RunConfig]) -> list[str]:
    """Return lines on the time and memory of `configs`, which differ in their seeds alone, and what they rest on.

    Reads the data, builds the net and times a few real steps; writes nothing.

    Raises InputError: the data or the device cannot be used, or steps of this kind cannot be timed.
    """
    todo = [config for config in configs if config.again or not (config.folder / FINISHED).exists()]
    lines = [f"{config.folder}: {_state(config)}" for config in configs]
    lines += filter(None, dict.fromkeys(describe(config, ARCHITECTURES[config.arch]) for config in configs))
    if not todo:
        return [*lines, "nothing would be trained"]
    cost = meter({})(todo[0])
    trained = engine(todo[0].arch).TRAINED
    basis = f"the median of a few steps of {todo[0].batch_size} images" if trained else "a few test images"
    whole = duration(len(todo) * cost.seconds())
    lines.append(f"time: about {whole} for {len(todo)} of {len(configs)} runs, begun anew")
    work = f"{cost.train:,} training and {cost.validation:,} validation images an epoch" if trained else "no epochs"
    lines.append(f"based on {basis}, taken here just now; {work}, {cost.test:,} test images")
    if (peak := _peak()) is not None:
        lines.append(f"memory: about {peak / 2**30:.1f} GiB, the peak of this measurement; without that of a GPU")
    return lines


def _state(config: RunConfig) -> str:
    if (config.folder / FINISHED).exists() and not config.again:
        return "is finished, and would be read back"
    return "would go on" if (config.folder / CHECKPOINT).exists() and not config.again else "would be trained"


def _peak() -> int | None:
    """Return the most bytes of memory that this process has held; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    # macOS counts bytes, Linux KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
