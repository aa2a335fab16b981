"""What setup.cfg cannot say: the nets that come along are copied into the package, and what a package index shows."""

import re
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

NETS = {"tiny12k": "624d50aa7526", "tiny36k": "dfb1230f3bf2"}  # those packed, as in kerascifar/core/shipped.py
FILES = {f"kerascifar/shipped/{name}": f"saved_models/{name}/{run}/[!.]*.*" for name, run in NETS.items()}
FILES["kerascifar/shipped/pictures"] = "docs/pictures/frog.png"


class WithShipped(build_py):
    """Copies the shipped nets and pictures; an editable installation finds them where they lie."""

    def run(self) -> None:
        """Build as usual, then copy FILES."""
        super().run()
        if self.editable_mode:
            return
        for folder, pattern in FILES.items():
            for path in sorted(Path().glob(pattern)):
                run_id = path.parent.name if "/pictures" not in folder else ""
                target = Path(self.build_lib, folder, run_id, path.name)
                self.mkpath(str(target.parent))
                self.copy_file(str(path), str(target))


def description() -> str:
    """Return README without pictures and links into the repository, which lead nowhere from a package index."""
    text = Path("README.md").read_text(encoding="utf-8")
    text = re.sub(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n*", "", text)
    return re.sub(r"\[([^]]*)\]\((?!https?:)[^)]*\)", r"\1", text)


setup(cmdclass={"build_py": WithShipped}, long_description=description())
