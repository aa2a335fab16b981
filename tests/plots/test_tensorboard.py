"""TensorBoard, asked through its HTTP API, shows a finished run's curves, confusion matrix and HParams."""

import json
import urllib.parse
import urllib.request

import pytest

from kerascifar.configure import configure
from kerascifar.run import run

pytestmark = pytest.mark.slow


@pytest.fixture
def ask(tmp_path):
    """Train two short runs, start TensorBoard on their folder, return a function that asks it for JSON."""
    from tensorboard import program

    for seed in (0, 1):
        run(
            configure(
                arch="lenet", dataset="digits", epochs=2, train_limit=200, test_limit=50, seed=seed, runs=str(tmp_path)
            )
        )
    server = program.TensorBoard()
    server.configure(
        argv=[None, "--logdir", str(tmp_path), "--port", "0", "--host", "127.0.0.1", "--load_fast", "false"]
    )
    address = server.launch()

    def call(path, body=None, **query):
        url = f"{address.rstrip('/')}/data/{path}?{urllib.parse.urlencode(query)}"
        sent = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(url, sent, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as response:
            content = response.read()
            return json.loads(content) if "json" in response.headers["Content-Type"] else content

    call.wait = lambda path: _until(lambda: call(path))
    return call


def _until(ask):
    """TensorBoard reads its folder in a thread of its own."""
    import time

    for _ in range(120):
        if answer := ask():
            return answer
        time.sleep(0.25)
    raise AssertionError("TensorBoard shows nothing after 30 s")


def test_scalars_images_and_hparams(ask):
    tags = ask.wait("plugin/scalars/tags")
    runs = sorted({name.split("/tensorboard")[0] for name in tags})
    assert len(runs) == 2
    for name in runs:
        assert {"epoch_accuracy", "epoch_loss"} <= set(tags[f"{name}/tensorboard/train"])
        assert {"test_accuracy", "validation_accuracy"} <= set(tags[f"{name}/tensorboard"])
        points = ask("plugin/scalars/scalars", run=f"{name}/tensorboard/validation", tag="epoch_accuracy")
        assert len(points) == 2

        images = _until(lambda name=name: ask("plugin/images/tags").get(f"{name}/tensorboard"))
        assert list(images) == ["confusion_matrix/validation"]
        (image,) = ask("plugin/images/images", run=f"{name}/tensorboard", tag="confusion_matrix/validation", sample=0)
        query = dict(urllib.parse.parse_qsl(image["query"]))
        png = ask("plugin/images/individualImage", **query)
        assert png.startswith(b"\x89PNG")
        width, height = (int.from_bytes(png[i : i + 4], "big") for i in (16, 20))  # PNG's header chunk
        assert min(width, height) > 100

    experiment = ask("plugin/hparams/experiment", {"experimentName": "", "includeMetrics": True})
    assert {"arch", "learning_rate", "seed"} <= {one["name"] for one in experiment["hparamInfos"]}
    query = {
        "experimentName": "", "allowedStatuses": ["STATUS_SUCCESS"], "colParams": [{"metric": one["name"]} for one in
        experiment["metricInfos"]], "startIndex": 0, "sliceSize": 10,
    }  # fmt: skip
    groups = ask("plugin/hparams/session_groups", query)["sessionGroups"]
    assert sorted(group["hparams"]["seed"] for group in groups) == [0, 1]
    assert all(group["hparams"]["arch"] == "lenet" for group in groups)
    tags_shown = {value["name"]["tag"] for group in groups for value in group["metricValues"]}
    assert {"test_accuracy", "epoch_accuracy"} <= tags_shown
