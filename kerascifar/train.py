"""Train one net, or fit one baseline, and leave a result that can be trusted.

    python -m kerascifar.train --arch mobilenet_mod
    python -m kerascifar.train --arch mobilenet_v2 --tcns "1,16,1,1;6,24,2,2;6,96,2,2" --dataset cifar100
    python -m kerascifar.train --config my_run.toml --epochs 5

A run goes to RUNS/NAME/RUN-ID. Killed and started again, the same command goes on where it was.
"""

from collections.abc import Sequence

from kerascifar.cli import Parser, add_flags, entry, print_result
from kerascifar.configure import configure, read_config


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    usage = "%(prog)s [--arch NAME] [--dataset NAME] [FLAG …]"
    parser = Parser(prog="python -m kerascifar.train", usage=usage, description=__doc__)
    parser.add_argument("--list", action="store_true", help="list the architectures with parameters and sources")
    parser.add_argument("--list-augment", action="store_true", help="list the augmentation policies with their parts")
    parser.add_argument("--config", metavar="FILE.toml", help="take these flags from a TOML file; a flag overrides it")
    add_flags(parser)
    given = vars(parser.parse_args(argv))
    listing, policies, file = given.pop("list"), given.pop("list_augment"), given.pop("config")
    if listing or policies:
        from kerascifar.architectures import list_architectures
        from kerascifar.augment.policies import list_policies

        list_architectures() if listing else list_policies()
        return
    config = configure(**{**(read_config(file) if file else {}), **given})

    from kerascifar.run import run

    print_result(config, run(config))


if __name__ == "__main__":
    entry(main)
