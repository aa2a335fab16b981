"""The engine: it learns, goes on after a kill to the same bits, and refuses what it does not do."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from small_runs import config, dataset, fitted, same_history, same_scores

from kerascifar import scratch
from kerascifar.core.errors import InputError, TrainingDiverged
from kerascifar.scratch import Network, load, train
from kerascifar.scratch.engine import restore
from kerascifar.scratch.fit import make_network
from kerascifar.training.selection import best_epoch, out_of_patience


def test_learns_and_reports(tmp_path):
    data = dataset(300)
    done = fitted(tmp_path, data, epochs=4)
    scores = done.score(data.test.images, "test")
    assert scores.shape == (60, 3)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)
    assert (scores.argmax(1) == data.test.labels).mean() > 0.9
    columns = {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds", "cpu_seconds"}
    assert [set(row) for row in done.history] == [columns] * 4
    assert done.trainable_parameters == (27 * 4 + 4 + 8) + (36 * 6 + 6 + 12) + (24 * 3 + 3)
    assert done.multiply_adds == 64 * 27 * 4 + 16 * 36 * 6 + 24 * 3
    assert done.images_per_second > 0
    assert done.seconds_per_epoch > 0
    done.save(tmp_path)
    loaded = scratch.softmax(load(tmp_path / "model.npz").predict(data.test.images))
    np.testing.assert_array_equal(loaded.astype(np.float32), scores)


def test_without_validation(tmp_path):
    done = fitted(tmp_path, replace(dataset(), validation=None), validation=0.0)
    assert "val_loss" not in done.history[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"augment": "flip_crop", "optimizer": "adam", "learning_rate": 0.003},
        {"nesterov": True, "weight_decay": 1e-3, "schedule": "one_cycle", "clip_norm": 1.0},
        {"optimizer": "adamw", "decay": "decoupled", "weight_decay": 0.01, "decay_all": False, "learning_rate": 0.003},
        {"loss": "class_weighted", "label_smoothing": 0.1, "momentum": 0.0, "clip_value": 0.1, "warmup": 1.0},
        {"arch": "scratch_cnn", "dropout": None, "initializer": "xavier_uniform", "learning_rate": 0.01},
        {"arch": "scratch_fc3", "filters": None, "widths": (16,), "dropout": 0.5, "normalize": "minmax"},
    ],
)
def test_stopped_anywhere_it_goes_on_to_the_same_bits(tmp_path, monkeypatch, fields):
    whole = fitted(tmp_path / "whole", **fields)
    steps = []
    step = Network.step

    def stopping(self, *args, **kwargs):
        if len(steps) == 6:  # in the second epoch of 4 steps, one step after a checkpoint
            raise KeyboardInterrupt
        steps.append(1)
        return step(self, *args, **kwargs)

    monkeypatch.setattr(Network, "step", stopping)
    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path / "parts", checkpoint_steps=1, **fields)
    monkeypatch.setattr(Network, "step", step)
    parts = fitted(tmp_path / "parts", checkpoint_steps=1, **fields)
    assert same_history(parts.history, whole.history)
    assert same_scores(parts, whole)


KILLED = """
import sys
sys.path.insert(0, {tests!r})
import small_runs as t
from pathlib import Path
t.fitted(Path({folder!r}), epochs=400, patience=0)
"""


@pytest.mark.slow
def test_killed_it_goes_on_to_the_same_bits(tmp_path):
    code = KILLED.format(tests=os.path.dirname(__file__), folder=str(tmp_path / "killed"))
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "epoch 12/" in line:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stderr.close()
    assert process.returncode == -signal.SIGKILL
    resumed, whole = fitted(tmp_path / "killed", epochs=400), fitted(tmp_path / "whole", epochs=400)
    assert same_history(resumed.history, whole.history)
    assert same_scores(resumed, whole)


def test_a_finished_checkpoint_needs_no_training(tmp_path, monkeypatch):
    first = fitted(tmp_path)
    monkeypatch.setattr(Network, "step", None)
    again = fitted(tmp_path)
    assert first.history == again.history
    assert same_scores(first, again)


def test_a_checkpoint_of_other_images_is_refused(tmp_path):
    fitted(tmp_path)
    with pytest.raises(InputError, match="was begun on other data than this: its SHA-256 of the train images was"):
        fitted(tmp_path, dataset(seed=1))


def test_a_corrupt_checkpoint_is_refused(tmp_path):
    fitted(tmp_path)
    written = (tmp_path / "checkpoint.npz").read_bytes()
    (tmp_path / "checkpoint.npz").write_bytes(written[: len(written) // 2])
    with pytest.raises(InputError, match=r"checkpoint\.npz cannot be read"):
        fitted(tmp_path)


def test_patience_keeps_the_best_weights(tmp_path):
    data = dataset()
    done = fitted(tmp_path, data, epochs=30, patience=2, learning_rate=0.3)
    accuracies = [row["val_accuracy"] for row in done.history]
    best = int(np.argmax(accuracies))
    assert len(accuracies) < 30
    assert len(accuracies) == best + 3
    scores = done.score(data.validation.images, "validation")
    assert (scores.argmax(1) == data.validation.labels).mean() == accuracies[best]


def test_patience_counts_epochs_since_the_first_best():
    history = [{"val_accuracy": a} for a in (0.5, 0.7, 0.7, 0.6)]
    assert best_epoch(history) == 1
    assert out_of_patience(history, 2)
    assert not out_of_patience(history, 3)
    assert not out_of_patience(history, 0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_no_number_stops(tmp_path):
    with pytest.raises(TrainingDiverged, match=r"epoch \d.*try a lower --learning-rate"):
        fitted(tmp_path, arch="scratch_cnn", filters=(4,), dropout=None, learning_rate=1e6, epochs=20)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"augment": "simple"}, "--augment simple is not for the scratch nets: they take none, flip_crop"),
        ({"ema": 0.9}, "--ema does not apply to scratch_convnet; it applies to Keras nets"),
        ({"freeze": 2}, "--freeze does not apply to scratch_convnet"),
        ({"init_weights": "x"}, "--init-weights does not apply to scratch_convnet"),
        ({"precision": "mixed_float16"}, "--precision does not apply to scratch_convnet; it applies to Keras nets"),
        ({"device": "gpu"}, "--device gpu is not for the scratch nets: they take auto, cpu"),
        ({"optimizer": "muon"}, "--optimizer muon is not for the scratch nets: they take sgd, adam, adamw"),
        ({"loss": "mse"}, "unknown --loss 'mse'"),
        ({"schedule": "cosin"}, r"unknown --schedule 'cosin' .did you mean cosine"),
        ({"stem_stride": 2}, "--stem-stride does not apply to scratch_convnet; it applies to mobilenet_mod, "),
        ({"widths": (3,)}, "--widths does not apply to scratch_convnet"),
        ({"initializer": "hee"}, "unknown --initializer 'hee'"),
        ({"faults": ("output_rulu",)}, "unknown --faults 'output_rulu' .did you mean output_relu"),
        ({"faults": ("folds_kept",)}, "--faults folds_kept needs --folds"),
        ({"folds": 500}, "from 2 to the 120 training images"),
        ({"patience": 2, "validation": 0.0}, "--patience watches the validation accuracy"),
        (
            {"arch": "scratch_fc3", "filters": None, "faults": ("undivided_gradients",)},
            "--faults undivided_gradients needs a net with convolutions",
        ),
        ({"filters": (4, 4, 4, 4)}, "layer 13, Conv2D|layer 14, MaxPool2D"),
    ],
)
def test_what_scratch_nets_cannot_do_is_refused_by_name(tmp_path, fields, message):
    with pytest.raises(InputError, match=message):
        fitted(tmp_path, **fields)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((4, 5, 5, 3), np.uint8), np.zeros(4, int), r"takes images of shape \(8, 8, 3\), got \(5, 5, 3\)"),
        (np.zeros((4, 8, 8, 3), np.uint8), np.zeros(3, int), "one label per image"),
        (np.zeros((4, 8, 8, 3), np.uint8), np.array([0, 1, 2, 3]), "labels must be from 0 to 2, got 0 to 3"),
    ],
)
def test_images_and_labels_that_do_not_fit(images, labels, message):
    network = make_network(config(), scratch.VARIANTS["scratch_convnet"], dataset())
    with pytest.raises(InputError, match=message):
        train(network, images, labels, scratch.SGD(), epochs=1, learning_rate=0.1, show=False)


def test_a_finished_run_is_restored_to_the_same_scores(tmp_path):
    done = fitted(tmp_path)
    done.save(tmp_path)
    images = dataset().test.images
    score = restore(config(), scratch.VARIANTS["scratch_convnet"], tmp_path, dataset)
    np.testing.assert_array_equal(score(images, "test"), done.score(images, "test"))
