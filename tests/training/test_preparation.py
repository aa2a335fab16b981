"""Faults in what a net sees when it is scored: each by itself, against what it should be by hand."""

import keras
import numpy as np
import pytest

from kerascifar import results
from kerascifar.augment.policies import augment_once, make_augment
from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.data import normalization
from kerascifar.data.datasets import load
from kerascifar.data.pixel_order import interleaved_as_planar
from kerascifar.run import restore, run
from kerascifar.training.preparation import faults, prepare, prepared

SMALL = {"arch": "origin_net", "dataset": "synthetic:200", "epochs": 1, "batch_size": 64, "device": "cpu"}
FAULTS = {
    "scrambled": {"pixels": "interleaved"},
    "own statistics": {"statistics": "own", "normalize": "zscore"},
    "augmented": {"augment": "lai", "augment_evaluation": True},
}


def softmax(logits):
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


NAMES = [pytest.param(name, marks=[pytest.mark.slow] * (name == "augmented")) for name in FAULTS]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the config of the run with a fault, which is made when it is first asked for."""
    folder = str(tmp_path_factory.mktemp("runs"))

    def config(name):
        made = configure(**SMALL, **FAULTS[name], runs=folder)
        run(made)  # a finished one is read
        return made

    return config


def by_hand(name, model, config, data):
    """Test probabilities: what the saved model, which normalises by the training images, says of changed pixels."""
    images = data.test.images
    if name == "scrambled":
        images = interleaved_as_planar(images)
    elif name == "augmented":
        images = augment_once(images, "lai", config.seed)
    else:
        # The model's own layer puts (x - mean) / std; so it gets the pixels for which that is what it should be.
        inside = keras.Model(model.get_layer("normalization").output, model.output)
        mean, std = normalization.statistics("zscore", images)
        return softmax(inside.predict(((images - mean) / std).astype("float32"), verbose=0))
    return softmax(model.predict(images, verbose=0))


@pytest.mark.parametrize("name", NAMES)
def test_the_test_images_are_scored_with_the_fault_and_again_the_same(name, finished):
    config = finished(name)
    data, saved = load(config), results.read_scores(config.folder)
    model = keras.models.load_model(config.folder / "model.keras")
    np.testing.assert_allclose(saved["test_scores"], by_hand(name, model, config, data), atol=2e-6)
    plain = softmax(model.predict(data.test.images, verbose=0))
    assert np.abs(saved["test_scores"] - plain).max() > 2e-5  # it makes a difference
    _, result, score = restore(config.folder)
    for split in ("test", "validation", "test"):
        np.testing.assert_array_equal(score(data.splits[split].images, split), saved[f"{split}_scores"])
    assert result.dataset["sha256"]["test"] == data.test.checksum  # of the images as they are
    assert result.notes["faults"] == faults(config)
    assert len(faults(config)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_history_and_metrics_agree_on_the_validation_images(name, finished):
    result = results.read_result(finished(name).folder)
    assert result.history[-1]["val_accuracy"] == pytest.approx(result.metrics["validation"]["accuracy"])


def test_a_run_without_faults_notes_none_and_copies_nothing():
    config = configure(**SMALL, augment="lai")
    data = load(config)
    assert faults(config) == []
    assert all(prepared(config, data).splits[name] is split for name, split in data.splits.items())


def test_augmented_once_is_the_same_each_time_and_not_what_training_sees():
    config = configure(**SMALL, augment="flip(0.5) rotate(10)", augment_evaluation=True)
    images = load(config).test.images  # 50
    once = prepare(config, images, "test")
    np.testing.assert_array_equal(once, prepare(config, images, "validation"))
    assert prepare(config, images, "train") is prepare(config, images, "unlabelled") is images
    assert (once.dtype, once.shape) == (np.uint8, images.shape)
    assert np.mean(np.any(once != images, axis=(1, 2, 3))) > 0.9  # nearly every image is turned
    other = configure(**SMALL, augment="flip(0.5) rotate(10)", augment_evaluation=True, seed=1)
    assert np.any(prepare(other, images, "test") != once)
    augment, zero = make_augment(config.augment, config.seed, images.shape[1:]), keras.ops.zeros((), "int64")
    first, _ = augment(images, np.zeros((50, 10), "float32"), index=np.arange(50), epoch=zero, batch=zero)
    assert np.any(first.numpy() != once)


def test_augmented_batches_do_not_depend_on_how_many_images_follow():
    images = np.random.default_rng(0).integers(0, 256, (300, 8, 8, 3), np.uint8)
    whole = augment_once(images, "crop(2) alternating_flip", 3)
    np.testing.assert_array_equal(augment_once(images[:256], "crop(2) alternating_flip", 3), whole[:256])
    assert augment_once(images, "none", 3) is images


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"augment_evaluation": True}, "--augment-evaluation needs a policy to apply"),
        ({"augment_evaluation": True, "augment": "advanced"}, r"mixup_or_cutmix\(1, 1, 1\) mixes labels"),
        ({"augment_evaluation": True, "arch": "scratch_fc3", "augment": "flip_crop"}, "does not apply to scratch_fc3"),
        ({"pixels": "planar_queries"}, "--pixels planar_queries is for knn and nearest_centroid"),
        ({"pixels": "planar", "arch": "scratch_fc3"}, "--pixels does not apply to scratch_fc3"),
        ({"statistics": "own", "arch": "scratch_fc3"}, "--statistics does not apply to scratch_fc3"),
        ({"pixels": "chw"}, "--pixels: must be one of hwc, planar, planar_queries, interleaved, got 'chw'"),
    ],
)
def test_what_means_nothing_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        configure(**{**SMALL, **options})
