"""Try a net in a browser, on this machine or from any web server.

    python -m kerascifar.demo tiny36k
    python -m kerascifar.demo RUN RUN2 --port 8080
    python -m kerascifar.demo tiny36k --out site
    python -m kerascifar.demo --fetch-runtime site/runtime

Without --out it serves a page to this machine alone: drop, paste, photograph or draw a picture, and see what the net
says and what that hangs on. With --out it writes the page and the net as ONNX: static files for any web server, whose
page runs the net itself. That takes ONNX Runtime's files too: --fetch-runtime downloads the one version that the page
accepts, 14 MB.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerascifar.cli import Parser, add_flags, entry
from kerascifar.config import MACHINE, flag
from kerascifar.core.errors import InputError
from kerascifar.core.finding import find_run
from kerascifar.core.shown import printable
from kerascifar.demonstration import runtime
from kerascifar.demonstration.gallery import photographs, test_images
from kerascifar.demonstration.live import open_nets
from kerascifar.demonstration.nets import MOST_NETS
from kerascifar.demonstration.server import DemoServer
from kerascifar.demonstration.site import write_site
from kerascifar.plugins.loading import parse

PORT = 8017
_EXPORTING = ("data_dir", "unverified", "threads")  # what an exported net may differ in


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.demo", description=__doc__)
    parser.add_argument("runs", metavar="RUN", nargs="*", help="a run folder or a shipped net's name, or two")
    parser.add_argument("--port", metavar="N", type=int, help=f"where to serve; 0 is any free port (default {PORT})")
    parser.add_argument("--out", metavar="DIR", type=Path, help="write static files there instead of serving")
    parser.add_argument("--int8", action="store_true", help="with --out: 8-bit nets, a quarter of the size")
    parser.add_argument("--fetch-runtime", metavar="DIR", type=Path, help="put ONNX Runtime's files there; with --out "
                        f"DIR/{runtime.FOLDER} by itself is where the page looks")  # fmt: skip
    parser.add_argument("--runtime-archive", metavar="FILE", type=Path, help="take them from this file, no network")
    add_flags(parser, MACHINE)
    args = parse(parser, argv)
    machine = {name: value for name, value in vars(args).items() if name in MACHINE}
    _check(args, machine)
    folders = [find_run(run) for run in args.runs]
    if args.fetch_runtime is not None:
        for path in runtime.fetch_runtime(args.fetch_runtime, args.runtime_archive):
            print(f"wrote {printable(path)}")
    if args.out is not None:
        _write(folders, args.out, args.int8, machine)
    elif folders:
        _serve(folders, PORT if args.port is None else args.port, machine)


def _check(args: argparse.Namespace, machine: dict[str, Any]) -> None:
    """Refuse arguments that do not belong together."""
    if not args.runs and (args.fetch_runtime is None or args.out is not None):
        raise InputError("RUN is missing: give a run folder or a shipped net's name, such as tiny36k")
    if len(args.runs) > MOST_NETS:
        raise InputError(f"RUN: at most {MOST_NETS} nets stand side by side, got {len(args.runs)}")
    if args.port is not None and not 0 <= args.port < 2**16:
        raise InputError(f"--port: must be from 0 to 65535, got {args.port}")
    if args.runtime_archive is not None and args.fetch_runtime is None:
        raise InputError("--runtime-archive: --fetch-runtime DIR, where its files go, is missing")
    if args.out is not None:
        if args.port is not None:
            raise InputError("--port is for the page that is served; --out only writes files")
        if other := [flag(name) for name in machine if name not in _EXPORTING]:
            raise InputError(f"{other[0]} does not apply with --out; {', '.join(map(flag, _EXPORTING))} do")
    elif args.int8:
        raise InputError("--int8 is for the files that --out DIR writes, which is missing")
    elif args.fetch_runtime is not None and args.runs:
        raise InputError("--fetch-runtime is for the files that --out DIR writes; the served page needs none")


def _write(folders: Sequence[Path], out: Path, int8: bool, machine: dict[str, Any]) -> None:
    for path in write_site(folders, out, int8, **machine):
        print(f"wrote {printable(path)}")
    if not (out / runtime.FOLDER / runtime.SCRIPT).is_file():
        print(f"still missing: python -m kerascifar.demo --fetch-runtime {printable(out / runtime.FOLDER)}")


def _serve(folders: Sequence[Path], port: int, machine: dict[str, Any]) -> None:
    live = open_nets(folders, **machine)
    data = live.nets[0].data
    with DemoServer(live, photographs() if data is None else test_images(data), port) as server:
        names = " and ".join(net.described.name for net in live.nets)
        print(f"{names}: open {server.url} in a browser on this machine; Ctrl-C ends it", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nended")


if __name__ == "__main__":
    entry(main)
