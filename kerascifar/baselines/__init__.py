"""Classical baselines: exact nearest neighbours and nearest centroids.

May import core, config and data, and NumPy, scikit-learn and numba; never Keras. `distances` defines what near means,
`search` finds exact neighbours fast, `neighbors` and `centroid` are estimators, `engine` runs them for the commands.
"""

from wrapt import lazy_import

from kerascifar.core.registry import Variant

_neighbors, _centroid = lazy_import("kerascifar.baselines.neighbors"), lazy_import("kerascifar.baselines.centroid")

# `statistics` and `pixels` say how images are prepared; the rest are arguments of the estimator.
_ARGS = {"distance": "euclidean", "data_range": "query", "statistics": "train", "pixels": "hwc"}
_NOTHING_TRAINED = {"validation": 0.0, "normalize": "none", "epochs": 1}

VARIANTS: dict[str, Variant] = {
    "knn": Variant(
        lambda **args: _neighbors.KNeighbors(**args),
        {"k": 1, "ties": "lowest", **_ARGS},
        params=0,
        source="Cover and Hart 1967; study 000, Tables 1 to 3",
        defaults=_NOTHING_TRAINED,
        engine="baseline",
    ),
    "nearest_centroid": Variant(
        lambda **args: _centroid.NearestCentroid(**args),
        _ARGS,
        params=0,
        source="study 000, Table 2",
        defaults=_NOTHING_TRAINED,
        engine="baseline",
    ),
}
