"""Ways to harm a valid file: bytes, values in JSON and TOML, members of archives."""

import io
import json
import random
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.fuzz_contents import array

# What a number, a text or a list in JSON becomes.
ODD: tuple[str, ...] = (
    "null", "true", "-1", "0", "1e999", "NaN", "9" * 5000, "1." + "0" * 400 + "1", '""', '"\\u0000"', '"\\ud800"', "[]",
    "{}", "[[[]]]", '{"a": {"b": null}}', '"../../x"', '"' + "x" * 9000 + '"', "[" * 30_000, "[null]", '"3"', "0.5",
)  # fmt: skip
_TOML_ODD = (*ODD, "1979-05-27", "'''", "inf", "{ a = 1 }", "[1, 'a']")


def mutations(content: bytes, file: str, draw: random.Random) -> Iterator[bytes]:
    """Yield malformed versions of `content`, without end."""
    kinds = [_cut, _flipped, _spliced, _noise]
    if file.endswith(".json") or file == "tf_config":
        kinds += [_json] * 12
    elif file.endswith(".toml"):
        kinds += [_toml] * 8
    elif file.endswith(".csv"):
        kinds += [_csv] * 8
    elif content[:2] == b"PK":
        kinds += [_zip] * 8
    while True:
        yield draw.choice(kinds)(content, draw)


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content) or 1)]


def _flipped(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice((1, 3, 30))):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def _spliced(content: bytes, draw: random.Random) -> bytes:
    a, b = sorted(draw.randrange(len(content)) for _ in range(2))
    return content[:b] + content[a:]


def _noise(content: bytes, draw: random.Random) -> bytes:
    return draw.choice((b"", b"\0" * 100, draw.randbytes(300), b"\xef\xbb\xbf" + content, b"{}", b"[]", b"3"))


def _json(content: bytes, draw: random.Random) -> bytes:
    """Replace one value by an odd one, or take one key away."""
    tree = json.loads(content)
    places = list(_places(tree))
    where, key = draw.choice(places)
    if isinstance(where, dict) and draw.random() < 0.3:
        del where[key]
        return json.dumps(tree).encode()
    where[key] = "@odd@"
    return json.dumps(tree).replace('"@odd@"', draw.choice(ODD), 1).encode()


def _places(tree: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if depth < 2 or len(tree) < 20:
            yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value, depth + 1)


def _toml(content: bytes, draw: random.Random) -> bytes:
    lines = content.decode().splitlines()
    chosen = draw.choice([i for i, line in enumerate(lines) if "=" in line])
    lines[chosen] = f"{lines[chosen].partition('=')[0]} = {draw.choice(_TOML_ODD)}"
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _csv(content: bytes, draw: random.Random) -> bytes:
    """Replace one cell by an odd one, or take it away."""
    lines = [line.split(",") for line in content.decode().splitlines()]
    cells = draw.choice(lines)
    place = draw.randrange(len(cells))
    cells[place : place + 1] = [draw.choice((*ODD, "yes", "a\nb", "x" * 200_000, ",", ";", '"', "\0"))][
        : draw.randrange(4)
    ]
    return "\n".join(map(",".join, lines)).encode("utf-8", "surrogatepass")


def _zip(content: bytes, draw: random.Random) -> bytes:
    """Change a member: damaged, gone, compressed otherwise, an array of another kind, or one that declares too much."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw.choice(sorted(members))
    kind = draw.randrange(7)
    if kind == 0:
        del members[name]
    elif kind == 1:
        members[name] = _flipped(members[name] or b"x", draw)
    elif kind == 2:
        members[name] = array(np.array([{"a": 1}], dtype=object)) if draw.random() < 0.5 else b"no array"
    elif kind == 3:
        odd = (np.zeros((0, 3)), np.array(3), np.array("text"), np.full((3, 2), np.nan), np.zeros((2, 2, 2), "S5"))
        members[name] = array(draw.choice(odd))
    elif kind == 4:
        members[name] = members[name].replace(b"(", f"({10 ** draw.choice((6, 12, 17))}, ".encode(), 1)
    elif kind == 5 and name.endswith(".json"):
        members[name] = _json(members[name], draw)
    packed = io.BytesIO()
    method = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(packed, "w", method if kind == 6 else zipfile.ZIP_DEFLATED) as archive:
        for member, value in members.items():
            archive.writestr(member, value)
    return packed.getvalue()
