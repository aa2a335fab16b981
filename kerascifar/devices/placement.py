"""Where a run computes: backend, device, precision and threads. TensorFlow is started here, quietly."""

import contextlib
import gc
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.core.precisions import PRECISIONS
from kerascifar.core.processor import cores
from kerascifar.devices.cluster import wait_for_all
from kerascifar.devices.distribution import cluster_of, make_strategy, replicas

BACKENDS = ("tensorflow", "jax")
# Address space for the imports and a small training (TensorFlow 2.21 took 3.1 GiB on 2 cores), and for the threads of
# each core. With less, native code ends the process with a core dump.
_LEAST_SPACE, _SPACE_PER_CORE = 3.25 * 2**30, 64 * 2**20


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back what native code writes to stderr, and show it only if the block fails.

    TensorFlow prints up to six lines on start that no environment variable silences.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as buffer:
        os.dup2(buffer.fileno(), 2)
        try:
            yield
        except Exception:  # not an interrupt
            buffer.seek(0)
            os.write(stderr, buffer.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)


def check_device(config: RunConfig) -> None:
    """Refuse a --device other than auto, cpu, cpu:N, gpu and gpu:N, without importing TensorFlow."""
    kind, colon, number = config.device.partition(":")
    if kind not in ("auto", "cpu", "gpu") or (colon and (kind == "auto" or not re.fullmatch("[0-9]{1,3}", number))):
        raise InputError(f"--device: expected auto, cpu, cpu:N, gpu or gpu:N, got {config.device!r}")
    if kind == "cpu" and colon and int(number) < 2:
        raise InputError(f"--device {config.device}: cpu:N splits the CPU into N devices, 2 or more")


def check_place(config: RunConfig) -> None:
    """Refuse a --device or TF_CONFIG that does not suit the strategy. A restored run needs none: only for training."""
    kind, colon, _ = config.device.partition(":")
    if config.strategy != "mirrored" and kind == "cpu" and colon:
        raise InputError(f"--device {config.device} is for --strategy mirrored; give --device cpu")
    if config.strategy == "mirrored" and (kind, bool(colon)) in (("cpu", False), ("gpu", True)):
        raise InputError(
            f"--device {config.device} is one device, and --strategy mirrored needs several: "
            f"gpu takes all GPUs, cpu:2 splits the CPU into 2 devices"
        )
    cluster_of(config)


def backend() -> str:
    """Return the backend, tensorflow or jax: KERAS_BACKEND or, once it is imported, Keras's own.

    Refuse others, and one that is not installed.
    """
    os.environ.pop("TF_USE_LEGACY_KERAS", None)  # TensorBoard's tables would look for a Keras that need not be here
    keras = sys.modules.get("keras")
    # setdefault, so that Keras uses the same one whatever ~/.keras/keras.json says.
    name = keras.backend.backend() if keras else os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if name not in BACKENDS:
        raise InputError(f"KERAS_BACKEND={name}: this program runs on {' or '.join(BACKENDS)}")
    if not keras and importlib.util.find_spec(name) is None:
        raise InputError(f"KERAS_BACKEND={name}: {name} is not installed here; pip install {name}, or name another")
    if not keras:
        _check_space()
    return name


def _check_space() -> None:
    """Refuse a limit on address space under which Keras cannot be imported."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    limit, needed = resource.getrlimit(resource.RLIMIT_AS)[0], _LEAST_SPACE + _SPACE_PER_CORE * cores()
    if limit != resource.RLIM_INFINITY and limit < needed:
        raise InputError(
            f"a limit of {limit / 2**30:.2g} GiB of address space is too low for Keras nets: they need "
            f"{needed / 2**30:.2g} GiB here; raise it by ulimit -v {int(needed // 1024)}"
        )


def check_backend(config: RunConfig) -> None:
    """Refuse a training on JAX without --input arrays."""
    if backend() == "jax" and config.input != "arrays":
        raise InputError(f"KERAS_BACKEND=jax has no tf.data: give --input arrays, got --input {config.input}")


def need_tensorflow(what: str) -> None:
    """Refuse `what`, which only TensorFlow can do, on another backend."""
    if backend() != "tensorflow":
        raise InputError(f"{what} needs TensorFlow, got KERAS_BACKEND={backend()}")


def start(config: RunConfig) -> dict[str, Any]:
    """Import Keras on its backend; set device, threads and precision, print them, and return them for result.json.

    Refuse a device that is not there, and another number of threads than this process has already begun with.
    """
    check_device(config)
    check_place(config)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if backend() == "jax":
        with quiet():
            keras = import_keras()
            keras.utils.set_random_seed(config.seed)  # imports TensorFlow, if installed, to seed it too
        return _start_jax(config)
    with quiet():
        keras = import_keras()
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        _limit_threads(tf, config.threads)
        chosen = _choose(config, len(gpus))
        if gpus:
            tf.config.set_visible_devices([gpus[i] for i in chosen], "GPU")
        if config.device.startswith("cpu:"):
            _split_cpu(tf, int(config.device[4:]))
    cluster = cluster_of(config)
    if cluster is not None:
        others = " and ".join(f"worker {i} ({address})" for i, address in cluster.others.items())
        print(f"worker {cluster.index} of {len(cluster.addresses)}, waiting for {others}", flush=True)
        wait_for_all(cluster)
    with quiet():
        strategy = None
        if config.strategy != "none":  # before any other operation
            strategy = make_strategy(config, tuple(_names(config, chosen)))
        tf.zeros(())  # starts the runtime while its messages are held back
    keras.config.set_dtype_policy(PRECISIONS[config.precision].policy)
    notes = {
        "device": ",".join(f"gpu:{i}" for i in chosen) or config.device.replace("auto", "cpu"),
        "threads": threads_in_use(),
        "precision": config.precision,
    }
    if strategy is not None:
        notes |= {"strategy": config.strategy, "replicas": replicas(strategy)}
    if cluster is not None:
        notes["workers"] = len(cluster.addresses)
    why = " (auto: no GPU is visible to TensorFlow)" if config.device == "auto" and not chosen else ""
    over = "" if strategy is None else f", {config.strategy} over {replicas(strategy)} replicas"
    print(f"device {notes['device']}{why}, {notes['threads']} threads, {config.precision}{over}", flush=True)
    return notes


def import_keras() -> Any:
    """Return Keras, with the settings that our nets are made for, whatever keras.json and KERAS_MAX_EPOCHS say."""
    try:
        import keras
    except (AttributeError, TypeError, ValueError) as error:
        home = os.environ.get("KERAS_HOME", "~/.keras")
        raise InputError(f"Keras cannot start with the settings in {home}/keras.json: {error}") from None
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
    return keras


def forget_nets() -> None:
    """Free the memory of the nets that were trained so far for the next one."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session()
    gc.collect()


def tensorflow_on_cpu() -> bool:
    """Tell whether the backend is TensorFlow without a GPU; call it after start()."""
    if backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.get_visible_devices("GPU")


def _choose(config: RunConfig, gpus: int) -> list[int]:
    """Return the numbers of the GPUs to use, out of `gpus`; an empty list means the CPU."""
    kind, _, number = config.device.partition(":")
    visible = f"{gpus} GPU(s), gpu:0 to gpu:{gpus - 1}" if gpus else "no GPU"
    if config.strategy == "mirrored" and kind != "cpu":
        if gpus < 2:
            raise InputError(
                f"--strategy mirrored --device {config.device}: TensorFlow sees {visible} here, and the strategy "
                f"needs 2 or more; --device cpu:2 splits the CPU into 2 devices"
            )
        return list(range(gpus))
    if kind == "cpu" or (kind == "auto" and gpus == 0):
        return []
    cluster = cluster_of(config)  # workers on one machine take one GPU each
    gpu = int(number or 0) if number or cluster is None else cluster.local_index
    if gpu >= gpus:
        needed = "" if number or cluster is None else f", and worker {cluster.index} would take gpu:{gpu}"
        raise InputError(f"--device {config.device}: TensorFlow sees {visible} here{needed}; use --device cpu or auto")
    return [gpu]


def _names(config: RunConfig, chosen: list[int]) -> list[str]:
    """Return TensorFlow's names of the devices to mirror over; it numbers the visible GPUs from 0."""
    return [f"GPU:{i}" for i in range(len(chosen))] or [f"CPU:{i}" for i in range(int(config.device[4:] or 0))]


def _split_cpu(tf: Any, count: int) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    if len(tf.config.get_logical_device_configuration(cpu) or [None]) == count:
        return
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError:
        raise InputError(f"--device cpu:{count}: too late, TensorFlow is already running in this process") from None


def threads_in_use() -> int | None:
    """Return the CPU threads of a step, once start() has been called; None under JAX, which does not tell."""
    if backend() != "tensorflow":
        return None
    import tensorflow as tf

    return tf.config.threading.get_intra_op_parallelism_threads() or cores()


def _limit_threads(tf: Any, threads: int | None) -> None:
    if threads is None or threads_in_use() == threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        raise InputError(f"--threads {threads}: too late, TensorFlow is already running in this process") from None


def _start_jax(config: RunConfig) -> dict[str, Any]:
    if config.threads is not None:
        raise InputError(f"--threads {config.threads}: JAX uses all cores it may; taskset -c 0,1 allows it two")
    import jax
    import keras

    gpus = [device for device in jax.devices() if device.platform == "gpu"]
    kind, _, number = config.device.partition(":")
    gpu = int(number or 0)
    name, device = "cpu", None
    if kind == "gpu" or (kind == "auto" and gpus):
        if gpu >= len(gpus):
            visible = f"{len(gpus)} GPU(s)" if gpus else "no GPU"
            raise InputError(f"--device {config.device}: JAX sees {visible} here; use --device cpu or auto")
        name, device = f"gpu:{gpu}", gpus[gpu]
    jax.config.update("jax_default_device", device or jax.devices("cpu")[0])
    keras.config.set_dtype_policy(PRECISIONS[config.precision].policy)
    why = " (auto: no GPU is visible to JAX)" if config.device == "auto" and name == "cpu" else ""
    print(f"device {name}{why}, JAX {jax.__version__}, {config.precision}", flush=True)
    return {"device": name, "backend": "jax", "jax": jax.__version__, "precision": config.precision}
