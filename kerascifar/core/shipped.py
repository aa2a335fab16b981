"""The nets and the picture that come with this package: in it where it is installed, else in the repository."""

from pathlib import Path

NETS = ("tiny12k", "tiny36k")  # setup.py puts these into the package; in the repository they lie in saved_models
PICTURES = ("frog.png",)
_PACKAGE = Path(__file__).resolve().parents[1]
_NETS = (_PACKAGE / "shipped", _PACKAGE.parent / "saved_models")
_PICTURES = (_PACKAGE / "shipped" / "pictures", _PACKAGE.parent / "docs" / "pictures")


def net(name: str | Path) -> Path | None:
    """Return the folder of the shipped net `name`, in which its run folder lies; None for another name.

    >>> net("tiny36k").name, net("saved_models/tiny36k")
    ('tiny36k', None)
    """
    folders = [folder / name for folder in _NETS] if str(name) in NETS else []
    return next((folder for folder in folders if folder.is_dir()), None)


def picture(name: str | Path) -> Path | None:
    """Return the shipped picture `name`, such as ``frog.png``; None where there is no such picture."""
    places = [folder / name for folder in _PICTURES] if str(name) in PICTURES else []
    return next((path for path in places if path.is_file()), None)
