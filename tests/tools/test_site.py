"""README and docs as a site: a strict build, in which each link leads to a file and nothing is asked of a server."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: the site is not built")
    pytest.importorskip("material", reason="mkdocs-material is not installed: the site is not built")
    into = tmp_path_factory.mktemp("site")
    line = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", "tools/mkdocs.yml", "-d", str(into)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return into


@pytest.mark.release
def test_every_page_of_docs_is_there(site):
    pages = {path.stem for path in site.glob("*.html")}
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} | {"index", "CHANGELOG", "notebook"} <= pages
    assert (site / "saved_models/lai/table.html").exists()
    assert "0001-the-house" in (site / "tools/decisions/index.html").read_text(encoding="utf-8")


@pytest.mark.release
def test_each_link_leads_to_a_file_and_nothing_to_a_server(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if page.name == "404.html" or 'class="md-header' not in text:  # a page of an audit
            continue
        assert not re.findall(r"<(?:script|img|link)[^>]+(?:src|href)=\"https?:", text), page
        for link in re.findall(r'(?:href|src)="([^"#?]+)', text):
            if not re.match(r"\w+:", link):
                assert (page.parent / unquote(link)).exists(), f"{page}: {link}"
