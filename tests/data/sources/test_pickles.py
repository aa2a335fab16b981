import os
import pickle
import struct
import subprocess

import numpy as np
import pytest

from kerascifar.core.errors import InputError
from kerascifar.data.sources.pickles import read_pickle

# What cPickle of Python 2 and NumPy 1 wrote, by hand: strings as SHORT_BINSTRING, numpy.core.multiarray._reconstruct.
PYTHON_2 = (
    b"\x80\x02}q\x01(U\x06labelsq\x02]q\x03(K\x06K\x09eU\x04dataq\x04"
    b"cnumpy.core.multiarray\n_reconstruct\nq\x05cnumpy\nndarray\nq\x06K\x00\x85U\x01b\x87Rq\x07"
    b"(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x08U\x02u1K\x00K\x01\x87Rq\x09"
    b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06\x00\x01\x02\xfd\xfe\xfftbu."
)


def test_python_2_pickle_of_old_numpy():
    read = read_pickle(PYTHON_2, "x")
    assert read["labels"] == [6, 9]
    np.testing.assert_array_equal(read["data"], np.array([[0, 1, 2], [253, 254, 255]], np.uint8))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", "<i8", ">i4", "?"])
def test_every_protocol_gives_the_arrays_back(protocol, order, dtype):
    data = np.arange(24).reshape(4, 6).astype(dtype, order=order)
    read = read_pickle(pickle.dumps({b"data": data, "names": [b"frog", "truck"], "n": 5}, protocol), "x")
    np.testing.assert_array_equal(read["data"], data)
    assert read["data"].dtype == data.dtype
    assert read["names"] == [b"frog", "truck"]
    assert read["n"] == 5


class Calls:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    ("function", "named"),
    [
        (os.system, "system"),
        (subprocess.check_output, "check_output"),
        (eval, "eval"),
        (np.load, "numpy.load"),
        (getattr, "getattr"),
    ],
)
def test_a_pickle_that_calls_something_is_refused_and_does_not_run(tmp_path, protocol, function, named):
    trap = tmp_path / "ran"
    content = pickle.dumps({"data": Calls(function, f"touch {trap}")}, protocol)
    with pytest.raises(InputError, match=rf"batch: refused: .*{named}") as refused:
        read_pickle(content, "batch")
    assert "\n" not in str(refused.value)
    assert not trap.exists()


def test_the_test_above_can_fail(tmp_path):
    trap = tmp_path / "ran"
    pickle.loads(pickle.dumps(Calls(os.system, f"touch {trap}")))
    assert trap.exists()


def test_every_truncation_is_an_input_error():
    for length in range(len(PYTHON_2)):
        with pytest.raises(InputError, match="not a whole CIFAR pickle"):
            read_pickle(PYTHON_2[:length], "x")


@pytest.mark.parametrize(
    "content",
    {
        "garbage": bytes(range(256)),
        "zip": b"PK\x03\x04" + bytes(100),
        "a memo index that would fill memory": b"\x80\x02}r\xff\xff\xff\x7f.",
        "a length past the end": b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b"xx.",
        "a list, no dict": pickle.dumps([1, 2]),
        "number keys": pickle.dumps({1: 2}),
        "floats": pickle.dumps({"data": np.zeros(3)}),
        "objects": pickle.dumps({"data": np.array([None, "x"])}),
        "a structured array": pickle.dumps({"data": np.zeros(3, "i4,i4")}),
        "a shape that the bytes do not fill": PYTHON_2.replace(b"K\x02K\x03\x86", b"K\x02K\x05\x86"),
        "a negative shape": PYTHON_2.replace(b"K\x02K\x03\x86", b"J\xfe\xff\xff\xffJ\xfd\xff\xff\xff\x86"),
        "state for a stand-in": b"c_codecs\nencode\n}U\x01aK\x01sb.",
        "state for a made stand-in": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x01\x00\x00\x00b\x86R}b.",
    }.items(),
    ids=lambda item: item[0],
)
def test_what_is_no_cifar_pickle_is_refused(content):
    with pytest.raises(InputError):
        read_pickle(content[1], "x")


def test_stand_ins_stay_as_they_are_after_an_attempt_to_change_them():
    with pytest.raises(InputError):
        read_pickle(b"cnumpy\nndarray\n(N}U\x0c__setstate__K\x01stb.", "x")
    np.testing.assert_array_equal(read_pickle(pickle.dumps({"a": np.arange(3)}), "x")["a"], [0, 1, 2])
