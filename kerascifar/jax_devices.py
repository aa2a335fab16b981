"""Where a run computes under KERAS_BACKEND=jax; TensorFlow is not imported."""

from typing import Any

from kerascifar.config import RunConfig
from kerascifar.errors import InputError


def start(config: RunConfig) -> dict[str, Any]:
    """Import Keras on JAX, choose device and precision, and say in one line what was taken.

    Returns:
        The choice, for result.json.

    Raises:
        InputError: the device is not there, or JAX cannot do what is asked for.
    """
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
