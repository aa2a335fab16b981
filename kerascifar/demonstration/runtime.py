"""ONNX Runtime for browsers, no part of this package: one pinned version, checked before anything is written."""

import base64
import hashlib
import urllib.error
import urllib.request
from pathlib import Path

from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.data.sources.archives import read_files

VERSION = "1.30.0"
# Of a public mirror of published packages; the same files stand in the archive that `npm pack onnxruntime-web@VERSION`
# gets, which may be taken instead.
URL = f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{VERSION}/dist/"
LARGEST = 20 * 2**20  # bytes; none of the files is larger
BYTES = 33_106_585
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
FOLDER = "runtime"  # beside the page
SCRIPT = "ort.wasm.min.js"
# What a page needs for nets on the CPU, with the SHA-256 of each.
MEMBERS = {
    SCRIPT: "faece07e84faa9001f5104bbe4e5c70861d06cb2376a0dea1fa0ad33a67adc81",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
_SECONDS = 60  # without a byte


def integrity() -> dict[str, str]:
    """Return where the page finds the script, and the checksum without which a browser does not run it."""
    digest = base64.b64encode(bytes.fromhex(MEMBERS[SCRIPT])).decode()
    return {"src": f"{FOLDER}/{SCRIPT}", "integrity": f"sha256-{digest}"}


def fetch_runtime(into: Path, archive: Path | None = None) -> list[Path]:
    """Write the files in MEMBERS into the folder `into`, from URL, or from the pinned archive as a file.

    Returns the files' paths. Nothing is written unless all checksums are right.

    Raises InputError: they cannot be fetched or read, or are not the pinned ones.
    """
    if into.exists() and not into.is_dir():
        raise InputError(f"--fetch-runtime: expected a folder, got the file {into}")
    contents = {name: _download(name) for name in MEMBERS} if archive is None else _unpack(archive)
    for name, content in contents.items():
        files.write_atomically(into / name, lambda part, content=content: part.write_bytes(content))
    return [into / name for name in contents]


def _download(name: str) -> bytes:
    url = URL + name
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
            content = answer.read(LARGEST + 1)
    except (OSError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(f"cannot fetch {url} ({reason}); give the archive by --runtime-archive FILE") from None
    if len(content) > LARGEST:
        raise InputError(f"{url}: expected at most {LARGEST:,} bytes, got more")
    if (digest := hashlib.sha256(content).hexdigest()) != MEMBERS[name]:
        raise InputError(f"{url}: expected SHA-256 {MEMBERS[name]}, got {digest}")
    return content


def _unpack(archive: Path) -> dict[str, bytes]:
    _check(archive)
    return dict(read_files(archive, "package/dist", MEMBERS))


def _check(place: Path) -> None:
    """Refuse what is not the pinned archive."""
    what = f"{place}: expected onnxruntime-web-{VERSION}.tgz"
    try:
        if not place.is_file():
            raise InputError(f"--runtime-archive: there is no file {place}")
        if (size := place.stat().st_size) != BYTES:
            raise InputError(f"{what} of {BYTES:,} bytes, got {size:,}")
        with open(place, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {place}: {error.strerror}") from None
    if digest != SHA256:
        raise InputError(f"{what} with SHA-256 {SHA256}, got {digest}")
