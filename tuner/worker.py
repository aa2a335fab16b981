"""One worker of a search on several processes or machines: asks the chief for trials, and shows that it lives."""

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from kerascifar.core import files
from kerascifar.core.errors import InputError
from tuner.plan import Plan

# KerasTuner's own: whether this process is the chief or a worker, and where the chief listens. The folder of the search
# must be seen by all. The protocol has no password: use it on this machine or in a network that you trust.
TUNER_ID, ADDRESS, PORT = "KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"
# Ours: set for the workers that a chief has started itself. They end when its pipe to them closes.
LIFELINE = "KERASCIFAR_TUNER_LIFELINE"
PATIENCE = 600.0  # seconds that a worker waits for the chief's first sign, and a chief for a worker's


def role(environment: Mapping[str, str]) -> str | None:
    """Return "chief", "worker", or None where the environment names neither.

    Raises:
        InputError: only some of the variables are set.
    """
    found = [name for name in (TUNER_ID, ADDRESS, PORT) if environment.get(name)]
    if not found:
        return None
    if len(found) < 3:
        missing = ", ".join(name for name in (TUNER_ID, ADDRESS, PORT) if name not in found)
        raise InputError(f"{' and '.join(found)} is set, so {missing} must be set too (or none of them)")
    return "chief" if "chief" in environment[TUNER_ID] else "worker"


def pulse_file(folder: Path, tuner_id: str) -> Path:
    """Return the file that the worker `tuner_id` keeps changing while it lives."""
    return folder / "workers" / f"{tuner_id}.pulse"


def work(plan: Plan, timeout: float) -> None:
    """Run trials until the chief has no more.

    Args:
        plan: the same as the chief's.
        timeout: seconds of silence after which the chief takes a worker for dead.

    Raises:
        InputError: the chief's search is another one, or there is none; or a trial's own.
    """
    if os.environ.get(LIFELINE):
        threading.Thread(target=_end_with_chief, daemon=True).start()
    told = plan.folder / "search.json"
    waited_until = time.monotonic() + PATIENCE
    while not told.exists():
        if time.monotonic() > waited_until:
            raise InputError(
                f"no chief has begun a search in {plan.folder} for {PATIENCE:.0f} s; do all see this folder?"
            )
        time.sleep(1)
    plan.compare(told)
    pulse = pulse_file(plan.folder, os.environ[TUNER_ID])
    threading.Thread(target=_beat, args=(pulse, timeout / 6), daemon=True).start()

    import grpc

    from tuner.oracles import make_oracle
    from tuner.search import Trials, ask

    try:
        ask(Trials(plan, make_oracle(plan)))
    except grpc.RpcError as error:
        where = f"{os.environ[ADDRESS]}:{os.environ[PORT]}"
        raise InputError(f"the chief at {where} does not answer ({error.code().name}); start it, then this") from None
    pulse.unlink(missing_ok=True)


def _beat(pulse: Path, pause: float) -> None:
    """Change the file `pulse` every `pause` seconds: the chief watches its content, for clocks may differ."""
    count = 0
    while True:
        files.write_text(pulse, f"{os.getpid()} {count}\n")
        count += 1
        time.sleep(pause)


def _end_with_chief() -> None:
    """End this process when the chief's end of stdin closes, which it does however the chief ends."""
    while os.read(0, 1):  # not sys.stdin: its lock, held here, would abort Python's own end
        pass
    os._exit(1)
