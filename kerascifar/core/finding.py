"""Which run folder a RUN means: a path, or the name of a shipped net."""

from pathlib import Path

from kerascifar.core import shipped
from kerascifar.core.errors import InputError
from kerascifar.core.origin import finished_runs, place


def find_run(path: str | Path) -> Path:
    """Return the run folder that RUN means: itself, the one finished run in it, or a shipped net by its name.

    Raises InputError: `path` is none of these, or holds several finished runs.
    """
    path = place(path)
    if not path.is_dir():
        what = "comes with the repository alone" if str(path) in shipped.NETS else "is not a folder"
        raise InputError(
            f"RUN {path} {what}; give a run folder such as saved_models/NAME/RUN-ID, or the name of a shipped "
            f"net: {', '.join(shipped.at_hand())}"
        )
    runs = finished_runs(path)
    if len(runs) == 1:
        return runs[0]
    if not runs:
        raise InputError(f"RUN {path} holds no finished run (no result.json in it or one folder below)")
    raise InputError(f"RUN {path} holds {len(runs)} finished runs; name one: {', '.join(r.name for r in runs)}")


def find_own_run(path: str | Path) -> Path:
    """Return what `find_run` does, for a command that writes into the folder; a shipped net's stays as it is.

    Raises InputError: as `find_run`, or `path` is the name of a shipped net.
    """
    folder = find_run(path)
    if not Path(path).exists():
        raise InputError(
            f"RUN {path} comes with the program, and what this writes would lie in its folder; copy it first: "
            f"python -m kerascifar.card {path} --out nets"
        )
    return folder
