"""Hooks of tools/mkdocs.yml: README as the first page, and what README and docs link to, wherever it lies.

On GitHub a link leads from docs/ to ../saved_models or ../tools; in the site it leads to a copy. A folder becomes a
list of its files, the notebook a page, and README's "Read on" the navigation.
"""

import json
import os
import re
from html import escape
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^)\s#]+)")
_SOURCES: dict[str, Path] = {}  # by place in the site, what a page is made of


def on_config(config: Any) -> None:
    """Take the navigation from README."""
    chapter = (ROOT / "README.md").read_text(encoding="utf-8").split("## Read on")[1].split("\n## ")[0]
    links = re.findall(r"\[([^]]+)\]\(([^)]+)\)", chapter)
    named = [{title[0].upper() + title[1:]: place(ROOT / name)} for title, name in links]
    config.nav = [{"kerascifar": "index.md"}, *named]


def on_files(files: Files, config: Any) -> None:
    """Add all that is linked to from README or docs, and from what is added."""
    _SOURCES.clear()  # mkdocs serve builds again and again
    waiting = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    while waiting:
        source = waiting.pop()
        if place(source) in _SOURCES:
            continue
        _SOURCES[place(source)] = source
        text = content(source)
        if files.get_file_from_path(place(source)) is None:
            how = {"abs_src_path": str(source)} if text is None else {"content": text}
            files.append(File.generated(config, place(source), **how))
        targets = [(source if source.is_dir() else source.parent) / name for name in _LINK.findall(text or "")]
        waiting += [Path(os.path.normpath(target)) for target in targets]


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links lead to where things lie in the site, and indent nested lists as Python-Markdown wants them."""
    source = _SOURCES[page.file.src_uri]
    folder = source if source.is_dir() else source.parent

    def lead(found: re.Match[str]) -> str:
        target = place(Path(os.path.normpath(folder / found[0])))
        return Path(os.path.relpath(target, Path(page.file.src_uri).parent)).as_posix()

    return re.sub("^  (?=- )", "    ", _LINK.sub(lead, markdown), flags=re.MULTILINE)


def place(source: Path) -> str:
    """Return where a file or folder of the repository lies in the site."""
    name = source.relative_to(ROOT).as_posix().removeprefix("docs/")
    if source.is_dir():
        return f"{name}/index.md"
    return "index.md" if name == "README.md" else re.sub(r"\.ipynb$", ".md", name)


def content(source: Path) -> str | None:
    """Return the Markdown of a page; None of what is no page."""
    if source.is_dir():
        names = sorted(path.name for path in source.iterdir() if path.is_file())
        return f"# {source.name}\n\n" + "".join(f"- [{name}]({name})\n" for name in names)
    if source.suffix == ".ipynb":
        return "\n\n".join(map(_cell, json.loads(source.read_text(encoding="utf-8"))["cells"]))
    return source.read_text(encoding="utf-8") if source.suffix == ".md" else None


def _cell(cell: dict[str, Any]) -> str:
    """Return a notebook's cell as Markdown, with its outputs."""
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return text
    return "\n\n".join([f"```python\n{text}\n```", *map(_output, cell["outputs"])])


def _output(output: dict[str, Any]) -> str:
    data = {kind: "".join(text) for kind, text in output.get("data", {}).items()}
    if "text/html" in data:
        return data["text/html"]
    if "image/png" in data:
        return f'<img alt="what the cell shows" src="data:image/png;base64,{"".join(data["image/png"].split())}">'
    return f"<pre><code>{escape(data.get('text/plain') or ''.join(output.get('text', '')))}</code></pre>"
