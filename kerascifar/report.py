"""Compare finished runs: one HTML page that works offline, and the same in Markdown.

    python -m kerascifar.report saved_models --out report
    python -m kerascifar.report saved_models/lai RUN RUN --out report
    python -m kerascifar.report saved_models --audit saved_models/audits/cifar10 --out report
    python -m kerascifar.report saved_models --details 624d50aa7526 --out report

A PATH is a run folder, or any folder above run folders. DIR gets report.html, which needs no other file, and report.md
with figures/. Each run has a row; the best and those of --details are shown with their curves, confusions and, if the
data set is found locally, the images that they label right and wrong. A run whose files are corrupt is named and left
out. Nothing is trained and nothing is downloaded.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from kerascifar.cli import Parser, add_flags, entry, suggest
from kerascifar.core.errors import InputError
from kerascifar.core.shown import printable
from kerascifar.evaluation.selection import read_audit
from kerascifar.plugins.loading import parse
from kerascifar.reporting.report import make_report, write_report


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.report", description=__doc__)
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="a run folder, or a folder above some")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where to write")
    audit_help = "an audit's folder: adds accuracies with and without what its pairs.csv and labels.csv name"
    parser.add_argument("--audit", metavar="DIR", type=Path, help=audit_help)
    details_help = (
        "shown in detail besides the best: a run's folder or id, a folder above some, or all; may be repeated"
    )
    parser.add_argument("--details", metavar="RUN", action="append", default=[], help=details_help)
    add_flags(parser, ("data_dir",))
    args = parse(parser, argv)
    if args.out.exists() and not args.out.is_dir():
        raise InputError(f"--out: expected a folder, got the file {args.out}")
    audit = None if args.audit is None else read_audit(args.audit, "--audit")
    gathered, (sections, left_out) = make_report(args.paths, getattr(args, "data_dir", None), audit, args.details)
    for line in left_out:
        print(f"left out: {printable(line)}", file=sys.stderr)
    write_report(args.out, sections, gathered)
    html, markdown = args.out / "report.html", args.out / "report.md"
    print(f"{len(gathered.runs)} runs in {html}, to be opened in a browser, and in {markdown}")
    if not all(run.detailed for run in gathered.runs):
        suggest("kerascifar.report", *args.paths, "--details", "all", "--out", args.out)


if __name__ == "__main__":
    entry(main)
