"""Search the settings of a training: each trial is a training, scored by its validation accuracy alone.

    python -m tuner --arch custom_cnn --optimizer adam --epochs 15 --train-best
    python -m tuner --arch modified_net --space study004 --oracle grid --seeds 3
    python -m tuner --arch resnet18 --space my_space.toml --workers 2 --dir saved_models/my_search
    python -m tuner show saved_models/my_search

The same command resumes a search that was killed. On several machines, set KERASTUNER_TUNER_ID (chief, or a name per
worker), KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT, and run the same command on all, in a folder that all see;
the protocol has no password, so only in a network that you trust. tensorboard --logdir DIR shows the trials (HParams).
"""

import os
from collections.abc import Sequence
from pathlib import Path

from kerascifar.cli import Parser, add_flags, entry, print_result, suggest
from kerascifar.config import FIELDS
from kerascifar.configure import read_config
from kerascifar.core.errors import InputError
from kerascifar.plugins.loading import parse
from tuner.definition import ORACLES, make_search
from tuner.outcome import print_trials, write_best
from tuner.spaces import SPACES
from tuner.worker import role


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    if argv[:1] == ["show"]:
        parser = Parser(prog="python -m tuner show", description="Print the table of the trials of a search.")
        parser.add_argument("dir", metavar="DIR", help="the search's folder")
        print_trials(Path(parser.parse_args(argv[1:]).dir))
        return
    flags = vars(parse(_parser(), argv))
    fields = {name: value for name, value in flags.items() if name in FIELDS}
    search = make_search({**(read_config(flags["config"]) if flags["config"] else {}), **fields}, flags)
    workers, timeout = flags["workers"], flags["worker_timeout"]
    if workers < 0 or timeout <= 0:
        raise InputError("--workers must be 0 or more, and --worker-timeout greater than 0")
    if fields.get("again"):
        raise InputError("--again does not apply to a search: give another --dir to search anew")
    own_role = role(os.environ)
    if search.file.exists():
        search.compare()  # repeated once the folder is locked; here it answers before TensorFlow is imported

    from kerascifar.devices.placement import import_keras, need_tensorflow, quiet

    need_tensorflow("a search")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with quiet():
        import_keras()
        from tuner.chief import serve
        from tuner.search import run_search
    if own_role == "worker":
        from tuner.worker import work

        work(search, timeout)
        return
    if own_role == "chief" or workers:
        serve(search, workers, argv, timeout)
    else:
        run_search(search)
    print_trials(search.folder)
    config = write_best(search)
    print(f"best trial written to {search.folder / 'best.toml'}")
    if flags["train_best"]:
        from kerascifar.run import run

        print_result(config, run(config))
    else:
        suggest("kerascifar.train", "--config", search.folder / "best.toml")


def _parser() -> Parser:
    parser = Parser(prog="python -m tuner", description=__doc__)
    group = parser.add_argument_group("search")
    group.add_argument(
        "--space",
        metavar="NAME|FILE.toml",
        default="study002",
        help=f"what is varied: {', '.join(SPACES)}, or a file with lines such as batch_size = [32, 64] and "
        'learning_rate = {low = 1e-4, high = 1e-2, scale = "log"} (default study002)',
    )
    group.add_argument("--oracle", metavar="NAME", default="bayesian", help=f"{', '.join(ORACLES)} (default bayesian)")
    group.add_argument(
        "--max-trials", metavar="N", type=int, help="trials in all, initial points included (default 14, grid: all)"
    )
    group.add_argument(
        "--initial-points", metavar="N", type=int, help="random points before the bayesian oracle optimises (default 4)"
    )
    group.add_argument("--seeds", metavar="N", type=int, default=1, help="trainings per trial, averaged (default 1)")
    group.add_argument("--dir", metavar="DIR", help="folder of the search (default RUNS/search-ARCH-OPTIMIZER-...)")
    group.add_argument("--train-best", action="store_true", help="train with the best settings, and score on test")
    group.add_argument(
        "--workers", metavar="N", type=int, default=0, help="start a chief and N workers on this machine"
    )
    group.add_argument(
        "--worker-timeout",
        metavar="SECONDS",
        type=float,
        default=60.0,
        help="silence after which a worker on another machine is taken for dead (default 60)",
    )
    parser.add_argument("--config", metavar="FILE.toml", help="take training flags from a TOML file")
    add_flags(parser)
    return parser


if __name__ == "__main__":
    entry(main)
