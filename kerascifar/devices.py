"""Where a run computes: device, precision, threads. TensorFlow starts here, quietly."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from kerascifar.config import RunConfig
from kerascifar.errors import InputError


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
        InputError: not auto, cpu, gpu or gpu:N.
    """
    kind, _, number = config.device.partition(":")
    if kind not in ("auto", "cpu", "gpu") or (number and (kind != "gpu" or not number.isdigit())):
        raise InputError(f"--device: expected auto, cpu, gpu or gpu:N, got {config.device!r}")


def start(config: RunConfig) -> dict[str, Any]:
    """Import Keras on TensorFlow, choose device, threads and precision, and say in one line what was taken.

    Returns:
        The choice, for result.json.

    Raises:
        InputError: the device is not there, or the thread count can no longer be changed in this process.
    """
    check_device(config)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with quiet():
        import keras
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        _limit_threads(tf, config.threads)
        chosen = _choose(config.device, len(gpus))
        if gpus:
            tf.config.set_visible_devices([] if chosen is None else [gpus[chosen]], "GPU")
        tf.zeros(())  # starts the runtime while its messages are held back
    keras.config.set_dtype_policy(config.precision)
    taken = {
        "device": "cpu" if chosen is None else f"gpu:{chosen}",
        "threads": config.threads or os.cpu_count(),
        "precision": config.precision,
    }
    why = " (auto: no GPU is visible to TensorFlow)" if config.device == "auto" and chosen is None else ""
    print(f"device {taken['device']}{why}, {taken['threads']} threads, {config.precision}", flush=True)
    return taken


def _choose(device: str, gpus: int) -> int | None:
    """Return the number of the GPU to use, or None for the CPU."""
    kind, _, number = device.partition(":")
    if kind == "cpu" or (kind == "auto" and gpus == 0):
        return None
    wanted = int(number or 0)
    if wanted >= gpus:
        there = f"{gpus} GPU(s), gpu:0 to gpu:{gpus - 1}" if gpus else "no GPU"
        raise InputError(f"--device {device}: TensorFlow sees {there} here; use --device cpu or auto")
    return wanted


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
