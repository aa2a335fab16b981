"""Train one net, or fit one baseline, and score it once on the test images.

    python -m kerascifar.train --arch mobilenet_mod
    python -m kerascifar.train --arch mobilenet_v2 --tcns "1,16,1,1;6,24,2,2;6,96,2,2" --dataset cifar100
    python -m kerascifar.train --config my_run.toml --epochs 5

A run lies in RUNS/NAME/RUN-ID. If it was killed, the same command resumes it.
"""

from collections.abc import Sequence

from kerascifar.cli import Parser, add_flags, entry, print_result, suggest
from kerascifar.configure import configure, read_config
from kerascifar.core.shown import printable
from kerascifar.data.exclusion import hold
from kerascifar.plugins.loading import parse
from kerascifar.training.precision import as_begun


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    usage = "%(prog)s [--arch NAME] [--dataset NAME] [FLAG …]"
    parser = Parser(prog="python -m kerascifar.train", usage=usage, description=__doc__)
    parser.add_argument("--list", action="store_true", help="list the architectures with their sizes and sources")
    parser.add_argument("--list-augment", action="store_true", help="list the augmentation policies, with transforms")
    parser.add_argument("--config", metavar="FILE.toml", help="take flags from a TOML file; those given override it")
    parser.add_argument(
        "--seeds", metavar="N", type=int, default=1, help="train with N seeds, and tell mean and spread"
    )
    parser.add_argument("--dry-run", action="store_true", help="measure what time and memory it takes; train nothing")
    add_flags(parser)
    fields = vars(parse(parser, argv))
    architectures, policies, file, seeds, dry = map(fields.pop, ("list", "list_augment", "config", "seeds", "dry_run"))
    if architectures or policies:
        from kerascifar.architectures import list_architectures
        from kerascifar.augment.policies import list_policies

        list_architectures() if architectures else list_policies()
        return
    config = hold(configure(**{**(read_config(file) if file else {}), **fields}))

    from kerascifar.studies.seeds import mean_and_spread, of_seeds, run_all

    configs = [as_begun(one) for one in of_seeds(config, seeds)]
    if dry:
        from kerascifar.studies.forecast import forecast

        print("\n".join(map(printable, forecast(configs))))
        return
    for line in mean_and_spread(run_all(configs, print_result)):
        print(line)
    suggest("kerascifar.report", config.runs, "--out", "report")


if __name__ == "__main__":
    entry(main)
