"""The nets and the picture that come with this package: in it where it is installed, else in the repository."""

from pathlib import Path

NETS = ("tiny12k", "tiny36k")  # setup.py puts them into the package; in the repository they lie in saved_models
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
    if Path(name).name != str(name):
        return None
    return next((folder / name for folder in _PICTURES if (folder / name).is_file()), None)


def pictures() -> list[str]:
    """Return the names of the shipped pictures."""
    return sorted({path.name for folder in _PICTURES for path in folder.glob("*.png")})
