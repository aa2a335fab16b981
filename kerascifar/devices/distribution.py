"""tf.distribute under Keras 3: strategies that work, batches divided among replicas, and data sent by the chief.

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
from kerascifar.core.contracts import Dataset
from kerascifar.core.errors import InputError
from kerascifar.devices.cluster import Cluster, read_cluster

# Fields that under a strategy would give other numbers than on one device, or have no meaning, and why.
REFUSED = {
    "clip_value": "Keras clips the gradient of each replica before it sums them",
    "clip_norm": "Keras clips the gradient of each replica before it sums them",
    "input": "tf.distribute divides what tf.data serves",
}
_CHUNK = 2**16  # numbers per message between workers
JOIN_SECONDS = 120  # for all workers to join, once each listens
HEARTBEAT_SECONDS = 60  # without a sign of life, after which TensorFlow considers a connected worker dead
# A process can make only one multi-worker strategy, and only before anything else, so strategies are kept.
_made: dict[tuple, Any] = {}
_current: dict[str, Any] = {}


def check_strategy(config: RunConfig) -> None:
    """Refuse options that do not work under the strategy, and say why, without importing TensorFlow."""
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


def check_divisible(config: RunConfig, data: Dataset) -> None:
    """Refuse replicas that do not divide the batch size evenly, or that outnumber the images of a split."""
    count = replicas(current(config))
    if config.batch_size % count:
        raise InputError(f"--batch-size {config.batch_size} must divide evenly by the {count} replicas")
    for name in ("train", "validation"):
        if name in data.splits and len(data.splits[name]) < count:
            raise InputError(f"{len(data.splits[name])} {name} images are fewer than the {count} replicas")


def cluster_of(config: RunConfig) -> Cluster | None:
    """Return the workers of a --strategy multiworker run, None for any other; refuse a missing or bad TF_CONFIG."""
    return read_cluster(os.environ) if config.strategy == "multiworker" else None


def make_strategy(config: RunConfig, devices: tuple[str, ...]) -> Any:
    """Make the tf.distribute strategy of `config`, or return the one that this process has already made.

    A mirrored one takes `devices`, such as ``("GPU:0", "GPU:1")``. Refuse it if TensorFlow already runs: too late.
    """
    key = (config.strategy, *devices) if config.strategy == "mirrored" else (config.strategy, cluster_of(config))
    if key not in _made:
        try:
            _made[key] = _repaired("MirroredStrategy")(devices) if config.strategy == "mirrored" else _joined()
        except RuntimeError as error:
            raise InputError(f"--strategy {config.strategy}: make this the first run of a process ({error})") from None
    _current[config.strategy] = _made[key]
    return _made[key]


def current(config: RunConfig) -> Any:
    """Return the strategy that placement.start() made for `config`; None for --strategy none."""
    return _current.get(config.strategy)


def replicas(strategy: Any) -> int:
    """Return the number of replicas that share a global batch; 1 without a strategy."""
    return 1 if strategy is None else strategy.num_replicas_in_sync


def distribute(strategy: Any, batches: Callable[[range], Any]) -> Any:
    """Return the distributed form of a data set whose elements are one replica's share of a batch.

    `batches` maps the numbers of this process's replicas to a data set that yields their shares in turn; without a
    strategy the only device's is returned as it is.
    """
    if strategy is None:
        return batches(range(1))

    def own(context):
        count = context.num_replicas_in_sync // context.num_input_pipelines
        first = context.input_pipeline_id * count
        return batches(range(first, first + count))

    return strategy.distribute_datasets_from_function(own)


def scope(config: RunConfig) -> Any:
    """Return the context in which to build and compile a model of `config`."""
    strategy = current(config)
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def synchronize(model: Any) -> None:
    """Make every BatchNormalization of `model` compute its statistics over the whole batch, of all replicas."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def check_workers_agree(config: RunConfig, data: Dataset, model: Any) -> None:
    """Refuse, on every worker alike, flags, images or first weights that are not the same on all; name what differs."""
    cluster = cluster_of(config)
    if cluster is None:
        return
    weights = b"".join(value.tobytes() for value in model.get_weights())
    values = {"flags": config.run_id, **{f"{name} images": split.checksum for name, split in data.splits.items()}}
    values["first weights"] = hashlib.sha256(weights).hexdigest()
    own = np.zeros((len(cluster.addresses), len(values), 32), "float32")
    own[cluster.index] = [list(hashlib.sha256(text.encode()).digest()) for text in values.values()]
    digests = _sum(current(config), own)
    for place, name in enumerate(values):
        for worker in range(1, len(digests)):
            if not np.array_equal(digests[worker, place], digests[0, place]):
                raise InputError(f"worker {worker} has other {name} than the chief: give all the same data and flags")


def copy_from_chief(config: RunConfig, path: Path) -> None:
    """Replace the file `path` of every worker by the chief's, or remove it if the chief has none.

    The path may differ between workers; a run in one process does nothing.
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
    """Return the chief's `content` on every worker; the others pass empty bytes."""
    # Two bytes per number: float32 holds them exactly, and every kind of collective operation accepts it.
    length = _sum(strategy, np.array([len(content)], "<u8").view("<u2").astype("float32"))
    total = int(length.astype("<u2").view("<u8")[0])
    words = np.zeros(-(-total // 2), "<u2")
    if content:
        words.view("u1")[:total] = np.frombuffer(content, "u1")
    return _sum(strategy, words.astype("float32")).astype("<u2").tobytes()[:total]


def _sum(strategy: Any, values: np.ndarray) -> np.ndarray:
    """Return the sum over the workers of float32 `values`."""
    flat = values.ravel()
    padded = np.zeros(-(-flat.size // _CHUNK) * _CHUNK, "float32")
    padded[: flat.size] = flat
    total = _total(strategy)
    for start in range(0, padded.size, _CHUNK):
        padded[start : start + _CHUNK] = total(padded[start : start + _CHUNK])
    return padded[: flat.size].reshape(values.shape)


@functools.cache
def _total(strategy: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that sums a float32 array (_CHUNK,) over the workers."""
    import tensorflow as tf

    local = len(strategy.extended.worker_devices)

    @tf.function(input_signature=[tf.TensorSpec(_CHUNK, tf.float32)])
    def total(own):
        def step(own):
            context = tf.distribute.get_replica_context()
            first = tf.cast(context.replica_id_in_sync_group % local == 0, own.dtype)  # one replica per worker
            return context.all_reduce(tf.distribute.ReduceOp.SUM, own * first)

        return strategy.run(step, (own,))

    return lambda own: strategy.experimental_local_results(total(tf.constant(own)))[0].numpy()


def _joined() -> Any:
    """Return the multi-worker strategy of this process, joined with all others."""
    # TensorFlow considers a worker dead after some 10 s of silence, which a live one on a busy machine may reach. That
    # a process was killed shows at once, by its closed connections.
    private.set_heartbeat(HEARTBEAT_SECONDS)
    # TensorFlow waits here with Python's lock held, so that no thread could end it, and installs a SIGTERM handler.
    with os.fdopen(os.dup(2), "w") as stderr:
        faulthandler.dump_traceback_later(JOIN_SECONDS, exit=True, file=stderr)
        try:
            return _repaired("MultiWorkerMirroredStrategy")()
        finally:
            faulthandler.cancel_dump_traceback_later()
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Reduce:
    """What Keras 3.15's trainer expects of a strategy and TensorFlow 2.21's lack (keras issue 20585).

    A mix-in. The trainer reduces a whole (x, y) batch, only to learn its shapes; and, with several workers, scalar
    logs along an axis that they do not have.
    """

    def reduce(self, reduce_op, value, axis):
        import tensorflow as tf

        if isinstance(value, tuple | list | dict):
            return tf.nest.map_structure(lambda v: self.experimental_local_results(v)[0], value)
        scalar = all(v.shape.rank == 0 for v in self.experimental_local_results(value))
        return super().reduce(reduce_op, value, None if scalar else axis)


def _repaired(strategy: str) -> type:
    import tensorflow as tf

    return type(strategy, (_Reduce, getattr(tf.distribute, strategy)), {})
