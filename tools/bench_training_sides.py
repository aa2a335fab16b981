"""One side of bench_training.py, in a process of its own: `python bench_training_sides.py SIDE NET OPTIONS`.

OPTIONS is a JSON object with batch_size, steps (of a turn) and threads. The process prints one JSON object a line: its
versions when it is warm, then images/s for each line it reads, and its peak memory when its input ends.
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


def kerascifar(net: str, batch_size: int, steps: int, threads: int) -> Iterator[float]:
    """Train as `python -m kerascifar.train` does, an epoch of `steps` steps a turn; yield images/s of each.

    The figure is Recorder's, the one that ends in result.json: steps from an epoch's begin to its last batch, hence
    with pipeline, metrics, callbacks and progress bar, without validation and checkpoint.
    """
    from kerascifar.configure import configure
    from kerascifar.data.datasets import load
    from kerascifar.devices import placement
    from kerascifar.training import fit

    config = configure(
        arch=net, dataset=f"synthetic:{steps * batch_size}", validation=0, batch_size=batch_size,
        optimizer="sgd", learning_rate=RATE, momentum=MOMENTUM, schedule="constant", device="cpu", threads=threads,
    )  # fmt: skip
    placement.start(config)
    data = load(config)
    model = fit.compiled_model(config, data)
    with tempfile.TemporaryDirectory() as folder:
        for epochs in itertools.count(1):  # each turn goes on from the last one's checkpoint
            rates, _ = fit.train(model, dataclasses.replace(config, epochs=epochs), data, Path(folder))
            yield rates[-1] * batch_size


def pytorch(net: str, batch_size: int, steps: int, threads: int, compiled: bool = False) -> Iterator[float]:
    """Train the twin of tests/twins, `steps` steps a turn; yield images/s of each.

    PyTorch gets all the help there is: channels_last, batches that lie in memory as normalised float32, integer labels,
    no metric.
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
        begun = time.perf_counter()
        for step in range(steps):
            optimizer.zero_grad()
            loss_of(call(batches[step % POOL]), labels[step % POOL]).backward()
            optimizer.step()
        yield steps * batch_size / (time.perf_counter() - begun)


def torch_compile(net: str, batch_size: int, steps: int, threads: int) -> Iterator[float]:
    """As `pytorch`, through torch.compile."""
    return pytorch(net, batch_size, steps, threads, compiled=True)


SIDES: dict[str, Callable[..., Iterator[float]]] = {
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

    turns = SIDES[side](net, **json.loads(options))
    next(turns)  # traces or compiles
    packages = ("tensorflow", "keras") if side == "kerascifar" else ("torch",)
    answer(versions={name: sys.modules[name].__version__ for name in packages})
    for _ in sys.stdin:
        answer(images_per_second=next(turns))
    answer(peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
