"""The nets and the picture that come with this package: in it where it is installed, else in the repository."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parents[1]
_NETS = (_PACKAGE / "shipped", _PACKAGE.parent / "saved_models")
_PICTURES = (_PACKAGE / "shipped" / "pictures", _PACKAGE.parent / "docs" / "pictures")


@dataclass(frozen=True)
class Net:
    """A shipped net.

    Attributes:
        run: id of the run that trained it, the name of its folder, since runs of one's own may lie beside it.
        fields: the RunConfig fields by which a net of the same shape is built.
        packed: whether it is small enough for the wheel; the others come with the repository alone.
    """

    run: str
    fields: Mapping[str, Any]
    packed: bool = False


NETS = {
    "tiny12k": Net("624d50aa7526", {"arch": "tiny12k"}, packed=True),  # packed: in setup.py and MANIFEST.in too
    "tiny36k": Net("dfb1230f3bf2", {"arch": "tiny36k"}, packed=True),
    "airbench91": Net("4661b205ffd9", {"arch": "airbench94", "widths": (32, 128, 128)}),
    "airbench94": Net("44d891f193ce", {"arch": "airbench94"}),
    "airbench95": Net("20a11ddc0ad5", {"arch": "airbench95"}),
    "airbench_cifar100": Net("1204c5e84ac3", {"arch": "airbench94"}),
}
PICTURES = ("frog.png",)
EXAMPLE = "tiny36k"  # the one that messages name


def net(name: str | Path) -> Path | None:
    """Return the run folder of the shipped net `name`; None for another name, and where it has not come along.

    >>> net("tiny36k").name, net("saved_models/tiny36k")
    ('dfb1230f3bf2', None)
    """
    row = NETS.get(str(name))
    folders = [folder / name / row.run for folder in _NETS] if row else []
    return next((folder for folder in folders if folder.is_dir()), None)


def at_hand() -> list[str]:
    """Return the names of the nets that came along."""
    return [name for name in NETS if net(name)]


def picture(name: str | Path) -> Path | None:
    """Return the shipped picture `name`, such as ``frog.png``; None where there is no such picture."""
    places = [folder / name for folder in _PICTURES] if str(name) in PICTURES else []
    return next((path for path in places if path.is_file()), None)
