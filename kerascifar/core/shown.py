"""How text out of files, such as names of pictures and classes, is shown on a terminal, in a CSV and in a notebook."""

import html
import os
import re
from collections.abc import Iterable, Sequence

# Control characters, breaks of lines, changes of the direction of writing, and bytes that were no UTF-8.
_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: object) -> str:
    r"""Return `text` on one line that any UTF-8 file can hold and no terminal obeys; what it hides is escaped.

    >>> print(printable("caf\udce9\n\x1b[2J"))
    caf\xe9\n\x1b[2J
    """
    return _UNSHOWABLE.sub(_escaped, str(text))


def _escaped(found: re.Match[str]) -> str:
    place = ord(found[0])
    # Python reads a byte b of a name that is no UTF-8 as the character 0xDC00 + b.
    return f"\\x{place - 0xDC00:02x}" if 0xDC80 <= place <= 0xDCFF else found[0].encode("unicode_escape").decode()


def file_name(name: str) -> str:
    """Return the name of a file as UTF-8 reads it, whatever the locale; so a class has one name everywhere."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def csv_cell(text: object) -> str:
    """Return `text` for a CSV: printable, and behind a ' where a spreadsheet would take it for a formula.

    >>> csv_cell("=1+1"), csv_cell("-1.5"), csv_cell("cat")
    ("'=1+1", '-1.5', 'cat')
    """
    cell = printable(text)
    return f"'{cell}" if cell.startswith(tuple("=+-@＝＋－＠")) and not _is_number(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def few(names: Sequence[str], most: int = 3) -> str:
    """Return the first of `names` with commas between, and three dots where there are more.

    >>> few(["a", "b", "c", "d"])
    'a, b, c, …'
    """
    return ", ".join([*names[:most], *(["…"] if len(names) > most else [])])


def cell(value: object) -> str:
    """Return a value of a table of numbers as a reader wants it.

    >>> cell(0.81234), cell(35498), cell(None), cell("lenet")
    ('0.8123', '35,498', '', 'lenet')
    """
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def html_table(columns: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return a table for a notebook, all text in it printable and escaped; `columns` are its titles, or empty.

    >>> html_table((), [("classes", "<cat>")])
    '<table><tbody><tr><td>classes</td><td>&lt;cat&gt;</td></tr></tbody></table>'
    """

    def row(kind: str, cells: Sequence[object]) -> str:
        return "<tr>" + "".join(f"<{kind}>{html.escape(printable(text))}</{kind}>" for text in cells) + "</tr>"

    head = f"<thead>{row('th', columns)}</thead>" if columns else ""
    return f"<table>{head}<tbody>{''.join(row('td', cells) for cells in rows)}</tbody></table>"
