"""What is trained: architecture, arguments of its builder, first weights."""

from dataclasses import dataclass
from functools import partial

from kerascifar.core.fields import ALL_POSITIVE, AT_LEAST_0, BELOW_1, POSITIVE, SHA256, Rows, one_of, option

builder = partial(option, None, builder=True)


@dataclass(frozen=True)
class ModelConfig:
    """The net or baseline. None means the architecture's own value."""

    arch: str = option("mobilenet_mod", "architecture; --list shows all", timed=True, everyday=True)
    tcns: Rows | None = builder("rows t,c,n,s of a MobileNetV2 or a tiny net, such as '1,16,1,1;6,24,2,2'")
    repeats: int | None = builder("how often a tiny net applies each of its blocks", POSITIVE)
    width: float | None = builder("width multiplier of the t/c/n/s table", POSITIVE)
    stem_stride: int | None = builder("stride of the first convolution", POSITIVE)
    head_width: int | None = builder("channels of the last 1x1 convolution", POSITIVE)
    blocks: tuple[int, ...] | None = builder("residual blocks per stage, such as 4,4,3", ALL_POSITIVE)
    widths: tuple[int, ...] | None = builder("channels per stage, such as 64,128,256", ALL_POSITIVE)
    kernel: int | None = builder("kernel size of the residual blocks", POSITIVE)
    shortcut_kernel: int | None = builder("kernel size of the projection shortcuts", POSITIVE)
    dropout: float | None = builder("dropout rate", BELOW_1)
    se: str | None = builder("squeeze-and-excitation: none, stem or every", one_of("none", "stem", "every"))
    filters: tuple[int, ...] | None = builder("filters of scratch_cnn, such as 16,16", ALL_POSITIVE)
    initializer: str | None = builder(
        "first weights of a scratch net: he or xavier, _normal or _uniform; normal, uniform"
    )
    faults: tuple[str, ...] = option(
        (),
        "faults of study 000 that a scratch net is to have, such as output_relu,full_batch",
        engines=("scratch",),
        timed=True,
    )
    distance: str | None = builder("distance of knn and nearest_centroid: l1, euclidean, cosine, ssim, ...")
    k: int | None = builder("neighbours that vote in knn", POSITIVE)
    ties: str | None = builder(
        "which class wins a tied vote in knn: lowest (id), nearest (neighbour), sum (smallest summed distance)",
        one_of("lowest", "nearest", "sum"),
    )
    statistics: str | None = option(
        None,
        "whose statistics normalise the images that are scored: train, or own, a fault of study 000",
        one_of("train", "own"),
        engines=("keras", "baseline"),
        timed=True,
        scoring=(),
    )
    data_range: str | None = builder(
        "data range of ssim in knn and nearest_centroid: query (max - min of the test image) or full (0 to 255)",
        one_of("query", "full"),
    )
    pixels: str | None = option(
        None,
        "how pixels are read: hwc, or scrambled, a fault of study 000: interleaved read as planar, planar read as "
        "interleaved, planar_queries of the test images only",
        one_of("hwc", "planar", "planar_queries", "interleaved"),
        engines=("keras", "baseline"),
        timed=True,
    )
    init_weights: str | None = option(
        None,
        "start from these weights: a RUN, a shipped net such as tiny36k, a .keras, a torchvision .pth or .safetensors",
        engines=("keras",),
        everyday=True,
    )
    freeze: int = option(
        0, "keep all but the last N layers with weights fixed; 0 trains all", AT_LEAST_0, engines=("keras",)
    )
    plugins: tuple[str, ...] = option(
        (),
        "SHA-256 of the plugins' sources that it was recorded with; follows from what it uses, and loads nothing",
        SHA256,
        asked=False,
    )
