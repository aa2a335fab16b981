"""tf.distribute under Keras 3: strategies that work, batches cut for the replicas, and word from the chief.

Whatever the strategy, a step sees the images, the order and the augmentation that one device would see, and its loss
is the mean over the same global batch (tools/decisions/0008-distribution.md).
"""

import contextlib
import faulthandler
import functools
import hashlib
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.config import FIELDS, RunConfig, flag
from kerascifar.core import files, private
from kerascifar.core.errors import InputError
from kerascifar.devices.cluster import Cluster, read_cluster

# Fields that would give other numbers under a strategy than on one device, or that it has no use for, and why.
REFUSED = {
    "clip_value": "Keras clips the gradient of each replica before it sums them",
    "clip_norm": "Keras clips the gradient of each replica before it sums them",
    "input": "tf.distribute divides what tf.data serves",
}
_PIECE = 2**16  # numbers a message between workers
JOIN_SECONDS = 120  # for all workers to join, once each has come
HEARTBEAT_SECONDS = 60  # of silence after which TensorFlow takes a worker for dead whose connections stand
# A process can make one multi-worker strategy, before all else, and no second one: they are kept.
_made: dict[tuple, Any] = {}
_current: dict[str, Any] = {}


def check_strategy(config: RunConfig) -> None:
    """Refuse what does not hold under the strategy, without importing TensorFlow.

    Raises:
        InputError: names the option, and says why.
    """
    if config.strategy == "none":
        return
    for name, why in REFUSED.items():
        if getattr(config, name) != FIELDS[name].default:
            raise InputError(f"{flag(name)} does not go with --strategy {config.strategy}: {why}")
    if config.loss == "class_weighted":
        raise InputError(
            f"--loss class_weighted does not go with --strategy {config.strategy}: each replica would divide by the "
            f"weights of its own images"
        )


def cluster_of(config: RunConfig) -> Cluster | None:
    """Return the workers of a --strategy multiworker run, None for any other.

    Raises:
        InputError: TF_CONFIG is missing or malformed.
    """
    return read_cluster(os.environ) if config.strategy == "multiworker" else None


def make_strategy(config: RunConfig, devices: tuple[str, ...]) -> Any:
    """Make the tf.distribute strategy of `config`, or return the one that this process has made already.

    Args:
        config: whose strategy.
        devices: of a mirrored strategy, such as ``("GPU:0", "GPU:1")``.

    Raises:
        InputError: TensorFlow runs already, which is too late for a multi-worker strategy.
    """
    key = (config.strategy, *devices) if config.strategy == "mirrored" else (config.strategy, cluster_of(config))
    if key not in _made:
        try:
            _made[key] = _mirrored()(devices) if config.strategy == "mirrored" else _joined()
        except RuntimeError as error:
            raise InputError(f"--strategy {config.strategy}: make it the first run of a process ({error})") from None
    _current[config.strategy] = _made[key]
    return _made[key]


def current(config: RunConfig) -> Any:
    """Return the strategy that devices.start() made for `config`; None for --strategy none."""
    return _current.get(config.strategy)


def replicas(strategy: Any) -> int:
    """Return over how many replicas a global batch is divided; 1 without a strategy."""
    return 1 if strategy is None else strategy.num_replicas_in_sync


def distribute(strategy: Any, batches: Callable[[range], Any]) -> Any:
    """Return the distributed form of a data set whose elements are one replica's share of a batch.

    Args:
        strategy: the strategy; None for the data set of the only device, as it is.
        batches: given the numbers of this process's replicas among all, returns their shares in turn.
    """
    if strategy is None:
        return batches(range(1))

    def own(context):
        count = context.num_replicas_in_sync // context.num_input_pipelines
        first = context.input_pipeline_id * count
        return batches(range(first, first + count))

    return strategy.distribute_datasets_from_function(own)


def scope(config: RunConfig) -> Any:
    """Return the context in which a model of `config` is made."""
    strategy = current(config)
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def synchronize(model: Any) -> None:
    """Let every BatchNormalization of `model` take its statistics from the whole batch, over all replicas."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def compare(config: RunConfig, what: dict[str, str]) -> None:
    """Check that all workers say the same of each thing in `what`; with one process there is nothing to check.

    Raises:
        InputError: names what differs, on every worker alike.
    """
    cluster = cluster_of(config)
    if cluster is None:
        return
    own = np.zeros((len(cluster.addresses), len(what), 32), "float32")
    own[cluster.index] = [list(hashlib.sha256(text.encode()).digest()) for text in what.values()]
    told = _sum(current(config), own)
    for place, name in enumerate(what):
        for worker in range(1, len(told)):
            if not np.array_equal(told[worker, place], told[0, place]):
                raise InputError(f"worker {worker} has other {name} than the chief: give all the same data and flags")


def copy_from_chief(config: RunConfig, path: Path) -> None:
    """Make the file `path` of every worker the chief's, or remove it where the chief has none.

    The path may differ from worker to worker; with one process nothing is done.
    """
    cluster = cluster_of(config)
    if cluster is None:
        return
    content = path.read_bytes() if path.exists() and not cluster.follows else b""
    content = _from_chief(current(config), content)
    if cluster.follows:
        path.unlink(missing_ok=True)
        if content:
            files.write_atomically(path, lambda part: part.write_bytes(content))


def _from_chief(strategy: Any, content: bytes) -> bytes:
    """Return the chief's `content` on every worker; the others give none."""
    # Two bytes a number: float32 holds them exactly, and every kind of collective operation takes it.
    length = _sum(strategy, np.array([len(content)], "<u8").view("<u2").astype("float32"))
    total = int(length.astype("<u2").view("<u8")[0])
    mine = np.zeros(-(-total // 2), "<u2")
    if content:
        mine.view("u1")[:total] = np.frombuffer(content, "u1")
    return _sum(strategy, mine.astype("float32")).astype("<u2").tobytes()[:total]


def _sum(strategy: Any, values: np.ndarray) -> np.ndarray:
    """Return the sum over the workers of float32 `values`."""
    flat = values.ravel()
    told = np.zeros(-(-flat.size // _PIECE) * _PIECE, "float32")
    told[: flat.size] = flat
    total = _total(strategy)
    for start in range(0, told.size, _PIECE):
        told[start : start + _PIECE] = total(told[start : start + _PIECE])
    return told[: flat.size].reshape(values.shape)


@functools.cache
def _total(strategy: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return the sum over the workers of float32 (_PIECE,)."""
    import tensorflow as tf

    local = len(strategy.extended.worker_devices)

    @tf.function(input_signature=[tf.TensorSpec(_PIECE, tf.float32)])
    def total(own):
        def step(own):
            context = tf.distribute.get_replica_context()
            first = tf.cast(context.replica_id_in_sync_group % local == 0, own.dtype)  # one replica speaks for a worker
            return context.all_reduce(tf.distribute.ReduceOp.SUM, own * first)

        return strategy.run(step, (own,))

    return lambda own: strategy.experimental_local_results(total(tf.constant(own)))[0].numpy()


def _joined() -> Any:
    """Return the multi-worker strategy of this process, joined with all others."""
    # TensorFlow's own some 10 s of silence may be those of a live worker on a busy machine. That a process was killed,
    # its closed connections tell at once.
    private.set_heartbeat(HEARTBEAT_SECONDS)
    # TensorFlow waits here with Python's lock held, so that no thread could end it, and takes SIGTERM for itself.
    with os.fdopen(os.dup(2), "w") as told:
        faulthandler.dump_traceback_later(JOIN_SECONDS, exit=True, file=told)
        try:
            return _multiworker()()
        finally:
            faulthandler.cancel_dump_traceback_later()
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Reduce:
    """What Keras 3.15's trainer asks of a strategy, and TensorFlow 2.21's do not give (keras issue 20585).

    Mixed into a strategy. The trainer reduces a whole (x, y) batch, only to see shapes; and, with several workers,
    scalar logs along an axis that they do not have.
    """

    def reduce(self, reduce_op, value, axis):
        import tensorflow as tf

        if isinstance(value, tuple | list | dict):
            return tf.nest.map_structure(lambda v: self.experimental_local_results(v)[0], value)
        scalar = all(v.shape.rank == 0 for v in self.experimental_local_results(value))
        return super().reduce(reduce_op, value, None if scalar else axis)


def _mirrored() -> type:
    import tensorflow as tf

    return type("Mirrored", (_Reduce, tf.distribute.MirroredStrategy), {})


def _multiworker() -> type:
    import tensorflow as tf

    return type("MultiWorker", (_Reduce, tf.distribute.MultiWorkerMirroredStrategy), {})
