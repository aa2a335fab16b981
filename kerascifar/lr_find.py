"""Find a learning rate by a range test: a few hundred steps at rising rates, from the weights a training begins with.

    python -m kerascifar.lr_find --arch modified_net --optimizer adam
    python -m kerascifar.lr_find --config my_run.toml --init-weights saved_models/tiny36k --out rates.png

Takes the flags of kerascifar.train; --learning-rate, --schedule and --warmup give way to the rising rate. Stops where
the loss diverges. Suggests a tenth of the rate at which the smoothed loss (a running median) was lowest, and writes a
picture, with the numbers in a CSV of the same name beside it. Nothing is kept of the training, and no run is changed.
"""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from kerascifar.architectures import ARCHITECTURES, engine
from kerascifar.cli import Parser, add_flags, as_flags, entry, suggest
from kerascifar.configure import configure, read_config
from kerascifar.core import files, progress
from kerascifar.core.errors import InputError
from kerascifar.core.shown import printable
from kerascifar.data.datasets import load
from kerascifar.data.exclusion import hold
from kerascifar.plots.range_test import draw_range_test
from kerascifar.plugins.loading import parse
from kerascifar.training.range_test import (
    DECADE,
    half_window,
    rising_rates,
    smooth,
    suggest_rate,
    until_divergence,
)

_STEPS, _FEWEST, _MOST = 200, 40, 2000


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    usage = "%(prog)s [--arch NAME] [--dataset NAME] [FLAG …]"
    parser = Parser(prog="python -m kerascifar.lr_find", usage=usage, description=__doc__)
    parser.add_argument("--low", metavar="X", type=float, default=1e-6, help="first rate (default 1e-6)")
    parser.add_argument("--high", metavar="X", type=float, default=10.0, help="last rate (default 10)")
    parser.add_argument("--steps", metavar="N", type=int, default=_STEPS, help=f"steps at most (default {_STEPS})")
    parser.add_argument("--out", metavar="FILE.png", type=Path, help="where to write (lr_find-ARCH-DATASET.png)")
    parser.add_argument("--config", metavar="FILE.toml", help="take flags from a TOML file; those given override it")
    add_flags(parser)
    fields = vars(parse(parser, argv))
    low, high, steps, out, file = map(fields.pop, ("low", "high", "steps", "out", "config"))
    _check(low, high, steps, out)
    config = hold(configure(**{**(read_config(file) if file else {}), **fields}))
    out = out or Path(f"lr_find-{config.arch}-{config.dataset}.png".replace(":", "-").replace("/", "-"))

    rates, half = rising_rates(low, high, steps), half_window(steps)
    swept = engine(config.arch).sweep(config, ARCHITECTURES[config.arch], load(config), rates)
    losses = list(until_divergence(progress.counted(swept, steps, "range test", "step"), half))
    found, smoothed = suggest_rate(rates, losses, half), smooth(losses, half)
    tried = rates[: len(losses)]
    files.write_text(out.with_suffix(".csv"), _as_csv(tried, losses, smoothed))
    figure = draw_range_test(tried, losses, smoothed, {"suggested": found.rate, "lowest loss": found.lowest})
    files.write_atomically(out, lambda part: figure.savefig(part, format="png", dpi=120))
    end = f"diverged at {rates[len(losses)]:.2g}" if len(losses) < steps else f"did not diverge up to {high:g}"
    print(f"lowest loss {found.loss:.4f} at a learning rate of {found.lowest:.2g}; it {end}, after {len(losses)} steps")
    print(f"it fell fastest at {found.steepest:.2g}")
    print(f"suggested: --learning-rate {found.rate:.2g}, a decade below the lowest loss, where there is room for noise")
    print(f"wrote {printable(out)} and {printable(out.with_suffix('.csv'))}")
    fields.pop("learning_rate", None)
    given = [*(("--config", file) if file else ()), *as_flags(fields)]
    suggest("kerascifar.train", *given, "--learning-rate", f"{found.rate:.2g}")


def _check(low: float, high: float, steps: int, out: Path | None) -> None:
    """Refuse rates and numbers of steps between which nothing could be found, and another file than a PNG."""
    if not 0 < low < math.inf:
        raise InputError(f"--low: must be greater than 0, got {low:g}")
    if not low * DECADE <= high < math.inf:
        raise InputError(f"--high: must be at least 10 times --low {low:g}, got {high:g}")
    if not _FEWEST <= steps <= _MOST:
        raise InputError(f"--steps: must be from {_FEWEST} to {_MOST}, got {steps}")
    if out is not None and out.suffix.lower() != ".png":
        raise InputError(f"--out: expected a file name ending in .png, got {out}")


def _as_csv(rates: Sequence[float], losses: Sequence[float], smoothed: Sequence[float]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("learning_rate", "loss", "smoothed_loss"))
    writer.writerows(zip(rates, losses, smoothed, strict=True))
    return text.getvalue()


if __name__ == "__main__":
    entry(main)
