import numpy as np
import pytest

from kerascifar.auditing.findings import Oddity, Pair, Suspect

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u202e\udcff"


@pytest.fixture
def make_pair():
    """A pair of a test and a training image; its checksums are 64 digits that begin with its indices."""

    def make(a_index=0, b_index=0, **fields):
        known = {
            "a_split": "test", "a_index": a_index, "b_split": "train", "b_index": b_index, "score": 0.0125,
            "verdict": "near-duplicate", "shift_x": 1.0, "shift_y": -0.5, "scale": 1.05, "mirror": True, "gain": 0.9,
            "offset": -3.25, "a_label": "cat", "b_label": "cat", "a_sha256": f"{a_index}".ljust(64, "a"),
            "b_sha256": f"{b_index}".ljust(64, "b"),
        }  # fmt: skip
        return Pair(**{**known, **fields})

    return make


@pytest.fixture
def make_suspect():
    def make(index=0, **fields):
        known = {
            "split": "test", "index": index, "sha256": f"{index}".ljust(64, "c"), "given": "cat", "proposed": "dog",
            "margin": 0.75, "suspect": True, "given_probability": 0.02, "proposed_probability": 0.93,
            "neighbours": (("train", 1, "dog"), ("train", 2, "dog"), ("train", 3, "cat")), "contradiction": False,
        }  # fmt: skip
        return Suspect(**{**known, **fields})

    return make


@pytest.fixture
def findings(make_pair, make_suspect):
    """Pairs, suspects and oddities: more pairs than a page shows, every verdict, hostile names."""
    pairs = [make_pair(i, 100 + i, verdict="near-duplicate" if i % 3 else "similar") for i in range(30)]
    pairs[1] = make_pair(1, 101, verdict="same pixels", score=0.0, a_label="frog", b_label=HOSTILE, b_file=HOSTILE)
    pairs[2] = make_pair(2, 3, b_split="test", b_label="__proto__")
    suspects = [make_suspect(40), make_suspect(41, given="frog", suspect=False), make_suspect(42, proposed=HOSTILE,
                contradiction=True, given_probability=None, proposed_probability=None)]  # fmt: skip
    return pairs, suspects, [Oddity("train", 7, HOSTILE, "a single colour")]


@pytest.fixture
def read():
    """The image of a split and an index: noise that these decide."""

    def image(split, index, shape=(32, 32, 3)):
        return np.random.default_rng([len(split), index]).integers(0, 256, shape, np.uint8)

    return image
