"""What a run was given beside its config, which names the data but does not hold it: one run id may mean two data sets.

Compared before a result is shown again, a checkpoint continued, a trial reused or a vote counted.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerascifar.core.contracts import Dataset
from kerascifar.core.errors import InputError
from kerascifar.core.origin import weights_checksum
from kerascifar.core.reading import decode_json
from kerascifar.core.shown import few

# Key of a result's notes, and of `Provenance.sha256`: the weights that a run began with.
PARENT = "init_weights_sha256"


@dataclass(frozen=True)
class Provenance:
    """The data of a run, and the weights it began with.

    Attributes:
        classes: class names; a label is an index into them.
        sha256: by split that of its images and labels; by PARENT that of the weights of --init-weights.
    """

    classes: list[str]
    sha256: dict[str, str]

    @classmethod
    def of(cls, data: Dataset, weights: Path | None = None) -> "Provenance":
        """Return what a run on `data` is given, with the file of the `weights` that it begins with."""
        sha256 = {name: split.checksum for name, split in data.splits.items()}
        return cls(list(data.classes), sha256 | ({PARENT: weights_checksum(weights)} if weights else {}))

    @classmethod
    def read(cls, recorded: Any, where: str) -> "Provenance":
        """Return what a file holds as JSON. Raises InputError: it is damaged; names `where` it stands."""
        try:
            return decode_json(json.dumps(recorded), cls)
        except ValueError as error:
            raise InputError(f"{where} is corrupt: what data it had: {error}") from None

    def difference(self, other: "Provenance") -> str | None:
        """Say in which way `other` is not this, or None; what one of the two has not is not compared.

        >>> Provenance(["cat", "dog"], {}).difference(Provenance(["cat", "ship"], {}))
        'classes were cat, dog, are cat, ship'
        """
        if self.classes != other.classes:
            return f"classes were {few(self.classes)}, are {few(other.classes)}"
        for name, old in self.sha256.items():
            if (new := other.sha256.get(name, old)) != old:
                what = "first weights (--init-weights)" if name == PARENT else f"{name} images"
                return f"SHA-256 of the {what} was {old[:12]}…, is {new[:12]}…"
        return None

    def refuse(self, other: "Provenance", what: str, way_out: str) -> None:
        """Refuse `other` if it is not this. Raises InputError: says `what` was given this, the difference, a way out.

        A `way_out` is such as "--again trains anew".
        """
        if difference := self.difference(other):
            raise InputError(f"{what} other data than this: its {difference}; {way_out}")
