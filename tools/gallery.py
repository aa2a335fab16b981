"""Make the pictures of docs/gallery.md by the commands that stand there: python tools/gallery.py [NAME ...].

Needs CIFAR-10 (KERASCIFAR_DATA). NAMEs are those of pictures, without their ending; all without any. A .webp of the
page is a PNG of the command, made smaller. What the page says is opened in a browser was photographed there by hand.
"""

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/gallery.md"
WIDTH, QUALITY = 760, 82
_BLOCK = re.compile(r"```sh\n(python -m [^\n]+)\n```\n\n((?:!\[[^]]*\]\([^)]+\)\n)+)")


def blocks(page: str) -> list[tuple[str, list[Path]]]:
    """Return each command line of the page with the pictures below it."""
    found = [(line, re.findall(r"\]\(([^)]+)\)", pictures)) for line, pictures in _BLOCK.findall(page)]
    return [(line, [(PAGE.parent / name).resolve() for name in names]) for line, names in found]


def shrink(made: Path, into: Path) -> None:
    """Copy a picture, or make a WebP of at most WIDTH pixels of it."""
    if into.suffix != ".webp":
        into.write_bytes(made.read_bytes())
        return
    with Image.open(made) as image:
        image = image.convert("RGB")
        image.thumbnail((WIDTH, 4 * WIDTH), Image.Resampling.LANCZOS)
        image.save(into, quality=QUALITY, method=6)


def main(names: Sequence[str]) -> None:
    """Run the commands in empty folders beside which saved_models lies, and copy their pictures."""
    for line, pictures in blocks(PAGE.read_text(encoding="utf-8")):
        if "browser" in line or (names and not {path.stem for path in pictures} & set(names)):
            continue
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "saved_models").symlink_to(ROOT / "saved_models")
            subprocess.run([sys.executable, *shlex.split(line, comments=True)[1:]], cwd=folder, check=True)
            for path in pictures:
                made = {file.stem: file for file in Path(folder).rglob("*") if file.suffix in (".png", ".svg")}
                shrink(made[path.stem], path)


if __name__ == "__main__":
    main(sys.argv[1:])
