"""What it learns from: data set, splits, normalisation, augmentation."""

from dataclasses import dataclass

from kerascifar.core.fields import BELOW_1, POSITIVE, SIDE, option


@dataclass(frozen=True)
class DataConfig:
    """The images, and what is done to them before a net sees them."""

    dataset: str = option(
        "cifar10",
        "cifar10, cifar100, cifar100_coarse, cinic10, folder, tfds:NAME, digits, synthetic[:N]",
        timed=True,
        everyday=True,
    )
    data_dir: str | None = option(None, "where the data set lies (else $KERASCIFAR_DATA)", machine=True, everyday=True)
    unverified: bool = option(False, "accept data files whose MD5 is not the official one", machine=True)
    validation: float = option(0.1, "share of the training images held out for validation; 0 for none", BELOW_1)
    train_limit: int | None = option(None, "use the first N training images only", POSITIVE)
    test_limit: int | None = option(None, "use the first N test images only", POSITIVE, scoring=("test",))
    image_size: int | None = option(None, "side in pixels for folder and tfds: images (32)", SIDE, timed=True)
    exclude: str | None = option(
        None,
        "leave out the training images that an audit's pairs.csv or labels.csv names; may be given for both "
        "(docs/audit.md)",
        repeated=True,
    )
    normalize: str = option("channel", "how pixels are normalised: channel, half, study003, unit, zscore, minmax, none")
    augment: str = option("none", "augmentation policy of the training images", timed=True, everyday=True)
    augment_evaluation: bool = option(
        False,
        "augment validation and test images too, the same each time; a fault of study 004",
        engines=("keras",),
        scoring=("validation", "test"),
    )
    allow_overlap: bool = option(
        False, "score on test images although the training images hold some of them", identity=False
    )
