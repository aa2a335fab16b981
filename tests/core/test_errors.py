"""A message stays readable, however much was received."""

import pickle

from kerascifar.core.errors import InputError


def test_a_message_that_quotes_a_whole_file_is_cut_in_its_middle():
    error = InputError(f"own.toml: parameters must be a number, got {[1] * 9999}; such as 35498")
    for each in (error, pickle.loads(pickle.dumps(error))):  # as it comes back from another process
        assert str(each).startswith("own.toml: parameters must be a number, got [1, 1")
        assert str(each).endswith("; such as 35498")
        assert len(str(each)) < 2000


def test_other_messages_are_whole():
    assert str(InputError("a" * 1900)) == "a" * 1900
