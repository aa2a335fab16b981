"""What answers the local page: loaded nets, the picture reader, and the nearest training images."""

import base64
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core.contracts import Dataset, Score
from kerascifar.core.errors import InputError
from kerascifar.core.provenance import Provenance
from kerascifar.core.shown import printable
from kerascifar.data.datasets import at_hand
from kerascifar.data.sources.images import read_image
from kerascifar.demonstration.nets import DescribedNet, describe
from kerascifar.evaluation.calibration import soften
from kerascifar.reporting.pictures import png
from kerascifar.run import restore

NEIGHBOURS = 8
# With more, the search would first prepare an index that takes longer than all questions of a person.
_MEMORY = "64MiB"


@dataclass
class LiveNet:
    """A net that is loaded, and its data set where that is at hand.

    Attributes:
        described: what the page says of it.
        score: from uint8 (N, side, side, 3) and "unlabelled" to probabilities or vote shares.
        data: the images that it learned from and was tested on; None where they are not at hand.
        missing: why there are none.
    """

    described: DescribedNet
    score: Score
    data: Dataset | None
    missing: str = ""

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities (N, classes) of uint8 `images` (N, side, side, 3), or vote shares."""
        scores, temperature = self.score(images, "unlabelled"), self.described.confidence.temperature
        return scores if temperature == 1 else soften(scores, temperature)

    @cached_property
    def _search(self) -> Any:
        from kerascifar.baselines.neighbors import KNeighbors

        train = self.data.train
        return KNeighbors(min(NEIGHBOURS, len(train)), memory=_MEMORY).fit(train.images, train.labels)

    def neighbours(self, image: np.ndarray) -> list[dict[str, Any]]:
        """Return the training images nearest to `image` (side, side, 3), uint8, by Euclidean distance of the pixels.

        Raises InputError: the training images are not at hand.
        """
        if self.data is None:
            raise InputError(self.missing)
        distances, indices = self._search.kneighbors(image[None])
        train, classes = self.data.train, self.described.classes
        return [
            {
                "label": classes[train.labels[index]],
                "distance": round(float(distance)),
                "png": base64.b64encode(png(train.images[index])).decode(),
            }
            for distance, index in zip(distances[0], indices[0], strict=True)
        ]


@dataclass
class Live:
    """All that the page can ask for; one question at a time."""

    nets: Sequence[LiveNet]

    def __post_init__(self) -> None:
        self._one, self._search = threading.Lock(), threading.Lock()

    def first_with_data_of(self, net: LiveNet) -> int | None:
        """Return the number of the first net that has the data set of `net`; None where it is not at hand."""
        return next((i for i, one in enumerate(self.nets) if one.data is net.data is not None), None)

    def read(self, content: bytes) -> dict[str, str]:
        """Return the picture in a file's bytes as each net gets it: base64 of uint8 (side, side, 3), by side.

        Raises InputError: it is no whole picture.
        """
        with self._one, tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "picture"
            path.write_bytes(content)
            try:
                return {
                    str(side): base64.b64encode(read_image(path, side).tobytes()).decode()
                    for side in {net.described.side for net in self.nets}
                }
            except InputError as error:
                raise InputError(str(error).replace(f"{printable(path)}: ", "").replace(str(path), "picture")) from None

    def probabilities(self, number: int, content: bytes) -> dict[str, Any]:
        """Return the probabilities of the pixels of one image or more by the net `number`, and how long they took.

        Raises InputError: the pixels are not those of whole images.
        """
        net = self.nets[number]
        images = self._images(net, content)
        with self._one:
            began = time.perf_counter()
            rows = net.probabilities(images)
            return {"rows": np.round(rows, 6).tolist(), "ms": round(1000 * (time.perf_counter() - began), 1)}

    def neighbours(self, number: int, content: bytes) -> list[dict[str, Any]]:
        """Return what `LiveNet.neighbours` does for the pixels of one image. Raises InputError: as there."""
        net = self.nets[number]
        with self._search:
            return net.neighbours(self._images(net, content)[0])

    @staticmethod
    def _images(net: LiveNet, content: bytes) -> np.ndarray:
        side = net.described.side
        if not content or len(content) % (3 * side**2):
            raise InputError(
                f"expected {3 * side**2} bytes for each image of {side}x{side}x3, got {len(content)} bytes"
            )
        return np.frombuffer(content, np.uint8).reshape(-1, side, side, 3)


def open_nets(folders: Sequence[Path], **machine: Any) -> Live:
    """Load the nets of finished runs, and the images that they learned from where those are at hand.

    Raises InputError: a run, or what it needs, cannot be read.
    """
    described, nets = [describe(folder, **machine) for folder in folders], list[LiveNet]()
    for one in described:
        _, _, score = restore(one.folder, **machine)
        data, missing = _data(one, nets)
        nets.append(LiveNet(one, score, data, missing))
        nets[-1].probabilities(np.zeros((1, one.side, one.side, 3), np.uint8))  # or the first answer would be slow
    return Live(nets)


def _data(one: DescribedNet, earlier: Sequence[LiveNet]) -> tuple[Dataset | None, str]:
    """Return the net's data set, that of an earlier net where it is the same; or None, and why. Downloads nothing."""
    for other in earlier:
        if other.described.result.provenance == one.result.provenance:
            return other.data, other.missing
    missing = f"{one.config.dataset} was not found here; name its folder by --data-dir or KERASCIFAR_DATA"
    try:
        for data in at_hand(one.config):
            if not one.result.provenance.difference(Provenance.of(data)):
                return data, ""
            missing = f"the images found as {one.config.dataset} are not those that the run had"
    except InputError as error:
        missing = str(error)
    return None, missing
