"""How figures are drawn whatever the person's Matplotlib is set to, and names in any script."""

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

FONT = "DejaVu Sans"  # comes with Matplotlib


@contextlib.contextmanager
def drawing(style: Mapping[str, Any], *shown: Any) -> Iterator[None]:
    """Let what is drawn in the block have Matplotlib's own defaults, `style`, and fonts for the names in `shown`.

    Draw those names as `legible` makes them.
    """
    import matplotlib

    letters = sorted({letter for value in shown for name in _names(value) for letter in name})
    families = dict.fromkeys([FONT, *filter(None, map(_font, letters))])
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # not those of a matplotlibrc, which may even ask for LaTeX
        # A name may hold a $, which begins mathematical text.
        matplotlib.rcParams.update({"text.parse_math": False, "font.family": list(families), **style})
        yield


def legible(value: Any) -> Any:
    r"""Return a name, or a list or mapping of names, with escapes for letters that no font here has; else `value`.

    >>> legible(["cat", "5 $", chr(27)])
    ['cat', '5 $', '\\x1b']
    """
    if isinstance(value, str):
        return "".join(c if _font(c) else c.encode("unicode_escape", "surrogatepass").decode() for c in value)
    if not _names(value):
        return value
    return {legible(k): v for k, v in value.items()} if isinstance(value, Mapping) else [legible(v) for v in value]


def _names(value: Any) -> Sequence[str]:
    """Return the names in `value`, if it is one, or a list or mapping of them."""
    names = [value] if isinstance(value, str) else value
    return list(names) if isinstance(names, Sequence | Mapping) and all(isinstance(n, str) for n in names) else []


@functools.cache
def _font(letter: str) -> str | None:
    """Return the family of an installed font that has `letter`, FONT where it does; None where none has."""
    return next((family for family, letters in _charmaps() if ord(letter) in letters), None)


def _charmaps() -> Iterator[tuple[str, frozenset[int]]]:
    """Yield family and code points of each upright font, FONT first; Matplotlib's own others are for maths."""
    from matplotlib import font_manager, get_data_path

    own = Path(get_data_path())
    yield FONT, _charmap(font_manager.findfont(FONT))
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: (font.name, font.fname)):
        if font.style == "normal" and font.weight == 400 and own not in Path(font.fname).parents:
            yield font.name, _charmap(font.fname)


@functools.cache
def _charmap(path: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # listed in Matplotlib's cache, and gone or unreadable since
        return frozenset()
