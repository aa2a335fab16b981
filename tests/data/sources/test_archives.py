"""Archives of strangers: links, paths, bombs and damaged headers."""

import gzip
import tarfile

import numpy as np
import pytest

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.data.sources import cifar


def read(dataset, folder, **more):
    return cifar.read(RunConfig(dataset=dataset, data_dir=str(folder), **{"unverified": True, **more}))


def test_hostile_members_write_nothing_and_are_passed_over(tmp_path, tiny_cifar):
    def member(name, type_=tarfile.REGTYPE, link="", size=0):
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = type_, link, size
        return info

    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    tiny = tiny_cifar("cifar-10-batches-py")
    tiny.archive(
        below,
        extra=(
            member("../../escaped", size=3),
            member(f"{tmp_path}/absolute", size=3),
            member("cifar-10-batches-py/../data_batch_1", size=3),
            member("cifar-10-batches-py/data_batch_1", tarfile.SYMTYPE, "/etc/passwd"),
            member("cifar-10-batches-py/data_batch_2", tarfile.LNKTYPE, "../../../etc/passwd"),
            member("cifar-10-batches-py/data_batch_3", tarfile.CHRTYPE),
            member("cifar-10-batches-py/data_batch_4", tarfile.DIRTYPE),
        ),
    )
    before = sorted(tmp_path.rglob("*"))
    np.testing.assert_array_equal(read("cifar10", below).train.images, tiny.images(tiny.train))
    assert sorted(tmp_path.rglob("*")) == before


def test_an_archive_with_only_links_holds_no_data(tmp_path):
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(InputError, match=r"holds no batches\.meta, data_batch_1"):
        read("cifar10", tmp_path)


def test_a_member_that_claims_too_much(tmp_path):
    info = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
    info.size = 2**40
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(gzip.compress(info.tobuf() + bytes(10_000)))
    with pytest.raises(InputError, match="claims 1099511627776 bytes"):
        read("cifar10", tmp_path)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE])
def test_a_header_that_claims_too_much(tmp_path, kind):
    info = tarfile.TarInfo("long")
    info.type, info.size = kind, 3 * 2**30
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(gzip.compress(info.tobuf() + bytes(10_000)))
    with pytest.raises(InputError, match="a header of 3221225472 bytes"):
        read("cifar10", tmp_path)


def test_an_archive_of_too_many_members(tmp_path):
    member = tarfile.TarInfo("empty").tobuf()
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(gzip.compress(member * 2000))
    with pytest.raises(InputError, match="more than 1000 members"):
        read("cifar10", tmp_path)


@pytest.mark.parametrize("header", [b"3 \n" * 100, b"99999999999999999999 path=x\n", b"\xff" * 512])
def test_a_damaged_header(tmp_path, header):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, len(header)
    content = info.tobuf() + header.ljust(512, b"\0") + tarfile.TarInfo("y").tobuf() + bytes(10_000)
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match=r"not a whole|holds no"):
        read("cifar10", tmp_path)


def test_headers_upon_headers(tmp_path):
    info = tarfile.TarInfo("x")
    info.type = tarfile.XHDTYPE
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(gzip.compress(info.tobuf() * 5000))
    with pytest.raises(InputError, match="not a whole"):
        read("cifar10", tmp_path)
