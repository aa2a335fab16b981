"""Where it runs and where its files go: folders, device, threads, precision."""

from dataclasses import dataclass

from kerascifar.core.fields import FOLDER_NAME, POSITIVE, one_of, option
from kerascifar.core.precisions import PRECISIONS


@dataclass(frozen=True)
class MachineConfig:
    """The run folder and the machine."""

    name: str | None = option(
        None,
        "folder of the run under --runs; the arch if not given",
        FOLDER_NAME,
        identity=False,
        everyday=True,
    )
    runs: str = option("saved_models", "folder that holds all runs", identity=False, everyday=True)
    again: bool = option(
        False, "train anew although a finished run or a checkpoint is there", identity=False, everyday=True
    )
    checkpoint_steps: int | None = option(None, "also save every N steps within an epoch", POSITIVE, identity=False)
    device: str = option(
        "auto",
        "auto, cpu, gpu or gpu:N; cpu:N cuts the CPU in N devices for --strategy mirrored",
        machine=True,
        timed=True,
        everyday=True,
    )
    strategy: str = option(
        "none",
        "how a step is divided: none, mirrored over the GPUs of this machine, or multiworker over processes",
        one_of("none", "mirrored", "multiworker"),
        engines=("keras",),
    )
    input: str = option(
        "tf.data",
        "what augments and serves the training images: tf.data, or arrays: no tf.data, as KERAS_BACKEND=jax needs it",
        one_of("tf.data", "arrays"),
        identity=False,
    )
    threads: int | None = option(None, "CPU threads; all cores if not given", POSITIVE, machine=True, timed=True)
    memory: str | None = option(
        None, "working memory of knn and nearest_centroid, such as 1GiB or 512MiB", engines=("baseline",), machine=True
    )
    precision: str = option(
        "float32",
        "float32, mixed_float16, mixed_bfloat16, or bfloat16_convolutions: bfloat16 in convolutions that are not "
        "depthwise, float32 in all else; auto is one of these without float16, by what this processor gains",
        one_of(*PRECISIONS),
        engines=("keras",),
        timed=True,
        everyday=True,
    )
    precision_auto: bool = option(False, "the precision was chosen by --precision auto", identity=False, asked=False)
