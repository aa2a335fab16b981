"""Cross-validation starts each fold afresh, and each published fault does what it is said to do, and only that."""

import numpy as np
import pytest
from small_runs import config, dataset, fitted, same_history, same_scores

from kerascifar import scratch
from kerascifar.core.errors import InputError
from kerascifar.scratch import FAULTS, Network, cross_validate, folds, load
from kerascifar.scratch.faults import FaultyNetwork
from kerascifar.scratch.fit import make_network


def test_folds_hold_out_every_image_once():
    pairs = list(folds(23, 5, seed=1))
    assert sorted(np.concatenate([held for _, held in pairs])) == list(range(23))
    for learn, held in pairs:
        assert sorted([*learn, *held]) == list(range(23))
        assert len(held) in (4, 5)


@pytest.mark.parametrize("k", [1, 24])
def test_impossible_folds(k):
    with pytest.raises(InputError, match="from 2 to the 23 training images"):
        list(folds(23, k))


def test_cross_validation_makes_a_net_for_each_fold():
    networks, data = [], dataset(30)

    def make():
        networks.append(make_network(config(), scratch.VARIANTS["scratch_convnet"], data))
        return networks[-1]

    untrained = cross_validate(make, lambda net, x, y: None, data.train.images, data.train.labels, k=3)
    assert len({id(net) for net in networks}) == len(untrained) == 3


def test_folds_start_afresh_and_the_net_learns_from_all_images(tmp_path):
    plain, folded = fitted(tmp_path / "a"), fitted(tmp_path / "b", folds=3)
    assert same_scores(plain, folded)
    assert same_history(plain.history, folded.history)
    assert len(folded.notes["fold_accuracies"]) == 3


@pytest.mark.parametrize("faults", [(), ("folds_kept",)])
def test_stopped_between_folds_it_goes_on_to_the_same_bits(tmp_path, monkeypatch, faults):
    fields = {"folds": 3, "epochs": 2, "faults": faults}
    whole = fitted(tmp_path / "whole", **fields)
    checkpoints = []
    save = scratch.fit.Checkpoint.save

    def stopping(self, *args):
        save(self, *args)
        checkpoints.append(1)
        if len(checkpoints) == 4:  # after the last epoch of the second fold
            raise KeyboardInterrupt

    monkeypatch.setattr("kerascifar.scratch.fit.Checkpoint.save", stopping)
    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path / "parts", **fields)
    monkeypatch.setattr("kerascifar.scratch.fit.Checkpoint.save", save)
    parts = fitted(tmp_path / "parts", **fields)
    assert parts.notes == whole.notes
    assert same_history(parts.history, whole.history)
    assert same_scores(parts, whole)


def test_kept_folds_train_one_net(tmp_path):
    kept = fitted(tmp_path, folds=3, epochs=2, faults=("folds_kept",))
    assert len(kept.history) == 6


def faulty(*faults):
    faulty_config = config(arch="scratch_cnn", filters=(4, 3), faults=faults)
    return make_network(faulty_config, scratch.VARIANTS["scratch_cnn"], dataset())


def gradients(network):
    data = dataset()
    return network.gradients(data.train.images[:10], data.train.labels[:10])[0]


def test_fault_output_relu():
    assert faulty("output_relu").predict(dataset().test.images).min() == 0


def test_fault_relu_derivative():
    right, wrong = faulty(), faulty("relu_derivative")
    x = dataset().test.images
    np.testing.assert_array_equal(right.predict(x), wrong.predict(x))  # only the way back differs
    layer = wrong.layers[2]
    layer.y = np.array([0.0, 2.0, 3.0])
    assert layer.backward(np.array([1.0, 1.0, 10.0])).tolist() == [0, 2, 30]


def test_fault_swapped_fans():
    right, wrong = (
        make_network(config(arch="scratch_fc3", filters=None, faults=f), scratch.VARIANTS["scratch_fc3"], dataset())
        for f in ((), ("swapped_fans",))
    )
    # He's variance is 2 / fan_in; 192 inputs, 1024 outputs.
    assert right.parameters["2/kernel"].std() == pytest.approx((2 / 192) ** 0.5, rel=0.01)
    assert wrong.parameters["2/kernel"].std() == pytest.approx((2 / 1024) ** 0.5, rel=0.01)


def test_faults_of_convolutions():
    right, shared, undivided = gradients(faulty()), *map(gradients, map(faulty, FAULTS_OF_CONVOLUTIONS))
    np.testing.assert_allclose(shared["1/bias"], np.full(4, right["1/bias"].sum()), rtol=1e-5)
    np.testing.assert_array_equal(shared["1/kernel"], right["1/kernel"])
    np.testing.assert_allclose(undivided["3/kernel"], 10 * right["3/kernel"], rtol=1e-5)
    np.testing.assert_array_equal(undivided["6/kernel"], right["6/kernel"])  # the dense layer divides


FAULTS_OF_CONVOLUTIONS = ("shared_bias_gradient", "undivided_gradients")


def test_fault_full_batch(tmp_path, monkeypatch):
    sizes = []
    step = Network.step
    monkeypatch.setattr(
        Network, "step", lambda self, x, *rest, **how: sizes.append(len(x)) or step(self, x, *rest, **how)
    )
    fitted(tmp_path, epochs=2, faults=("full_batch",))
    assert sizes == [120, 120]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_net_trains_and_is_saved_as_a_plain_one(tmp_path, fault):
    done = fitted(tmp_path, arch="scratch_cnn", dropout=None, epochs=1, learning_rate=1e-4, faults=(fault,), folds=2)
    done.save(tmp_path)
    assert type(load(tmp_path / "model.npz")) is Network


def test_without_faults_the_net_is_the_plain_one():
    assert type(faulty()) is Network
    assert type(faulty("output_relu")) is FaultyNetwork
