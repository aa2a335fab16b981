"""Small valid files to harm: arrays, a picture, an archive, pickles, nets."""

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.scratch import saving
from tests.audit_rows import LABEL_COLUMNS, PAIR_COLUMNS, label, pair

TF_CONFIG = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 0}}
FEATURES = {
    "pythonClassName": "tensorflow_datasets.core.features.features_dict.FeaturesDict",
    "featuresDict": {
        "features": {"image": {"pythonClassName": "tensorflow_datasets.core.features.image_feature.Image"}}
    },
}


def array(value: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, value)
    return content.getvalue()


def arrays(**named: Any) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **{name: np.asarray(value) for name, value in named.items()})
    return content.getvalue()


def picture() -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(content, "PNG")
    return content.getvalue()


def tar() -> bytes:
    import tarfile

    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        member = tarfile.TarInfo("cifar/a.bin")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"abcd"))
    return content.getvalue()


def pickle() -> bytes:
    import pickle as standard

    return standard.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 1]}, protocol=2)


def state_dict() -> bytes:
    """Return what torch.save writes of {"a": torch.zeros(3)}, opcode by opcode."""
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" + b"0X\x03\0\0\0cpuK\x03tQ"
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\0K\x03\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR"
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}X\x01\0\0\0a" + tensor + b"s.")
        archive.writestr("archive/data/0", bytes(12))
    return content.getvalue()


def scratch_net() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        from kerascifar.scratch.architectures import VARIANTS
        from kerascifar.scratch.network import Network

        variant = VARIANTS["scratch_cnn"]
        saving.save(Path(folder) / "net.npz", Network(variant.build((8, 8, 3), 10, **variant.args), (8, 8, 3)))
        return (Path(folder) / "net.npz").read_bytes()


def pairs() -> bytes:
    return f"{PAIR_COLUMNS}\n{pair('test', 'a', 'train', 'b')}\n".encode()


def labels() -> bytes:
    return f"{LABEL_COLUMNS}\n{label('train', 'a')}\n".encode()
