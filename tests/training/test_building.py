"""What is fitted to the training images before the first step, and validation that is looked at rarely."""

import csv

import numpy as np
import pytest

from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import load
from kerascifar.devices import placement
from kerascifar.run import restore, run
from kerascifar.training import fit
from kerascifar.training.building import adapt, build_model

SMALL = {
    "arch": "airbench94",
    "widths": (8, 8, 8),
    "dataset": "synthetic:300",
    "validation": 0.2,
    "batch_size": 64,
    "bias_rate": 3.0,
    "head_rate": 3.0,
    "epochs": 3,
    "device": "cpu",
}


def test_the_whitening_is_fitted_to_normalised_training_images_and_saved_with_the_run(tmp_path):
    import keras

    config = configure(**{**SMALL, "epochs": 1}, runs=str(tmp_path))
    images = load(config).train.images
    first = fit.compiled_model(config, load(config)).get_layer("whiten")
    result = run(config)
    _, _, score = restore(config.folder)
    loaded = keras.models.load_model(config.folder / "model.keras", compile=False)
    np.testing.assert_array_equal(loaded.get_layer("whiten").kernel, first.kernel)
    predicted = score(load(config).test.images, "test").argmax(1)
    assert np.mean(predicted == load(config).test.labels) == result.accuracy
    # What comes out for the training images is white: E[y y'] is l / (l + epsilon) on the diagonal, 0 elsewhere.
    inside = keras.Model(loaded.input, loaded.get_layer("whiten").output)
    y = inside.predict(images, verbose=0) - loaded.get_layer("whiten").bias.numpy()
    moments = y.reshape(-1, 24)[:, :12].T.astype("float64") @ y.reshape(-1, 24)[:, :12] / (y.size / 24)
    np.testing.assert_allclose(moments, np.diag(np.diag(moments)), atol=1e-3)
    assert np.all(np.diag(moments) <= 1 + 1e-4)


@pytest.mark.parametrize("arch", ["modified_net", "mobilenet_v2", "vgg16_bn", "tiny12k"])
def test_bfloat16_convolutions_are_those_alone(arch, tmp_path):
    import keras

    nets = {}
    for precision in ("float32", "bfloat16_convolutions"):
        config = configure(arch=arch, dataset="synthetic:40", precision=precision, device="cpu")
        placement.start(config)
        nets[precision] = build_model(config, load(config))
    keras.config.set_dtype_policy("float32")
    own, whole = nets["bfloat16_convolutions"], nets["float32"]
    kinds = {"bfloat16": set(), "float32": set()}
    for layer in own.layers[1:]:
        kinds[layer.compute_dtype].add(isinstance(layer, keras.layers.Conv2D))
        assert layer.variable_dtype == "float32"
    assert kinds == {"bfloat16": {True}, "float32": {False}}
    for a, b in zip(own.get_weights(), whole.get_weights(), strict=True):  # the seed draws the same
        np.testing.assert_array_equal(a, b)
    own.save(tmp_path / "model.keras")
    logits = {name: net.predict(load(config).test.images, verbose=0) for name, net in nets.items()}
    read = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(read.predict(load(config).test.images, verbose=0), logits["bfloat16_convolutions"])
    off = np.linalg.norm(logits["bfloat16_convolutions"] - logits["float32"])
    assert 0 < off < 0.05 * np.linalg.norm(logits["float32"])


def test_layers_without_adapt_stay_as_they_are():
    config = configure(**{**SMALL, "arch": "modified_net", "widths": None, "bias_rate": None, "head_rate": None})
    model = build_model(config, load(config))
    before = model.get_weights()
    adapt(model, load(config).train.images)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_validation_can_be_looked_at_rarely(tmp_path):
    results = {every: run(configure(**SMALL, runs=str(tmp_path), validate_every=every)) for every in (1, 2)}
    seen = [["val_accuracy" in row for row in result.history] for result in results.values()]
    assert seen == [[True, True, True], [False, True, False]]
    assert results[1].metrics == results[2].metrics
    rows = list(csv.DictReader((tmp_path / "airbench94" / results[2].run_id / "history.csv").open()))
    assert [bool(row["val_accuracy"]) for row in rows] == [False, True, False]
    with pytest.raises(InputError, match="leave --validate-every at 1"):
        configure(**SMALL, validate_every=2, patience=1)
