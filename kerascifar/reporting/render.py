"""Render sections as one self-contained HTML page, or as Markdown with its pictures in files beside it."""

import base64
import hashlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

from markupsafe import Markup

from kerascifar.core.shown import printable
from kerascifar.reporting.document import Block, Fold, Gallery, Picture, Section

FIGURES = "figures"
_TITLE = "Report on image classifiers"


def to_html(sections: Sequence[Section], summary: str) -> str:
    """Return the page with style, script and pictures inside, and a policy that lets the browser load nothing else."""
    style, script = template("report.css"), template("sort.js")
    return to_page(template("report.html"), style, script, title=_TITLE, summary=summary, sections=sections)


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
    return _environment(autoescape=True).from_string(source).render(
        style=Markup(style), script=Markup(script), policy=policy, uri=_data_uri, **values,
    )  # fmt: skip


def to_data(data: Any) -> Markup:
    """Return `data` as JSON in which no HTML parser sees an end of a script, a comment or an entity."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def to_markdown(sections: Sequence[Section], summary: str) -> str:
    """Return the same page as Markdown, whose pictures lie in FIGURES beside it."""
    return _markdown("report.md", title=_TITLE, summary=summary, sections=sections)


def to_card(sections: Sequence[Section], summary: str, **values: Any) -> str:
    """Return a model card as Markdown.

    Args:
        sections: sections without pictures.
        summary: one line.
        values: title; place, the folder that the card is for; keras, whether a Keras net lies there; shape (H, W, C)
            of its input and classes, their number.
    """
    return _markdown("card.md", sections=sections, summary=summary, **values)


def pictures(blocks: Sequence[Block | Section]) -> Iterator[Picture]:
    """Yield every picture of sections or blocks, those in folds and galleries too."""
    for block in blocks:
        if isinstance(block, Picture):
            yield block
        elif isinstance(block, Gallery):
            yield from block.pictures
        elif isinstance(block, Fold | Section):
            yield from pictures(block.blocks)


def _markdown(name: str, **values: Any) -> str:
    environment = _environment(autoescape=False)
    environment.filters |= {"plain": _escape, "quoted": shlex.quote}
    text = environment.get_template(name).render(figures=FIGURES, **values)
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


def _data_uri(picture: Picture) -> str:
    media = "svg+xml" if picture.suffix == "svg" else picture.suffix
    return f"data:image/{media};base64,{base64.b64encode(picture.content).decode()}"


def _escape(text: object) -> str:
    """Return text that Markdown shows literally: no mark-up, no HTML, no line break."""
    words = printable(" ".join(str(text).split()))
    words = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", words)
    words = re.sub(r"^([#+-])", r"\\\1", words)
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("://", ":&#47;&#47;")
