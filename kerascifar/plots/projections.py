"""Images as points in the plane, coloured by class: PCA and t-SNE of their pixels."""

from typing import TYPE_CHECKING, Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset
from kerascifar.core.errors import InputError
from kerascifar.plots.images import new_figure, pick

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 2000  # images drawn, as evenly over the classes as possible
LEAST = 10  # with fewer images neither picture says anything
# van der Maaten and Hinton 2008, section 4.2: first reduce the pixels to 30 dimensions; perplexities from 5 to 50 work.
REDUCED, PERPLEXITY = 30, 30
NAMED = 20  # up to so many classes, colours can be told apart
OUTER = 5  # with more classes, those whose means lie farthest out are named


def draw_pca(data: Dataset, config: RunConfig) -> "Figure":
    """Draw training images along the two directions in which their pixels vary most."""
    from sklearn.decomposition import PCA

    pixels, labels = _pixels(data)
    pca = PCA(2, random_state=config.seed)
    points = pca.fit_transform(pixels)
    first, second = pca.explained_variance_ratio_
    axis_labels = (f"first direction, {first:.1%} of the variance", f"second direction, {second:.1%} of the variance")
    figure = _draw(data, points, labels, "PCA of the pixels; outlined: the means of the classes", axis_labels)
    axes = figure.axes[0]
    axes.set_aspect("equal", adjustable="datalim")
    present = np.unique(labels)
    means = np.stack([points[labels == label].mean(0) for label in present])
    few = len(data.classes) <= NAMED
    colours = [_colours(len(data.classes))[label] for label in present]
    axes.scatter(*means.T, c=colours, s=80 if few else 25, edgecolors="black")
    if not few:
        for index in np.argsort(-np.linalg.norm(means, axis=1), kind="stable")[:OUTER]:
            name = data.classes[present[index]]
            axes.annotate(name, means[index], (6, 4), textcoords="offset points", fontsize=8)
    return figure


def draw_tsne(data: Dataset, config: RunConfig) -> "Figure":
    """Draw training images so that those with similar pixels lie together (t-SNE)."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    pixels, labels = _pixels(data)
    perplexity = min(PERPLEXITY, (len(pixels) - 1) // 3)
    reduced = PCA(min(REDUCED, *pixels.shape), random_state=config.seed).fit_transform(pixels)
    points = TSNE(2, perplexity=perplexity, init="pca", random_state=config.seed).fit_transform(reduced)
    title = f"t-SNE of the pixels, perplexity {perplexity}, seed {config.seed}"
    return _draw(data, points, labels, title, ("neighbours mean something, distances and axes do not", ""))


def _pixels(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels from 0 to 1, float32 (N, H * W * C), and labels (N,) of at most POINTS training images.

    Raises InputError: there are fewer than LEAST.
    """
    index = pick(data.train.labels, POINTS)
    if len(index) < LEAST:
        raise InputError(f"a projection needs {LEAST} training images or more, got {len(index)}")
    return data.train.images[index].reshape(len(index), -1).astype(np.float32) / 255, data.train.labels[index]


def _draw(data: Dataset, points: np.ndarray, labels: np.ndarray, title: str, axis_labels: tuple[str, str]) -> "Figure":
    figure = new_figure(9, 7)
    axes = figure.subplots()
    count, named = len(data.classes), len(data.classes) <= NAMED
    colours = _colours(count)
    # In the order of the images, so that no class hides the others.
    axes.scatter(*points.T, c=[colours[label] for label in labels], s=9, alpha=0.7, linewidths=0)
    for label in range(count if named else 0):
        axes.scatter([], [], color=colours[label], s=40, label=data.classes[label])
    if named:
        figure.legend(loc="outside right upper", fontsize=9, frameon=False)
    axes.set(xticks=[], yticks=[], xlabel=axis_labels[0], ylabel=axis_labels[1])
    axes.spines[:].set_color("0.8")
    rest = "" if named else f"; {count} classes, one colour per class"
    axes.set_title(
        f"{data.name}: {title}\n{len(points):,} of {len(data.train):,} training images, the first of each class{rest}",
        fontsize=10,
    )
    return figure


def _colours(count: int) -> list[Any]:
    """Return one colour per class, as different as possible."""
    from matplotlib import colormaps

    if count <= NAMED:
        return list(colormaps["tab10" if count <= 10 else "tab20"].colors[:count])
    return list(colormaps["turbo"](np.linspace(0, 1, count)))
