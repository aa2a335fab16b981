"""One worker of a search on several processes or machines: asks the chief for trials, and shows that it is alive."""

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.files import safe_name
from tuner.definition import Search

# KerasTuner's variables: whether this process is the chief or a worker, and where the chief listens. All processes must
# see the search's folder. The protocol has no password: use it on this machine or in a network that you trust.
TUNER_ID, ADDRESS, PORT = "KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"
# Our variable, set for workers that a chief has started itself. They end when its pipe to them closes.
LIFELINE = "KERASCIFAR_TUNER_LIFELINE"
PATIENCE = 600.0  # seconds that a worker waits for a chief's first sign of life, and a chief for a worker's


def role(environment: Mapping[str, str]) -> str | None:
    """Return "chief", "worker", or None where the environment names neither.

    Raises InputError: only some of the variables are set, or a worker's name is none for its files.
    """
    names = (TUNER_ID, ADDRESS, PORT)
    missing = [name for name in names if not environment.get(name)]
    if len(missing) == len(names):
        return None
    if missing:
        present = " and ".join(name for name in names if name not in missing)
        raise InputError(f"{present} is set, so {', '.join(missing)} must be set too (or none of them)")
    return "chief" if "chief" in safe_name(environment[TUNER_ID], TUNER_ID) else "worker"


def pulse_file(folder: Path, tuner_id: str) -> Path:
    """Return the file that the worker `tuner_id` keeps changing while it is alive."""
    return folder / "workers" / f"{tuner_id}.pulse"


def work(search: Search, timeout: float) -> None:
    """Run trials until the chief has no more.

    Args:
        search: the same as the chief's.
        timeout: seconds of silence after which the chief takes a worker for dead.

    Raises:
        InputError: the chief's search is another one, or there is no chief; or as a trial raises.
    """
    if os.environ.get(LIFELINE):
        threading.Thread(target=_end_with_chief, daemon=True).start()
    waited_until = time.monotonic() + PATIENCE
    while not search.file.exists():
        if time.monotonic() > waited_until:
            raise InputError(
                f"no chief has begun a search in {search.folder} for {PATIENCE:.0f} s; do all machines see this folder?"
            )
        time.sleep(1)
    search.compare()
    pulse = pulse_file(search.folder, os.environ[TUNER_ID])
    threading.Thread(target=_beat, args=(pulse, timeout / 6), daemon=True).start()

    import grpc

    from tuner.oracles import make_oracle
    from tuner.search import Trials, run_trials

    try:
        run_trials(Trials(search, make_oracle(search)))
    except grpc.RpcError as error:
        where = f"{os.environ[ADDRESS]}:{os.environ[PORT]}"
        raise InputError(f"the chief at {where} does not answer ({error.code().name}); start it first") from None
    pulse.unlink(missing_ok=True)


def _beat(pulse: Path, pause: float) -> None:
    """Change the file `pulse` every `pause` seconds; the chief watches its content, as clocks may differ."""
    count = 0
    while True:
        files.write_text(pulse, f"{os.getpid()} {count}\n")
        count += 1
        time.sleep(pause)


def _end_with_chief() -> None:
    """End this process when the chief's end of stdin closes, which happens however the chief ends."""
    while os.read(0, 1):  # not sys.stdin: holding its lock here would abort Python's own shutdown
        pass
    os._exit(1)
