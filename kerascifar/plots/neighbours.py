"""Test images beside the training images that are nearest to them."""

from typing import TYPE_CHECKING

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset
from kerascifar.plots.images import new_figure, pick

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUERIES = 6  # test images, as evenly over the classes as possible
NEAREST = 7  # training images beside each


def draw_neighbours(data: Dataset, config: RunConfig) -> "Figure":
    """Draw one row per test image: the image, and the training images nearest to it under ``config.distance``.

    Raises InputError: the distance is unknown or cannot compare these images, or there are fewer training images.
    """
    from kerascifar.baselines.neighbors import KNeighbors

    distance = config.distance or "euclidean"
    model = KNeighbors(NEAREST, distance, n_jobs=config.threads).fit(data.train.images, data.train.labels)
    chosen = pick(data.test.labels, QUERIES)
    distances, nearest = model.kneighbors(data.test.images[chosen])
    same = (data.train.labels[nearest] == data.test.labels[chosen][:, None]).mean()
    figure = new_figure(1.25 * (NEAREST + 1) + 0.4, 1.6 * len(chosen) + 0.7)
    axes = figure.subplots()
    for row, query in enumerate(chosen):
        _place(axes, data.test.images[query], data.classes[data.test.labels[query]], 0, row)
        for column, (index, far) in enumerate(zip(nearest[row], distances[row], strict=True), 1):
            label = f"{data.classes[data.train.labels[index]]}\n{far:.4g}"
            agrees = data.train.labels[index] == data.test.labels[query]
            _place(axes, data.train.images[index], label, column + 0.25, row, "black" if agrees else "#b3261e")
    axes.set(xlim=(-0.05, NEAREST + 1.25), ylim=(1.28 * len(chosen), -0.1), aspect="equal")
    axes.set_axis_off()
    title = f"{data.name}: test images, and the nearest of {len(data.train):,} training images by {distance}"
    axes.set_title(f"{title}\n{same:.0%} of them are of the same class; below: class and distance", fontsize=10)
    return figure


def _place(axes, image, label: str, x: float, row: int, colour: str = "black") -> None:
    y = 1.28 * row
    axes.imshow(image, extent=(x, x + 0.92, y + 0.92, y), interpolation="nearest")
    axes.text(x + 0.46, y + 0.95, label, ha="center", va="top", fontsize=6.5, color=colour)
