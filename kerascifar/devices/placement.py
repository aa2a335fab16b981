"""Where a run computes: backend, device, precision, threads. TensorFlow starts here, quietly."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.core.processor import cores
from kerascifar.devices.cluster import wait_for_all
from kerascifar.devices.distribution import cluster_of, make_strategy, replicas

BACKENDS = ("tensorflow", "jax")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back what native code writes on stderr, and show it only when something fails.

    TensorFlow prints up to six lines at start that no environment variable silences.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


def check_device(config: RunConfig) -> None:
    """Refuse a malformed --device without importing TensorFlow.

    Raises:
        InputError: not auto, cpu, cpu:N, gpu or gpu:N.
    """
    kind, colon, number = config.device.partition(":")
    if kind not in ("auto", "cpu", "gpu") or (colon and (kind == "auto" or not number.isdecimal())):
        raise InputError(f"--device: expected auto, cpu, cpu:N, gpu or gpu:N, got {config.device!r}")
    if kind == "cpu" and colon and int(number) < 2:
        raise InputError(f"--device {config.device}: cpu:N cuts the CPU in N devices, 2 or more")


def check_place(config: RunConfig) -> None:
    """Refuse a --device that the strategy has no use for; a restored run needs no strategy, so it is not asked.

    Raises:
        InputError: says which --device would do.
    """
    kind, colon, _ = config.device.partition(":")
    if config.strategy != "mirrored" and kind == "cpu" and colon:
        raise InputError(f"--device {config.device} is for --strategy mirrored; give --device cpu")
    if config.strategy == "mirrored" and (kind, bool(colon)) in (("cpu", False), ("gpu", True)):
        raise InputError(
            f"--device {config.device} is one device, and --strategy mirrored needs several: "
            f"gpu takes all GPUs, cpu:2 cuts the CPU in 2 devices"
        )
    cluster_of(config)


def backend() -> str:
    """Return on what Keras runs: KERAS_BACKEND, else tensorflow; but once Keras is imported, what it took.

    Raises:
        InputError: neither tensorflow nor jax.
    """
    imported = sys.modules.get("keras")
    # Set, so that Keras takes the same one whatever ~/.keras/keras.json says.
    found = imported.backend.backend() if imported else os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if found not in BACKENDS:
        raise InputError(f"KERAS_BACKEND={found}: this program runs on {' or '.join(BACKENDS)}")
    return found


def check_backend(config: RunConfig) -> None:
    """Refuse what a training needs and the backend has not.

    Raises:
        InputError: JAX without --input arrays.
    """
    if backend() == "jax" and config.input != "arrays":
        raise InputError(f"KERAS_BACKEND=jax has no tf.data: give --input arrays, got --input {config.input}")


def need_tensorflow(what: str) -> None:
    """Refuse `what`, which TensorFlow alone can do, on another backend.

    Raises:
        InputError: says which backend is set.
    """
    if backend() != "tensorflow":
        raise InputError(f"{what} needs TensorFlow, got KERAS_BACKEND={backend()}")


def start(config: RunConfig) -> dict[str, Any]:
    """Import Keras on its backend, choose device, threads and precision, and say in one line what was taken.

    Returns:
        The choice, for result.json.

    Raises:
        InputError: the device is not there, or the thread count can no longer be changed in this process.
    """
    check_device(config)
    check_place(config)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if backend() == "jax":
        with quiet():
            import keras

            keras.utils.set_random_seed(config.seed)  # imports TensorFlow where that is installed, to seed it
        return _start_jax(config)
    with quiet():
        import keras
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        _limit_threads(tf, config.threads)
        chosen = _choose(config, len(gpus))
        if gpus:
            tf.config.set_visible_devices([gpus[i] for i in chosen], "GPU")
        if config.device.startswith("cpu:"):
            _cut_cpu(tf, int(config.device[4:]))
    cluster = cluster_of(config)
    if cluster is not None:
        print(f"worker {cluster.index} of {len(cluster.addresses)}, waiting for {_listed(cluster.others)}", flush=True)
        wait_for_all(cluster)
    with quiet():
        strategy = None
        if config.strategy != "none":  # before any other operation
            strategy = make_strategy(config, tuple(_names(config, chosen)))
        tf.zeros(())  # starts the runtime while its messages are held back
    keras.config.set_dtype_policy(config.precision)
    taken = {
        "device": ",".join(f"gpu:{i}" for i in chosen) or config.device.replace("auto", "cpu"),
        "threads": config.threads or cores(),
        "precision": config.precision,
    }
    if strategy is not None:
        taken |= {"strategy": config.strategy, "replicas": replicas(strategy)}
    if cluster is not None:
        taken["workers"] = len(cluster.addresses)
    why = " (auto: no GPU is visible to TensorFlow)" if config.device == "auto" and not chosen else ""
    over = "" if strategy is None else f", {config.strategy} over {replicas(strategy)} replicas"
    print(f"device {taken['device']}{why}, {taken['threads']} threads, {config.precision}{over}", flush=True)
    return taken


def tensorflow_on_cpu() -> bool:
    """Tell whether TensorFlow computes, and on no GPU; after start()."""
    if backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.get_visible_devices("GPU")


def _choose(config: RunConfig, gpus: int) -> list[int]:
    """Return the numbers of the GPUs to use; none for the CPU."""
    kind, _, number = config.device.partition(":")
    there = f"{gpus} GPU(s), gpu:0 to gpu:{gpus - 1}" if gpus else "no GPU"
    if config.strategy == "mirrored" and kind != "cpu":
        if gpus < 2:
            raise InputError(
                f"--strategy mirrored --device {config.device}: TensorFlow sees {there} here, and it needs 2 or more; "
                f"--device cpu:2 cuts the CPU in 2 devices"
            )
        return list(range(gpus))
    if kind == "cpu" or (kind == "auto" and gpus == 0):
        return []
    cluster = cluster_of(config)
    # Workers of one machine take a GPU each.
    wanted = int(number or 0) if number or cluster is None else cluster.local_index
    if wanted >= gpus:
        needed = "" if number or cluster is None else f", and worker {cluster.index} would take gpu:{wanted}"
        raise InputError(f"--device {config.device}: TensorFlow sees {there} here{needed}; use --device cpu or auto")
    return [wanted]


def _names(config: RunConfig, chosen: list[int]) -> list[str]:
    """Return TensorFlow's names of the devices to mirror over."""
    # TensorFlow numbers the visible GPUs from 0.
    return [f"GPU:{i}" for i in range(len(chosen))] or [f"CPU:{i}" for i in range(int(config.device[4:] or 0))]


def _listed(others: dict[int, str]) -> str:
    return " and ".join(f"worker {i} ({address})" for i, address in others.items())


def _cut_cpu(tf: Any, count: int) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    if len(tf.config.get_logical_device_configuration(cpu) or [None]) == count:
        return
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError:
        raise InputError(f"--device cpu:{count}: TensorFlow runs already; ask for it first in a process") from None


def _limit_threads(tf: Any, threads: int | None) -> None:
    if threads is None or tf.config.threading.get_intra_op_parallelism_threads() == threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        raise InputError(
            f"--threads {threads}: TensorFlow runs already; set it in the first run of a process"
        ) from None


def _start_jax(config: RunConfig) -> dict[str, Any]:
    """Start Keras on JAX; TensorFlow is not imported."""
    if config.threads is not None:
        raise InputError(
            f"--threads {config.threads}: JAX takes all cores that it is given; taskset -c 0,1 gives it two"
        )
    import jax
    import keras

    gpus = [device for device in jax.devices() if device.platform == "gpu"]
    kind, _, number = config.device.partition(":")
    wanted = int(number or 0)
    taken, device = "cpu", None
    if kind == "gpu" or (kind == "auto" and gpus):
        if wanted >= len(gpus):
            there = f"{len(gpus)} GPU(s)" if gpus else "no GPU"
            raise InputError(f"--device {config.device}: JAX sees {there} here; use --device cpu or auto")
        taken, device = f"gpu:{wanted}", gpus[wanted]
    jax.config.update("jax_default_device", device or jax.devices("cpu")[0])
    keras.config.set_dtype_policy(config.precision)
    why = " (auto: no GPU is visible to JAX)" if config.device == "auto" and taken == "cpu" else ""
    print(f"device {taken}{why}, JAX {jax.__version__}, {config.precision}", flush=True)
    return {"device": taken, "backend": "jax", "jax": jax.__version__, "precision": config.precision}
