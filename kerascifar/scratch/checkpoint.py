"""From which a killed training goes on bit for bit: weights, what the optimizer remembers, and how far it came."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from kerascifar.core.errors import InputError
from kerascifar.scratch.network import Network
from kerascifar.scratch.optimizers import Optimizer
from kerascifar.scratch.saving import arrays_of, read_arrays, under, write_arrays
from kerascifar.scratch.training import Progress
from kerascifar.training.selection import best_epoch


class Checkpoint:
    """The files checkpoint.npz and, for patience, best.npz of a run folder.

    Args:
        folder: the run folder.
        identity: what the run is of; a checkpoint with another identity is refused.

    Attributes:
        stage: which training of the run is under way; cross-validation has several.
        accuracies: on the held-out fold, of each stage that is done.
        earlier: history of the stages before.

    Raises:
        InputError: the checkpoint is corrupt or of another run.
    """

    def __init__(self, folder: Path, identity: dict[str, str]) -> None:
        self.path, self.best_path, self.identity = folder / "checkpoint.npz", folder / "best.npz", identity
        self.stage, self.accuracies, self.earlier = 0, [], []
        self.spec: dict[str, Any] | None = None
        if self.path.exists():
            self.spec, self.arrays = self._read(self.path)
            self.stage, self.accuracies, self.earlier = (self.spec[k] for k in ("stage", "accuracies", "earlier"))

    def resume(self, stage: int, network: Network, optimizer: Optimizer) -> Progress:
        """Put `network` and `optimizer` where the checkpoint left them, if it was in `stage`; return how far it was."""
        if self.spec is None or self.spec["stage"] != stage:
            self.stage = stage
            return Progress()
        network.assign(under(self.arrays, "parameters"), under(self.arrays, "state"))
        optimizer.slots, optimizer.steps = under(self.arrays, "slots"), self.spec["steps"]
        return Progress(**self.spec["progress"])

    def save(self, network: Network, optimizer: Optimizer, progress: Progress, patience: int) -> None:
        """Write the checkpoint, and the best weights if the epoch that has just ended was the best."""
        best = patience and progress.batch == 0 and best_epoch(progress.history) == progress.epoch - 1
        if best:
            write_arrays(self.best_path, self.identity, arrays_of(network))
        spec = {
            **self.identity,
            **{"stage": self.stage, "accuracies": self.accuracies, "earlier": self.earlier},
            **{"steps": optimizer.steps, "progress": {**asdict(progress), "rates": []}},
        }
        slots = {f"slots/{name}": a for name, a in optimizer.slots.items()}
        write_arrays(self.path, spec, arrays_of(network) | slots)

    def restore_best(self, network: Network) -> None:
        """Give `network` the weights of its best epoch."""
        _, arrays = self._read(self.best_path)
        network.assign(under(arrays, "parameters"), under(arrays, "state"))

    def _read(self, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        spec, arrays = read_arrays(path)
        if any(spec.get(key) != value for key, value in self.identity.items()):
            raise InputError(f"{path} is the checkpoint of another run; --again starts anew")
        return spec, arrays
