# Sourced by tools/run and tools/test: makes .venv from the pinned locks, once, and again when a lock changes.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.venv/bin/python

environment() { # environment LOCK...: every package of these locks is installed
    local stamp=$root/.venv/.installed-$(basename "${*: -1}") wanted
    wanted=$(cd "$root" && cat "$@" | cksum)
    if [ -x "$python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    if [ ! -x "$python" ]; then
        local base=${PYTHON:-}
        for candidate in python3.11 python3.12 python3.13 python3; do
            [ -n "$base" ] || ! "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null ||
                base=$candidate
        done
        if [ -z "$base" ]; then
            echo "error: no Python 3.11, 3.12 or 3.13 was found; install one, or name it: PYTHON=/path/to/python3.11 tools/run" >&2
            exit 2
        fi
        echo "making .venv with $("$base" --version)" >&2
        "$base" -m venv "$root/.venv"
    fi
    echo "installing the pinned packages (a few minutes, once)" >&2
    local locks=()
    for lock in "$@"; do locks+=(-r "$root/$lock"); done
    "$python" -m pip install --quiet --disable-pip-version-check --require-hashes "${locks[@]}"
    echo "$wanted" > "$stamp"
}
