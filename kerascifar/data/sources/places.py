"""Where data sets are looked for, and how a missing file is fetched."""

import contextlib
import os
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.core.progress import drawn

PATIENCE = 6.0  # seconds until the network counts as unreachable, name look-up included


def keras_datasets() -> Path:
    """Return Keras's folder of downloads, ``~/.keras/datasets`` unless ``$KERAS_HOME`` says otherwise."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"


def tfds_folder() -> Path:
    """Return TFDS's folder of prepared sets, ``~/tensorflow_datasets`` unless ``$TFDS_DATA_DIR`` says otherwise."""
    return Path(os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets")


def places(config: RunConfig, *further: Path) -> list[Path]:
    """Return the folders to look in, in order.

    ``--data-dir`` alone where it is given, for whoever names a folder does not want another one's data; else
    ``$KERASCIFAR_DATA``, then `further`.

    Raises:
        InputError: ``--data-dir`` does not exist.
    """
    if config.data_dir is not None:
        folder = Path(config.data_dir)
        if not folder.exists():
            raise InputError(f"--data-dir: no such folder: {folder}")
        return [folder]
    named = os.environ.get("KERASCIFAR_DATA")
    return ([Path(named).expanduser()] if named else []) + list(further)


def looked_in(config: RunConfig, folders: list[Path]) -> str:
    """Return the places of a search for a message, in order."""
    if config.data_dir is not None:
        return f"--data-dir {config.data_dir}"
    unset = [] if os.environ.get("KERASCIFAR_DATA") else ["$KERASCIFAR_DATA (not set)"]
    return ", ".join(["--data-dir (not given)", *unset, *map(str, folders)])


def unreachable(url: str) -> str | None:
    """Return why `url` cannot be reached, or None where its server answers; within ``PATIENCE`` seconds.

    Goes through a proxy where the environment names one, as the download will.
    """
    outcome: list[str | None] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE):
                outcome.append(None)
        except urllib.error.HTTPError:  # a server that answers with an error is there all the same
            outcome.append(None)
        except OSError as error:
            outcome.append(str(getattr(error, "reason", error)))

    # In a thread, because a name look-up knows no timeout and can take longer than anyone waits.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return outcome[0] if outcome else f"no answer within {PATIENCE:.0f} s"


def fetch(url: str, md5: str, folder: Path) -> Path:
    """Download `url` into `folder` with Keras's progress bar, or a line, on stderr, check its MD5, return the file.

    Raises InputError: the download fails or its MD5 is not `md5`.
    """
    target = folder / url.rsplit("/", 1)[-1]
    try:
        from keras.utils import disable_interactive_logging, enable_interactive_logging, get_file

        folder.mkdir(parents=True, exist_ok=True)  # get_file goes to /tmp where its cache_dir is not there
        with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as after:  # stdout is for results
            if not drawn(sys.stderr):  # Keras's bar would go on all the same, with carriage returns
                print(f"downloading {url}", flush=True)
                disable_interactive_logging()
                after.callback(enable_interactive_logging)
            part = get_file(
                f"{target.name}.part",  # so that a killed download is not taken for the file
                url,
                file_hash=md5,
                hash_algorithm="md5",
                cache_dir=str(folder.parent),
                cache_subdir=folder.name,
            )
        os.replace(part, target)
    except Exception as error:  # get_file raises a bare Exception, and Keras what it will
        raise InputError(f"cannot download {url}: {' '.join(str(error).split())}") from None
    return target
