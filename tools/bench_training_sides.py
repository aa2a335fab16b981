"""One side of bench_training.py, in a process of its own: `python bench_training_sides.py SIDE NET OPTIONS`.

OPTIONS is a JSON object with batch_size, steps (of a turn), threads and precision. The process prints one JSON object a
line: its versions when it is warm, then images/s and CPU milliseconds an image for each line it reads, and its peak
memory when its input ends.
"""

import dataclasses
import importlib
import itertools
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CLASSES, SIDE, RATE, MOMENTUM = 10, 32, 0.01, 0.9
POOL = 8  # batches that PyTorch's side goes through again and again
Turns = Iterator[tuple[float, float]]  # images/s, and CPU milliseconds an image


def kerascifar(net: str, batch_size: int, steps: int, threads: int, precision: str = "float32") -> Turns:
    """Train as `python -m kerascifar.train` does, an epoch of `steps` steps a turn.

    The figures are Recorder's, those that end in result.json: from an epoch's begin to its last batch, hence with
    pipeline, metrics, callbacks and progress bar, without validation and checkpoint.
    """
    from kerascifar.configure import configure
    from kerascifar.data.datasets import load
    from kerascifar.devices import placement
    from kerascifar.training import fit

    config = configure(
        arch=net, dataset=f"synthetic:{steps * batch_size}", validation=0, batch_size=batch_size,
        optimizer="sgd", learning_rate=RATE, momentum=MOMENTUM, schedule="constant", device="cpu", threads=threads,
        precision=precision,
    )  # fmt: skip
    placement.start(config)
    data = load(config)
    model = fit.compiled_model(config, data)
    with tempfile.TemporaryDirectory() as folder:
        for epochs in itertools.count(1):  # each turn goes on from the last one's checkpoint
            rates, history = fit.train(model, dataclasses.replace(config, epochs=epochs), data, Path(folder))
            yield rates[-1] * batch_size, 1000 * history[-1]["cpu_seconds"] / (steps * batch_size)


def pytorch(
    net: str, batch_size: int, steps: int, threads: int, precision: str = "float32", compiled: bool = False
) -> Turns:
    """Train the twin of tests/twins, `steps` steps a turn.

    PyTorch gets all the help there is: channels_last, batches that lie in memory as normalised float32, integer labels,
    no metric. In mixed_bfloat16 it is autocast that decides what is computed so.
    """
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = importlib.import_module("twins").BUILDERS[net](CLASSES).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), RATE, MOMENTUM)
    loss_of = torch.nn.CrossEntropyLoss()
    call = torch.compile(model) if compiled else model
    images = torch.randn(POOL, batch_size, 3, SIDE, SIDE)
    batches = [x.contiguous(memory_format=torch.channels_last) for x in images]
    labels = torch.randint(CLASSES, (POOL, batch_size))
    for _ in itertools.count():
        begun, begun_cpu = time.perf_counter(), time.process_time()
        for step in range(steps):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed_bfloat16"):
                loss = loss_of(call(batches[step % POOL]), labels[step % POOL])
            loss.backward()
            optimizer.step()
        images, cpu = steps * batch_size, time.process_time() - begun_cpu
        yield images / (time.perf_counter() - begun), 1000 * cpu / images


def torch_compile(**options: Any) -> Turns:
    """As `pytorch`, through torch.compile."""
    return pytorch(**options, compiled=True)


SIDES: dict[str, Callable[..., Turns]] = {
    "kerascifar": kerascifar,
    "pytorch": pytorch,
    "torch_compile": torch_compile,
}


def main() -> None:
    """Speak the protocol of this file's docstring; all other output goes nowhere."""
    side, net, options = sys.argv[1:]
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "twins")]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def answer(**told: Any) -> None:
        print(json.dumps(told), file=answers, flush=True)

    turns = SIDES[side](net=net, **json.loads(options))
    next(turns)  # traces or compiles
    packages = ("tensorflow", "keras") if side == "kerascifar" else ("torch",)
    answer(versions={name: sys.modules[name].__version__ for name in packages})
    for _ in sys.stdin:
        rate, cpu_ms = next(turns)
        answer(images_per_second=rate, cpu_ms=cpu_ms)
    answer(peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
