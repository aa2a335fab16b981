"""Render sections as one self-contained HTML page, or as Markdown with its charts in files beside it."""

import base64
import hashlib
import json
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from kerascifar.core.shown import printable
from kerascifar.reporting.document import About, Block, Chart, Fold, Section, Sprite, Table

FIGURES = "figures"
_TITLE = "Report on image classifiers"


def to_html(sections: Sequence[Section], summary: str, folder: Path | None = None) -> str:
    """Return the page with style, script and charts inside, and a policy that lets the browser load nothing else.

    `folder` is where it will lie, from which runs are linked; without it they are not.
    """
    style = "".join(map(template, ("colours.css", "report.css", "charts.css")))
    script = template("sort.js") + template("filter.js")
    known = {one.key: one for one in _about(sections)}
    filters: dict[str, set[str]] = {}
    for one in known.values():
        for name, value in one.choices.items():
            filters.setdefault(name, set()).add(value)
    return to_page(
        template("report.html"), style, script, title=_TITLE, summary=summary, sections=sections, href=_link(folder),
        filters=[(name, sorted(values)) for name, values in filters.items() if len(values) > 1],
        shortened=any(one.shortened for one in known.values()),
        about=as_json({key: [one.words, one.choices, one.shortened] for key, one in known.items()}),
    )  # fmt: skip


def to_page(source: str, style: str, script: str, also: Mapping[str, str] | None = None, **values: Any) -> str:
    """Return one offline HTML page: text is escaped, and the page's policy lets the browser load nothing.

    Args:
        source: a Jinja template; it can import ``show``, which writes a block, from ``blocks.html``.
        style: the only style sheet; it stands in the template as ``style``.
        script: the only script that the browser runs; it stands in the template as ``script``.
        also: what the policy lets the browser load all the same: sources by directive.
        values: whatever else the template asks for.

    >>> to_page("<style>{{ style }}</style>{{ name }}", "p {}", "", name="<b>")
    '<style>p {}</style>&lt;b&gt;'
    """
    allowed = {"default-src": "'none'", "img-src": "data:", "style-src": _source(style), "script-src": _source(script)}
    for directive, sources in (also or {}).items():
        allowed[directive] = f"{allowed.get(directive, '')} {sources}".strip()
    policy = "; ".join(f"{directive} {sources}" for directive, sources in allowed.items())
    return _environment(autoescape=True).from_string(source).render(**{
        "style": Markup(style), "script": Markup(script), "policy": policy, "href": _link(None), "uri": _data_uri,
        "svg": lambda chart: Markup(chart.svg), **values,
    })  # fmt: skip


def as_json(data: Any) -> Markup:
    """Return `data` as JSON that no HTML parser sees an end of a script, a comment or an entity in."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def to_markdown(sections: Sequence[Section], summary: str, folder: Path | None = None) -> str:
    """Return the same page as Markdown, whose charts lie in FIGURES beside it."""
    return _markdown("report.md", title=_TITLE, summary=summary, sections=sections, href=_link(folder))


def to_card(sections: Sequence[Section], summary: str, **values: Any) -> str:
    """Return a model card as Markdown.

    Args:
        sections: sections without charts.
        summary: one line.
        values: title; place, the folder that the card is for; keras, whether a Keras net lies there; shape (H, W, C)
            of its input and classes, their number.
    """
    return _markdown("card.md", sections=sections, summary=summary, **values)


def charts(blocks: Iterable[Block | Section]) -> Iterator[Chart]:
    """Yield every chart of sections or blocks, those in folds too."""
    for block in blocks:
        if isinstance(block, Chart):
            yield block
        elif isinstance(block, Fold | Section):
            yield from charts(block.blocks)


def to_file(chart: Chart) -> str:
    """Return the chart as an SVG file, which brings its style along."""
    style = template("colours.css") + template("charts.css")
    return chart.svg.replace(">", f"><style>{style}</style>", 1).replace(
        "<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1
    )


def _about(blocks: Iterable[Block | Section]) -> Iterator[About]:
    """Yield what the filters know of each row and fold."""
    for block in blocks:
        if isinstance(block, Table):
            yield from (row[0].about for row in block.rows if row[0].about)
        elif isinstance(block, Fold | Section):
            yield from [block.about] if isinstance(block, Fold) and block.about else []
            yield from _about(block.blocks)


def _link(folder: Path | None) -> Callable[[str | Path], str]:
    """Return what makes URLs of links: to a fold of the page, or to a folder as seen from `folder`."""

    def href(link: str | Path) -> str:
        if isinstance(link, str):
            return f"#{link}"
        return "" if folder is None else quote(os.fsencode(os.path.relpath(link, folder.resolve()))) + "/"

    return href


def _markdown(name: str, **values: Any) -> str:
    environment = _environment(autoescape=False)
    environment.filters |= {"plain": _escape, "quoted": shlex.quote}
    text = environment.get_template(name).render(**{"figures": FIGURES, "href": _link(None), **values})
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _environment(autoescape: bool) -> Any:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(template), autoescape=autoescape, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip


def template(name: str) -> str:
    """Return the text of a file in ``templates``, such as ``report.css``."""
    return (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """Return the hash by which a Content-Security-Policy admits an inline style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _data_uri(sprite: Sprite) -> str:
    return f"data:image/png;base64,{base64.b64encode(sprite.content).decode()}"


def _escape(text: object) -> str:
    """Return text that Markdown shows literally: no mark-up, no HTML, no line break."""
    words = printable(" ".join(str(text).split()))
    words = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", words)
    words = re.sub(r"^([#+-])", r"\\\1", words)
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("://", ":&#47;&#47;")
