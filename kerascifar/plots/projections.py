"""Images as points in the plane, coloured by class: PCA and t-SNE of their pixels."""

from typing import TYPE_CHECKING, Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset
from kerascifar.core.errors import InputError
from kerascifar.plots.images import pick

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 2000  # images, as many of each class as there are
LEAST = 10  # below, neither picture says anything
# As van der Maaten and Hinton 2008, section 4.2: pixels brought to 30 dimensions first, and a perplexity of 5 to 50.
REDUCED, PERPLEXITY = 30, 30
NAMED = 20  # classes whose colours can still be told apart
OUTER = 5  # of more classes, those whose means lie farthest out are named


def draw_pca(data: Dataset, config: RunConfig) -> "Figure":
    """Draw training images along the two directions in which their pixels vary most."""
    from sklearn.decomposition import PCA

    x, labels = _points(data)
    pca = PCA(2, random_state=config.seed)
    points = pca.fit_transform(x)
    first, second = pca.explained_variance_ratio_
    names = (f"first direction, {first:.1%} of the variance", f"second direction, {second:.1%} of the variance")
    figure = _draw(data, points, labels, "PCA of the pixels; outlined: the means of the classes", names)
    axes = figure.axes[0]
    axes.set_aspect("equal", adjustable="datalim")
    present = np.unique(labels)
    means = np.stack([points[labels == label].mean(0) for label in present])
    few = len(data.classes) <= NAMED
    colours = [_colours(len(data.classes))[label] for label in present]
    axes.scatter(*means.T, c=colours, s=80 if few else 25, edgecolors="black")
    if not few:
        for place in np.argsort(-np.linalg.norm(means, axis=1), kind="stable")[:OUTER]:
            name = data.classes[present[place]]
            axes.annotate(name, means[place], (6, 4), textcoords="offset points", fontsize=8)
    return figure


def draw_tsne(data: Dataset, config: RunConfig) -> "Figure":
    """Draw training images so that those with similar pixels lie together (t-SNE)."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    x, labels = _points(data)
    perplexity = min(PERPLEXITY, (len(x) - 1) // 3)
    reduced = PCA(min(REDUCED, *x.shape), random_state=config.seed).fit_transform(x)
    points = TSNE(2, perplexity=perplexity, init="pca", random_state=config.seed).fit_transform(reduced)
    what = f"t-SNE of the pixels, perplexity {perplexity}, seed {config.seed}"
    return _draw(data, points, labels, what, ("neighbours mean something, distances and axes do not", ""))


def _points(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels from 0 to 1, float32 (n, values), and labels of at most POINTS training images.

    Raises:
        InputError: there are too few.
    """
    index = pick(data.train.labels, POINTS)
    if len(index) < LEAST:
        raise InputError(f"a projection needs {LEAST} training images or more, got {len(index)}")
    return data.train.images[index].reshape(len(index), -1).astype(np.float32) / 255, data.train.labels[index]


def _draw(data: Dataset, points: np.ndarray, labels: np.ndarray, what: str, names: tuple[str, str]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = figure.subplots()
    count, named = len(data.classes), len(data.classes) <= NAMED
    colours = _colours(count)
    # In the order of the images, so that no class lies on top of all others.
    axes.scatter(*points.T, c=[colours[label] for label in labels], s=9, alpha=0.7, linewidths=0)
    for label in range(count if named else 0):
        axes.scatter([], [], color=colours[label], s=40, label=data.classes[label])
    if named:
        figure.legend(loc="outside right upper", fontsize=9, frameon=False)
    axes.set(xticks=[], yticks=[], xlabel=names[0], ylabel=names[1])
    axes.spines[:].set_color("0.8")
    rest = "" if named else f"; {count} classes, a colour each"
    axes.set_title(
        f"{data.name}: {what}\n{len(points):,} of {len(data.train):,} training images, the first of each class{rest}",
        fontsize=10,
    )
    return figure


def _colours(count: int) -> list[Any]:
    """Return a colour a class, as different as they can be."""
    from matplotlib import colormaps

    if count <= NAMED:
        return list(colormaps["tab10" if count <= 10 else "tab20"].colors[:count])
    return list(colormaps["turbo"](np.linspace(0, 1, count)))
