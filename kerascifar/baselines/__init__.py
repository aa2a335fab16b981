"""Classical baselines: exact nearest neighbours and nearest centroids. NumPy, never Keras."""

from typing import Any

from kerascifar.core.registry import Variant


def k_neighbors(**options: Any) -> Any:
    """Return an unfitted KNeighbors."""
    from kerascifar.baselines.neighbors import KNeighbors

    return KNeighbors(**options)


def nearest_centroid(**options: Any) -> Any:
    """Return an unfitted NearestCentroid."""
    from kerascifar.baselines.centroid import NearestCentroid

    return NearestCentroid(**options)


# `statistics` and `pixels` say how images are prepared, the rest goes to the estimator.
_PREPARED = {"distance": "euclidean", "data_range": "query", "statistics": "train", "pixels": "hwc"}
_NOTHING_TRAINED = {"validation": 0.0, "normalize": "none", "epochs": 1}

VARIANTS: dict[str, Variant] = {
    "knn": Variant(
        k_neighbors,
        {"k": 1, "ties": "lowest", **_PREPARED},
        params=0,
        source="Cover and Hart 1967; study 000, Tables 1 to 3",
        defaults=_NOTHING_TRAINED,
        engine="baseline",
    ),
    "nearest_centroid": Variant(
        nearest_centroid,
        _PREPARED,
        params=0,
        source="study 000, Table 2",
        defaults=_NOTHING_TRAINED,
        engine="baseline",
    ),
}
