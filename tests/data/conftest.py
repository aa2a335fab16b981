import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

NAMES = {10: [f"c{i}" for i in range(10)], 20: [f"s{i}" for i in range(20)], 100: [f"f{i}" for i in range(100)]}


@pytest.fixture(autouse=True)
def _no_data_of_this_machine(monkeypatch, tmp_path_factory):
    """Let every test start on a machine without data sets and caches, and without a network."""
    home = tmp_path_factory.mktemp("home")
    for name in ("KERASCIFAR_DATA", "KERAS_HOME", "TFDS_DATA_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the discard port: nothing listens there
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")


@pytest.fixture
def real(_no_data_of_this_machine):
    """Folder of the real data sets."""
    if REAL is None:
        pytest.skip("KERASCIFAR_DATA is not set: no real data sets at hand")
    return Path(REAL)


REAL = os.environ.get("KERASCIFAR_DATA")


class TinyCifar:
    """A few random images in CIFAR's order of bytes, and every published way of storing them."""

    def __init__(self, layout: str, each: int = 4):
        self.layout = layout
        hundred = "100" in layout
        self.python = "bin" not in layout
        self.train = ["train"] if hundred else [f"data_batch_{i}" for i in range(1, 6)]
        self.test = ["test"] if hundred else ["test_batch"]
        rng = np.random.default_rng(7)
        self.rows = {n: rng.integers(0, 256, (each, 3072)).astype(np.uint8) for n in self.train + self.test}
        self.labels = {n: rng.integers(0, 100 if hundred else 10, each).tolist() for n in self.rows}
        self.coarse = {n: rng.integers(0, 20, each).tolist() for n in self.rows}
        self.hundred = hundred

    def files(self, protocol: int = 2) -> dict[str, bytes]:
        files = {}
        for name, rows in self.rows.items():
            fine, coarse = self.labels[name], self.coarse[name]
            if self.python:
                keys = {b"fine_labels": fine, b"coarse_labels": coarse} if self.hundred else {b"labels": fine}
                files[name] = pickle.dumps({b"batch_label": b"x", b"data": rows, **keys}, protocol)
            else:
                labels = [coarse, fine] if self.hundred else [fine]
                records = np.hstack([np.array(labels, np.uint8).T, rows])
                files[f"{name}.bin"] = records.tobytes()
        ten = [n.encode() for n in NAMES[10]]
        fine, coarse = ([n.encode() for n in NAMES[k]] for k in (100, 20))
        if self.python and self.hundred:
            files["meta"] = pickle.dumps({b"fine_label_names": fine, b"coarse_label_names": coarse}, protocol)
        elif self.python:
            files["batches.meta"] = pickle.dumps({b"label_names": ten, b"num_vis": 3072}, protocol)
        elif self.hundred:
            files["fine_label_names.txt"] = b"\n".join(fine) + b"\n"
            files["coarse_label_names.txt"] = b"\n".join(coarse) + b"\n\n"
        else:
            files["batches.meta.txt"] = b"\n".join(ten) + b"\n\n"
        return files

    def folder(self, parent: Path, **changed: bytes) -> Path:
        folder = parent / self.layout
        folder.mkdir()
        for name, content in {**self.files(), **changed}.items():
            (folder / name).write_bytes(content)
        return folder

    def archive(self, parent: Path, prefix: str = "", extra: tuple[tarfile.TarInfo, ...] = ()) -> Path:
        path = parent / (self.layout.replace("-batches-py", "-python").replace("-batches-bin", "-binary") + ".tar.gz")
        with tarfile.open(path, "w:gz") as archive:
            for member in extra:
                archive.addfile(member, io.BytesIO(bytes(member.size)))
            for name, content in reversed(self.files().items()):  # the order in an archive does not matter
                member = tarfile.TarInfo(f"{prefix}{self.layout}/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path

    def images(self, names: list[str]) -> np.ndarray:
        """The images, put together a pixel at a time: row r, column c, channel k lies at 1024 k + 32 r + c."""
        flat = np.concatenate([self.rows[n] for n in names])
        k, r, c = np.meshgrid(range(3), range(32), range(32), indexing="ij")
        images = np.zeros((len(flat), 32, 32, 3), np.uint8)
        images[:, r, c, k] = flat[:, 1024 * k + 32 * r + c]
        return images


@pytest.fixture
def tiny_cifar():
    return TinyCifar
