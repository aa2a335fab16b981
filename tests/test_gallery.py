"""docs/gallery.md: each picture exists, is small, and stands below its command; test_readme parses the commands."""

import re
from pathlib import Path

from PIL import Image

from tools.gallery import PAGE, blocks, shrink

ROOT = Path(__file__).resolve().parent.parent
TEXT = PAGE.read_text(encoding="utf-8")
PICTURES = [path for _, pictures in blocks(TEXT) for path in pictures]


def test_each_picture_has_a_command():
    named = [(PAGE.parent / name).resolve() for name in re.findall(r"!\[[^]]+\]\(([^)]+)\)", TEXT)]
    assert named == PICTURES
    assert len(named) >= 10
    assert {path.name for path in PICTURES} == {path.name for path in (ROOT / "saved_models/figures").iterdir()}


def test_each_picture_is_small():
    sizes = {path.name: path.stat().st_size for path in PICTURES}
    assert max(sizes.values()) < 150_000
    assert sum(sizes.values()) < 1_500_000


def test_a_picture_is_made_smaller(tmp_path):
    Image.new("RGB", (1520, 400), "white").save(tmp_path / "made.png")
    shrink(tmp_path / "made.png", tmp_path / "kept.webp")
    with Image.open(tmp_path / "kept.webp") as kept:
        assert (kept.format, kept.size) == ("WEBP", (760, 200))
