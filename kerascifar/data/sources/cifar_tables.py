"""What the official CIFAR files are called, what they hold and what their checksums are.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009; https://www.cs.toronto.edu/~kriz/cifar.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

ORIGIN = "https://www.cs.toronto.edu/~kriz/"


@dataclass(frozen=True)
class Layout:
    """One way in which a CIFAR set is published.

    Attributes:
        folder: the folder's name, inside the archive too.
        archive: the archive's name at ORIGIN.
        archive_md5: the archive's MD5.
        train: files with training images, in order.
        test: files with test images.
        label_bytes: labels before the pixels of a binary record; 0 for python pickles.
        md5: MD5 of each file; empty where none is published, then the decoded content is checked.
    """

    folder: str
    archive: str
    archive_md5: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    label_bytes: int = 0
    md5: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Labelling:
    """One data set: which layouts hold it, and which of their labels are meant.

    Attributes:
        layouts: where it can be read from, the preferred one first.
        classes: number of classes.
        label_key: key of the labels in a python pickle.
        names_file: file with the class names, one for each layout.
        names_key: key of the class names in the python pickle.
        label_byte: which byte of a binary record is the label.
        tfds: the data set and the label feature in TFDS's catalogue.
        sha256: ``Part.checksum`` of the training and test images with labels, in the official order.
    """

    layouts: tuple[Layout, Layout]
    classes: int
    label_key: str
    names_file: tuple[str, str]
    names_key: str
    label_byte: int
    tfds: tuple[str, str]
    sha256: tuple[str, str]


# MD5s: of the archives from the data set's page, of the python files from the data set's page by way of torchvision
# (torchvision/datasets/cifar.py). Binary files have no published sums.
CIFAR10_LAYOUTS = (
    Layout(
        folder="cifar-10-batches-py",
        archive="cifar-10-python.tar.gz",
        archive_md5="c58f30108f718f92721af3b95e74349a",
        train=tuple(f"data_batch_{i}" for i in range(1, 6)),
        test=("test_batch",),
        md5={
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "40351d587109b95175f43aff81a1287e",
            "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
        },
    ),
    Layout(
        folder="cifar-10-batches-bin",
        archive="cifar-10-binary.tar.gz",
        archive_md5="c32a1d4ab5d03f1284b67883e8d87530",
        train=tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
        test=("test_batch.bin",),
        label_bytes=1,
    ),
)
CIFAR100_LAYOUTS = (
    Layout(
        folder="cifar-100-python",
        archive="cifar-100-python.tar.gz",
        archive_md5="eb9058c3a382ffc7106e4002c42a8d85",
        train=("train",),
        test=("test",),
        md5={
            "train": "16019d7e3df5f24257cddd939b257f8d",
            "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
            "meta": "7973b15100ade9c7d40fb424638fde48",
        },
    ),
    Layout(
        folder="cifar-100-binary",
        archive="cifar-100-binary.tar.gz",
        archive_md5="03b5dce01913d631647c71ecec9e9cb8",
        train=("train.bin",),
        test=("test.bin",),
        label_bytes=2,
    ),
)

# The SHA-256 were computed from the python files above after their MD5s had been checked.
LABELLINGS = {
    "cifar10": Labelling(
        layouts=CIFAR10_LAYOUTS,
        classes=10,
        label_key="labels",
        names_file=("batches.meta", "batches.meta.txt"),
        names_key="label_names",
        label_byte=0,
        tfds=("cifar10", "label"),
        sha256=(
            "3567dfbd32122a29233d507443ca1844e6bf727016d1b806dd05268db27f887e",
            "e600ce11aaf5eb6759aae8ec88c3ab7c664a3bb307f49f95ddb7a5333c26325a",
        ),
    ),
    "cifar100": Labelling(
        layouts=CIFAR100_LAYOUTS,
        classes=100,
        label_key="fine_labels",
        names_file=("meta", "fine_label_names.txt"),
        names_key="fine_label_names",
        label_byte=1,
        tfds=("cifar100", "label"),
        sha256=(
            "ab2276dc15ab37c1cec2432e3e82bf8c5a729e27f498bf130cd58389a48ea081",
            "cfa1019151e5e9116132de136675e40ccf38a51c211a7a70cf642fb14a165330",
        ),
    ),
    "cifar100_coarse": Labelling(
        layouts=CIFAR100_LAYOUTS,
        classes=20,
        label_key="coarse_labels",
        names_file=("meta", "coarse_label_names.txt"),
        names_key="coarse_label_names",
        label_byte=0,
        tfds=("cifar100", "coarse_label"),
        sha256=(
            "88c82f3811dcdf6bdd32611e49bcadfc956c1454926de9a6beddd8294ecbb202",
            "829740923864d9f2af92582b5b257cd08dd90ae91ff605ba68b6438f9fbb0dfc",
        ),
    ),
}
