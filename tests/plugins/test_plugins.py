"""A plugin adds rows from outside; its source is part of a run's identity, and only the user names it."""

import json
import re
import sys
import textwrap
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import kerascifar as kc
from kerascifar.architectures import ARCHITECTURES
from kerascifar.augment.policies import POLICIES
from kerascifar.baselines.distances import DISTANCES
from kerascifar.configure import configure, read_config
from kerascifar.core import plugged
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import DATASETS
from kerascifar.models import VARIANTS, build
from kerascifar.plugins import loading
from kerascifar.run import run
from kerascifar.training.own_callbacks import CALLBACKS
from kerascifar.training.scoring import load_model

DOCS = Path(__file__).resolve().parents[2] / "docs"
PLUGIN, STUDY = DOCS / "my_plugin.py", DOCS / "my_study.toml"
USED = ("--arch", "my_net", "--dataset", "my_data", "--augment", "my_policy")
TABLES = (
    plugged.OWNERS,
    plugged.FILES,
    ARCHITECTURES,
    VARIANTS,
    DATASETS,
    POLICIES,
    DISTANCES,
    CALLBACKS,
    loading._loaded,
)
POLICY = 'import kerascifar as kc\nkc.register_policy("mine", "flip(0.5)")\n'


@pytest.fixture(autouse=True)
def tables():
    """Leave the tables as they were."""
    before = [dict(table) for table in TABLES]
    yield
    for table, rows in zip(TABLES, before, strict=True):
        table.clear()
        table.update(rows)


@pytest.fixture
def plugin(tmp_path):
    def write(code, name="mine.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(code))
        return path

    return write


def test_the_example_is_short():
    assert len([line for line in PLUGIN.read_text().splitlines() if line.strip()]) <= 30


@pytest.mark.slow
def test_a_plugin_is_trained_searched_reproduced_and_reported(command, tmp_path):
    """Thirty lines outside the package, through every command that meets them."""

    def call(module, *args):
        done = command(module, *args, "--plugin", PLUGIN)
        assert done.returncode == 0, done.stderr
        return done.stdout

    call("kerascifar.train", *USED, "--epochs", "3", "--device", "cpu")
    (folder,) = (path.parent for path in tmp_path.glob("saved_models/my_net/*/result.json"))
    result = json.loads((folder / "result.json").read_text())
    (sha256,) = result["config"]["plugins"]
    assert result["notes"]["plugins"] == {"my_plugin.py": sha256}
    assert result["metrics"]["test"]["accuracy"] > 0.9
    assert re.search(r"^my_net ", call("kerascifar.train", "--list"), re.M)
    assert "as in result.json" in call("kerascifar.evaluate", folder)
    call("kerascifar.predict", folder, DOCS / "pictures" / "frog.png")
    call("kerascifar.explore", "--dataset", "my_data", "--augment", "my_policy")
    assert "logit" in call("kerascifar.export", folder, "--to", "keras", "--repeats", "100")
    call("kerascifar.reproduce", STUDY, "--full", "--device", "cpu", "--seeds", "2", "--jobs", "2")
    assert re.search(r"mine \| 0\.9000 \| .*\d\.\d{4}", (tmp_path / "saved_models/my_study/table.md").read_text())
    (tmp_path / "space.toml").write_text("batch_size = [50, 100]\n")
    search = (*USED, "--space", "space.toml", "--oracle", "grid", "--epochs", "1", "--device", "cpu")
    call("tuner", *search)
    (best,) = tmp_path.glob("saved_models/search-*/best.toml")
    call("kerascifar.train", "--config", best, "--epochs", "1", "--device", "cpu")
    call("kerascifar.report", "saved_models", "--out", "report")
    report = (tmp_path / "report/report.md").read_text()
    assert r"my\_net" in report
    assert "bright" in report
    assert "No right and wrong examples" not in report

    # Without the plugin, or with another version of it, the run is refused in one line.
    for more, told in (((), "give its file by --plugin"), (("--plugin", tmp_path / "my_plugin.py"), "another version")):
        (tmp_path / "my_plugin.py").write_text(PLUGIN.read_text().replace("Dense(32", "Dense(16"))
        done = command("kerascifar.evaluate", folder, *more)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert told in done.stderr


def test_a_changed_plugin_is_another_run(plugin):
    ids = []
    for code in (POLICY, POLICY + "# changed\n"):
        with_plugin = loading.load_file(plugin(code))
        config = configure(augment="mine crop(4)")
        assert config.to_dict()["plugins"] == [with_plugin.sha256]
        ids.append(config.run_id)
        assert configure().run_id == "aa67a8296365"  # what uses no row of it keeps its id
        for table in (POLICIES, plugged.OWNERS):
            table.pop("mine" if table is POLICIES else ("augment", "mine"))
    assert len(set(ids)) == 2
    loading.load_file(plugin(POLICY))
    assert configure(augment="mine crop(4)").run_id == ids[0]


def test_a_policy_made_of_anothers_has_both_sources(plugin):
    first = loading.load_file(plugin(POLICY))
    second = loading.load_file(plugin('import kerascifar as kc\nkc.register_policy("two", "mine crop(4)")\n', "b.py"))
    assert set(configure(augment="two").to_dict()["plugins"]) == {first.sha256, second.sha256}


def test_what_a_result_says_loads_nothing(plugin, tmp_path):
    """The recorded plugin is compared; a path in a config or a result is no key that there is."""
    loading.load_file(plugin(POLICY))
    recorded = configure(augment="mine").to_dict()
    assert configure(**recorded).plugins == tuple(recorded["plugins"])
    with pytest.raises(InputError, match=r"SHA-256 is 0{12}….*--plugin FILE\.py \(mine\.py is another version"):
        configure(**{**recorded, "plugins": ["0" * 64]})
    with pytest.raises(InputError, match="--plugins: must be SHA-256 in hexadecimal"):
        configure(plugins=[str(tmp_path / "mine.py")])
    (tmp_path / "run.toml").write_text('plugin = "mine.py"\n')
    with pytest.raises(InputError, match="unknown key 'plugin'"):
        read_config(tmp_path / "run.toml")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import kerascifar as kc\n1 / 0\n", "mine.py: line 3: ZeroDivisionError: division by zero"),
        ("def (:\n", "mine.py: line 1: SyntaxError"),
        ('import kerascifar as kc\nkc.register_policy("lai", "flip(0.5)")', "'lai' is a --augment already"),
        ('import kerascifar as kc\nkc.register_policy("a b", "flip(0.5)")', "letters, digits and underscores"),
        ('import kerascifar as kc\nkc.register_policy("mine", "flop")', r"did you mean flip\?"),
        ('import kerascifar as kc\nkc.register_dataset("a:b")', "a colon begins the argument"),
        ('import kerascifar as kc\nkc.register_model("m", args={"dropuot": 1})', r"dropuot \(did you mean dropout\?\)"),
        ('import kerascifar as kc\nkc.register_model("m", defaults={"epoch": 1})', r"epoch \(did you mean epochs\?\)"),
    ],
)
def test_a_wrong_plugin_is_told_in_a_line_and_leaves_no_row(plugin, code, message):
    before = [dict(table) for table in TABLES]
    good = 'import kerascifar as kc\nkc.register_policy("good", "flip(0.5)")\n' if code.startswith("import") else ""
    with pytest.raises(InputError, match=message):
        loading.load_all([plugin(good + code.replace("import kerascifar as kc\n", "", 1))])
    assert [dict(table) for table in TABLES] == before


def test_what_is_no_file_of_python_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("")
    for path in (tmp_path / "none.py", tmp_path / "a.txt", tmp_path):
        with pytest.raises(InputError, match=f"--plugin: expected a Python file, got {path}"):
            loading.load_all([path])


def test_an_installed_plugin_needs_no_flag(plugin, tmp_path, monkeypatch):
    package = tmp_path / "door_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "rows.py").write_text(POLICY)
    monkeypatch.syspath_prepend(tmp_path)
    point = metadata.EntryPoint("mine", "door_package.rows", loading.GROUP)
    monkeypatch.setattr(loading.metadata, "entry_points", lambda group: [point])
    loading.load_all([])
    first = configure(augment="mine").to_dict()["plugins"]
    assert plugged.used(configure(augment="mine"))[0].name == "mine"
    loading.load_all([])  # once a process
    # Any of its files counts.
    (package / "more.py").write_text("# more\n")
    for name in ("door_package", "door_package.rows"):
        del sys.modules[name]
    for table in (POLICIES, plugged.OWNERS, loading._loaded):
        table.clear() if table is loading._loaded else table.pop("mine" if table is POLICIES else ("augment", "mine"))
    loading.load_all([])
    assert configure(augment="mine").to_dict()["plugins"] != first


def test_a_distance_in_a_script(tmp_path):
    @kc.register_distance("largest")
    def largest(x, y):
        return np.stack([np.abs(image - y).max(1) for image in x])

    net = kc.fit(arch="knn", distance="largest", k=1, dataset="synthetic:60", runs=str(tmp_path))
    assert net.config.to_dict()["plugins"] == [plugged.OWNERS["distance", "largest"][0].sha256]
    assert plugged.OWNERS["distance", "largest"][0].name == Path(__file__).name
    data = kc.fit.__globals__["load_again"](net.config, net.result)
    flat = [split.images.reshape(len(split), -1).astype(float) for split in (data.test, data.train)]
    own = data.train.labels[np.abs(flat[0][:, None] - flat[1]).max(2).argmin(1)]
    assert net.result.accuracy == pytest.approx(np.mean(own == data.test.labels), abs=0.15)  # ties apart
    kc.register_distance("largest")(largest)  # as when a notebook's cell is run again


def test_a_net_that_training_cannot_use_is_told():
    import keras

    @kc.register_model("one_layer", source="a test", params=30_730)
    def one_layer(input_shape, classes, mean, std, named="normalization", units=None):
        inputs = keras.Input(input_shape, dtype="uint8")
        x = keras.layers.Rescaling(1 / 255, name=named)(inputs)
        return keras.Model(inputs, keras.layers.Dense(units or classes)(keras.layers.Flatten()(x)))

    assert ARCHITECTURES["one_layer"] is VARIANTS["one_layer"]
    assert build("one_layer").count_params() == 30_730
    wrong = {("x",): "named 'normalization' is needed", ("normalization", 3): r"got uint8 to float32 .*3"}
    for how, message in wrong.items():
        kc.register_model("one_layer")(_with(one_layer, *how))
        with pytest.raises(InputError, match=message):
            build("one_layer")


def _with(function, *last):
    def build_it(input_shape, classes, mean, std):
        return function(input_shape, classes, mean, std, *last)

    return build_it


def test_a_callback_sees_the_epochs_and_is_part_of_the_run(plugin, tmp_path):
    """One that also turns the first weights to zero: what it does is trained on, and scored."""
    loading.load_all(
        [
            plugin(
                """
            import kerascifar as kc

            @kc.register_callback("mine")
            def make(config, folder):
                import keras

                class Mine(keras.callbacks.Callback):
                    def on_epoch_end(self, epoch, logs=None):
                        weights = self.model.trainable_variables[0]
                        weights.assign(0 * weights)
                        with open(folder / "mine.txt", "a") as file:
                            file.write(f"{epoch} {sorted(logs)[0]} {config.arch}\\n")

                return Mine()
            """
            )
        ]
    )
    fields = {"arch": "origin_net", "dataset": "synthetic:80", "epochs": 2, "device": "cpu", "runs": str(tmp_path)}
    config, without = configure(**fields, callbacks="mine"), configure(**fields)
    assert config.run_id != without.run_id
    result = run(config)
    assert (config.folder / "mine.txt").read_text() == "0 accuracy origin_net\n1 accuracy origin_net\n"
    assert result.notes["plugins"].keys() == {"mine.py"}
    assert not load_model(config.folder).trainable_variables[0].numpy().any()
    with pytest.raises(InputError, match="unknown --callbacks 'other'; choose from mine"):
        configure(**fields, callbacks="mine,other")
    with pytest.raises(InputError, match="--callbacks does not apply to knn"):
        configure(arch="knn", dataset="digits", callbacks="mine")
    with pytest.raises(InputError, match="without commas and spaces"):
        kc.register_callback("a,b")
