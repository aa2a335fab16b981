"""Training as a whole, on a few synthetic images: what survives, what is learned, what is refused."""

import dataclasses
import re
import time
import zipfile

import numpy as np
import pytest

from kerascifar.configure import configure
from kerascifar.core.errors import InputError, TrainingDiverged
from kerascifar.core.precisions import PRECISIONS
from kerascifar.data.datasets import load
from kerascifar.run import run
from kerascifar.training import building, callbacks, fit
from kerascifar.training.checkpoint import load_progress

SMALL = {
    "arch": "modified_net",
    "dataset": "synthetic:300",
    "validation": 0.2,
    "batch_size": 64,
    "epochs": 3,
    "device": "cpu",
}
if fit.placement.backend() == "jax":  # tests/devices/test_jax.py
    SMALL["input"] = "arrays"
STEPS = 4  # 240 training images in batches of 64


def trained(folder, **options):
    """Weights and history of a run to its end, seconds left out."""
    config = configure(**{**SMALL, **options, "runs": str(folder)})
    data = load(config)
    fit.placement.start(config)
    model = fit.compiled_model(config, data)
    config.folder.mkdir(parents=True, exist_ok=True)
    _, history = fit.train(model, config, data, config.folder)
    return model.get_weights(), [{k: v for k, v in row.items() if not k.endswith("seconds")} for row in history]


def stopped_after(monkeypatch, step, folder, **options):
    """Train, and die after `step` calls of the compiled step as Ctrl-C or a kill would have it."""
    whole, left = callbacks.Recorder.on_train_batch_end, [step]

    def die(self, batch, logs=None):
        whole(self, batch, logs)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.Recorder, "on_train_batch_end", die)
        with pytest.raises(KeyboardInterrupt):
            trained(folder, **options)


CASES = {
    "dropout and momentum": {},
    "augmented": {"augment": "flip_crop"},
    "without tf.data": {"augment": "flip_crop", "input": "arrays"},
    "adam with decay, smoothing, clipping": {
        "optimizer": "adamw", "label_smoothing": 0.1, "clip_norm": 1.0, "weight_decay": 0.05,
    },
    "moving average": {"ema": 0.9},
    "moving average, best epoch": {"ema": 0.9, "patience": 2},
    "muon and one cycle": {"optimizer": "muon", "schedule": "one_cycle"},
    "whitening, muon for filters": {
        "arch": "airbench94", "widths": (8, 8, 8), "batch_size": 64, "bias_rate": 3.0, "head_rate": 3.0,
    },
    "weighted classes": {"loss": "class_weighted", "schedule": "step", "step_epochs": 1},
}  # fmt: skip


QUICK = ("dropout and momentum", "augmented")


@pytest.mark.parametrize("case", [c if c in QUICK else pytest.param(c, marks=pytest.mark.release) for c in CASES])
def test_a_run_that_died_twice_ends_bit_for_bit_as_one_that_did_not(case, tmp_path, monkeypatch):
    options = CASES[case] | {"checkpoint_steps": 1}
    weights, history = trained(tmp_path / "undisturbed", **options)
    stopped_after(monkeypatch, STEPS + 2, tmp_path / "disturbed", **options)
    stopped_after(monkeypatch, 1, tmp_path / "disturbed", **options)
    again, resumed = trained(tmp_path / "disturbed", **options)
    assert repr(resumed) == repr(history)  # 1 and 1.0 are equal, but not written alike
    for a, b in zip(weights, again, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("case", ["dropout and momentum", "moving average"])
def test_steps_in_one_call_are_the_steps_alone_bit_for_bit(case, tmp_path, monkeypatch):
    # Of 4 steps per epoch, one call runs 1, 2 (both from a checkpoint_steps that divides by no more) or all 4.
    weights, history = trained(tmp_path / "1", **CASES[case], checkpoint_steps=1)
    for count, options in ((2, {"checkpoint_steps": 2}), (4, {})):
        again, resumed = trained(tmp_path / str(count), **CASES[case], **options)
        assert resumed == history
        for a, b in zip(weights, again, strict=True):
            np.testing.assert_array_equal(a, b)
    # A run that died in mid-epoch resumes with as many per call as the rest of the epoch allows.
    stopped_after(monkeypatch, 3, tmp_path / "disturbed", **CASES[case], checkpoint_steps=2)  # calls, hence 6 steps
    again, resumed = trained(tmp_path / "disturbed", **CASES[case])
    assert resumed == history
    for a, b in zip(weights, again, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("steps", "checkpoint_steps", "done", "multiply_adds", "per_call"),
    [
        (352, None, 0, 1e6, 32),  # 352 = 2^5 x 11; 32 x 1e6 x 64 images is below 16e9
        (391, None, 0, 1e6, 23),  # 391 = 17 x 23
        (353, None, 0, 1e6, 1),  # a prime
        (352, 100, 0, 1e6, 4),  # the greatest common divisor of 352 and 100
        (352, None, 110, 1e6, 22),  # resumed at step 110: gcd(352, 110) = 22
        (352, None, 0, 60e6, 4),  # 16e9 / (60e6 x 64) = 4.2
        (352, None, 0, 560e6, 1),
    ],
)
def test_steps_per_call(steps, checkpoint_steps, done, multiply_adds, per_call):
    config = configure(**SMALL, checkpoint_steps=checkpoint_steps)
    assert building.steps_per_call(config, steps, done, int(multiply_adds)) == per_call


def test_a_death_after_the_last_epoch_changes_nothing(tmp_path):
    options = {"ema": 0.9, "epochs": 2}
    weights, history = trained(tmp_path, **options)
    again, resumed = trained(tmp_path, **options)  # the checkpoint of the last epoch is there
    assert resumed == history
    for a, b in zip(weights, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_seeds_differ_and_repeat(tmp_path):
    first, again, other = (trained(tmp_path / str(i), seed=seed, epochs=1) for i, seed in enumerate((1, 1, 2)))
    assert first[1] == again[1]
    assert first[1] != other[1]


def test_patience_stops_and_keeps_the_best_epoch(tmp_path):
    # A learning rate of nothing after epoch 1 leaves the accuracy where it is: no later epoch is better than the first.
    options = {"patience": 2, "epochs": 9, "schedule": "exponential", "gamma": 1e-12, "arch": "lenet_relu"}
    weights, history = trained(tmp_path / "a", **options)
    best = int(np.argmax([row["val_accuracy"] for row in history]))
    assert len(history) == best + 1 + 2
    alone, _ = trained(tmp_path / "b", **options | {"patience": 0, "epochs": best + 1})
    for a, b in zip(weights, alone, strict=True):
        np.testing.assert_array_equal(a, b)


def test_ema_weights_are_the_average_by_hand(tmp_path):
    # Keras starts the average at the weights after the first step; one more makes it 0.75 first + 0.25 second.
    options = {"batch_size": 240, "arch": "lenet_relu", "schedule": "constant"}
    first, _ = trained(tmp_path / "1", epochs=1, **options)
    second, _ = trained(tmp_path / "2", epochs=2, **options)
    average, _ = trained(tmp_path / "ema", epochs=2, ema=0.75, **options)
    for a, b, mean in zip(first, second, average, strict=True):
        np.testing.assert_allclose(mean, 0.75 * a + 0.25 * b, atol=1e-7)
    assert any(np.abs(b - a).max() > 1e-4 for a, b in zip(first, second, strict=True))


def test_nan_stops_with_the_last_good_checkpoint(tmp_path):
    options = {"arch": "lenet_relu", "learning_rate": 1e30, "schedule": "constant", "checkpoint_steps": 1}
    with pytest.raises(
        TrainingDiverged, match=r"the loss became (nan|inf) in epoch 1; the last good checkpoint is kept"
    ):
        trained(tmp_path, **options)
    checkpoint = next(tmp_path.rglob("checkpoint.npz"))
    assert load_progress(checkpoint, fit.placement.backend()).step >= 1
    with np.load(checkpoint) as saved:
        assert all(np.isfinite(saved[name]).all() for name in saved.files if name.startswith("model/"))


def test_freeze_keeps_all_but_the_last_layers(tmp_path):
    config = configure(**{**SMALL, "freeze": 1, "epochs": 1})
    model = building.build_model(config, load(config))
    start = {v.path: v.numpy() for v in model.trainable_variables}
    weights, _ = trained(tmp_path, freeze=1, epochs=1)
    model.set_weights(weights)
    moved = {v.path.split("/")[0] for v in model.trainable_variables if not np.array_equal(v.numpy(), start[v.path])}
    assert moved == {"fc3"}


def test_init_weights_from_a_run_with_other_classes(tmp_path):
    parent = configure(**{**SMALL, "runs": str(tmp_path), "epochs": 1})
    run(parent)
    child = configure(**{**SMALL, "dataset": "digits", "init_weights": str(parent.folder)})
    model = fit.compiled_model(child, load(child))
    import keras

    nets = model, keras.models.load_model(parent.folder / "model.keras")
    kernels = [net.get_layer("conv2").get_weights()[0] for net in nets]
    np.testing.assert_array_equal(*kernels)


@pytest.mark.parametrize("precision", [name for name in PRECISIONS if name != "float32"])
def test_mixed_precision_trains(precision, tmp_path):
    weights, history = trained(tmp_path, precision=precision, epochs=2)
    assert all(w.dtype == np.float32 for w in weights if w.size > 1)
    assert history[1]["loss"] < history[0]["loss"]


@pytest.fixture(autouse=True)
def float32_again():
    yield
    import keras

    keras.config.set_dtype_policy("float32")


def test_devices_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"(TensorFlow|JAX) sees .* here"):
        trained(tmp_path, device="gpu:97")


def test_a_checkpoint_of_another_net_is_refused(tmp_path):
    trained(tmp_path, epochs=1)
    config = configure(**{**SMALL, "epochs": 1, "runs": str(tmp_path)})
    other = dataclasses.replace(config, arch="lenet_relu")
    other.folder.mkdir(parents=True)
    (config.folder / "checkpoint.npz").rename(other.folder / "checkpoint.npz")
    with pytest.raises(InputError, match="belongs to another model; --again starts anew"):
        trained(tmp_path, epochs=1, arch="lenet_relu")
    with pytest.raises(InputError, match=r"begun under KERAS_BACKEND=\w+, which draws other numbers than theano"):
        load_progress(other.folder / "checkpoint.npz", "theano")
    (other.folder / "checkpoint.npz").write_bytes(b"garbage")
    with pytest.raises(InputError, match=r"^checkpoint \S+ is corrupt: File is not a zip file; --again starts anew"):
        trained(tmp_path, epochs=1, arch="lenet_relu")


def test_a_run_trained_twice_gives_the_same_file(tmp_path):
    files = []
    for name in ("first", "second"):
        config = configure(**SMALL | {"epochs": 1, "runs": str(tmp_path / name)})
        run(config)
        files.append((config.folder / "model.keras").read_bytes())
        time.sleep(1.1)  # Keras notes the time to a second
    assert files[0] == files[1]
    import keras

    net = keras.models.load_model(config.folder / "model.keras")
    with zipfile.ZipFile(config.folder / "model.keras") as archive:
        stored = archive.read("config.json").decode()
    # The layers share one object, the dtype policy, which Keras names by its address.
    assert set(re.findall(r'"shared_object_id": (\d+)', stored)) == {"0"}
    assert net.output_shape == (None, 10)
