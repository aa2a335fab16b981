"""Malformed files for every reader of the project: each must answer with a value or with one line.

    python tests/fuzzing.py --count 6000 --seed 1

READERS is the list that a new reader joins: tests/test_fuzzing.py fails as long as a module that reads structured files
stands in no row.
"""

import argparse
import io
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import traceback
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from safetensors.numpy import save as save_tensors  # noqa: E402

from kerascifar import configure, results  # noqa: E402
from kerascifar.baselines import chunks  # noqa: E402
from kerascifar.core import origin  # noqa: E402
from kerascifar.core.errors import InputError  # noqa: E402
from kerascifar.core.provenance import Provenance  # noqa: E402
from kerascifar.data import unlabelled  # noqa: E402
from kerascifar.data.sources import archives, cifar, folders, images, pickles, tfds  # noqa: E402
from kerascifar.devices import cluster  # noqa: E402
from kerascifar.evaluation import scored_run  # noqa: E402
from kerascifar.models import keras_files, torch_files  # noqa: E402
from kerascifar.reporting import details, gather, labels, published, report  # noqa: E402
from kerascifar.scratch import saving  # noqa: E402
from kerascifar.serving import export_run  # noqa: E402
from kerascifar.studies import outcomes, plan, study  # noqa: E402
from kerascifar.training import checkpoint  # noqa: E402
from tuner import definition, oracles, outcome, spaces  # noqa: E402

MEMORY = 12 * 2**30  # bytes of address space, TensorFlow's own included
COMMITTED = ROOT / "saved_models"
SEARCH = next((COMMITTED / "andrzejczuk_orslowski" / "searches").glob("search-custom-cnn-adam-*"))
RUN = next((COMMITTED / "tiny36k").glob("*/result.json")).parent


@dataclass(frozen=True)
class Reader:
    """A reader, and what a valid file for it holds.

    Attributes:
        modules: whose reading this covers.
        file: name of the file in the run's, study's or search's folder.
        content: returns valid bytes.
        read: takes the folder.
        beside: files that must lie beside it, unharmed.
    """

    modules: tuple[Any, ...]
    file: str
    content: Callable[[], bytes]
    read: Callable[[Path], object]
    beside: tuple[Path, ...] = ()


def arrays(**named: Any) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **{name: np.asarray(value) for name, value in named.items()})
    return content.getvalue()


def array(value: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, value)
    return content.getvalue()


def _picture() -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(content, "PNG")
    return content.getvalue()


def _tar() -> bytes:
    import tarfile

    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        member = tarfile.TarInfo("cifar/a.bin")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"abcd"))
    return content.getvalue()


def _pickle() -> bytes:
    import pickle

    return pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 1]}, protocol=2)


def _state_dict() -> bytes:
    """Return what torch.save writes of {"a": torch.zeros(3)}, opcode by opcode."""
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" + b"0X\x03\0\0\0cpuK\x03tQ"
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\0K\x03\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR"
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}X\x01\0\0\0a" + tensor + b"s.")
        archive.writestr("archive/data/0", bytes(12))
    return content.getvalue()


def _scratch_net() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        from kerascifar.scratch.architectures import VARIANTS
        from kerascifar.scratch.network import Network

        variant = VARIANTS["scratch_cnn"]
        saving.save(Path(folder) / "net.npz", Network(variant.build((8, 8, 3), 10, **variant.args), (8, 8, 3)))
        return (Path(folder) / "net.npz").read_bytes()


def _chunk(folder: Path) -> object:
    return chunks._read(folder / "chunk-0.npz", "f", (2, 1), 5)


def _outcome(folder: Path) -> object:
    return outcomes.read_json(folder / "found.json", outcomes.ScoredSearch)


def _report(folder: Path) -> object:
    gathered = gather.gather([folder])
    unseen = defaultdict(lambda: "no images are needed here")
    return details.details(gathered, unseen), published.studies([folder], gathered)


def _environment(folder: Path) -> object:
    return cluster.read_cluster({"TF_CONFIG": (folder / "tf_config").read_text(encoding="utf-8", errors="replace")})


_TF_CONFIG = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 0}}
_FEATURES = {
    "pythonClassName": "tensorflow_datasets.core.features.features_dict.FeaturesDict",
    "featuresDict": {
        "features": {"image": {"pythonClassName": "tensorflow_datasets.core.features.image_feature.Image"}}
    },
}

READERS: dict[str, Reader] = {
    "result": Reader(
        (results, Provenance),
        "result.json",
        lambda: (RUN / "result.json").read_bytes(),
        lambda f: results.read_result(f).provenance,
    ),
    "origin": Reader((origin,), "result.json", lambda: b'{"run_id": "a1"}', lambda f: origin.origin(str(f))),
    "scores": Reader(
        (scored_run,),
        "scores.npz",
        lambda: arrays(**_scores()),
        lambda f: scored_run.read_scored_run(f),
        (RUN / "result.json",),
    ),
    "report": Reader(
        (gather, labels, published, details, report),
        "result.json",
        lambda: (RUN / "result.json").read_bytes(),
        _report,
        (RUN / "scores.npz",),
    ),
    "latency": Reader(
        (gather,),
        "latency.json",
        lambda: b'{"p50_ms": 1.5, "p99_ms": 2}',
        _report,
        (RUN / "result.json", RUN / "scores.npz"),
    ),
    "table": Reader(
        (published,),
        "table.json",
        lambda: (COMMITTED / "lai" / "table.json").read_bytes(),
        _report,
        (RUN / "result.json", RUN / "scores.npz"),
    ),
    "exports": Reader(
        (export_run,),
        "export.json",
        lambda: b'{"model_sha256": "a", "exports": {"x": {"bytes": 3}}}',
        lambda f: export_run.read_exports(f / "export.json", "a"),
    ),
    "plan": Reader(
        (plan,),
        "plan.json",
        lambda: (COMMITTED / "lai" / "plan.json").read_bytes(),
        lambda f: plan.StudyRun.read(study.load_study("lai"), f),
    ),
    "study": Reader(
        (study,),
        "own.toml",
        lambda: (ROOT / "kerascifar/studies/recipes/lai.toml").read_bytes(),
        lambda f: study.load_study(str(f / "own.toml")),
    ),
    "found": Reader((outcomes,), "found.json", lambda: (SEARCH / "found.json").read_bytes(), _outcome),
    "config": Reader(
        (configure,),
        "config.toml",
        lambda: b'arch = "lenet"\nepochs = 3\nlearning_rate = 0.1\n',
        lambda f: configure.configure(**configure.read_config(f / "config.toml")),
    ),
    "space": Reader(
        (spaces,),
        "space.toml",
        lambda: b'batch_size = [32, 64]\nlearning_rate = {low = 1e-4, high = 0.1, scale = "log"}\n',
        lambda f: spaces.read_space(f / "space.toml"),
    ),
    "search": Reader(
        (definition,), "search.json", lambda: (SEARCH / "search.json").read_bytes(), definition.read_definition
    ),
    "oracle": Reader(
        (outcome, oracles),
        "oracle.json",
        lambda: (SEARCH / "oracle.json").read_bytes(),
        outcome.read_trials,
        (SEARCH / "search.json",),
    ),
    "checkpoint": Reader(
        (checkpoint,),
        "checkpoint.npz",
        lambda: arrays(progress=json.dumps({"backend": "tensorflow", "step": 3})),
        lambda f: checkpoint.load_progress(f / "checkpoint.npz", "tensorflow"),
    ),
    "scratch": Reader((saving,), "model.npz", _scratch_net, lambda f: saving.load(f / "model.npz")),
    "chunk": Reader(
        (chunks,),
        "chunk-0.npz",
        lambda: arrays(distances=np.zeros((2, 1)), indices=np.zeros((2, 1), np.int64), fingerprint="f"),
        _chunk,
    ),
    "torch": Reader((torch_files,), "net.pth", _state_dict, lambda f: torch_files.read_state_dict(f / "net.pth")),
    "safetensors": Reader(
        (torch_files,),
        "net.safetensors",
        lambda: save_tensors({"a": np.zeros(3, np.float32)}),
        lambda f: torch_files.read_state_dict(f / "net.safetensors"),
    ),
    "keras": Reader(
        (keras_files,),
        "model.keras",
        lambda: (COMMITTED / "modified_net/d91e4f58791c/model.keras").read_bytes(),
        lambda f: keras_files.read_model(f / "model.keras"),
    ),
    "cache": Reader(
        (folders,),
        "cache.npz",
        lambda: arrays(images=np.zeros((2, 8, 8, 3), np.uint8), labels=[0, 1], dark=[""]),
        lambda f: folders._from_cache(f / "cache.npz"),
    ),
    "npy": Reader(
        (unlabelled,),
        "x.npy",
        lambda: array(np.zeros((2, 8, 8, 3), np.uint8)),
        lambda f: unlabelled.read_unlabelled([str(f / "x.npy")], 8),
    ),
    "npz": Reader(
        (unlabelled,),
        "x.npz",
        lambda: arrays(images=np.zeros((2, 8, 8, 3), np.uint8)),
        lambda f: unlabelled.read_unlabelled([str(f / "x.npz")], 8),
    ),
    "picture": Reader((images,), "x.png", _picture, lambda f: unlabelled.read_unlabelled([str(f / "x.png")], 8)),
    "pickle": Reader(
        (pickles, cifar), "batch", _pickle, lambda f: pickles.read_pickle((f / "batch").read_bytes(), "batch")
    ),
    "unlabelled": Reader(
        (unlabelled, cifar), "batch", _pickle, lambda f: unlabelled.read_unlabelled([str(f / "batch")], 32)
    ),
    "tar": Reader(
        (archives,), "a.tar.gz", _tar, lambda f: list(archives.read_files(f / "a.tar.gz", "cifar", ["a.bin"]))
    ),
    "tfds": Reader((tfds,), "features.json", lambda: json.dumps(_FEATURES).encode(), tfds._check),
    "cluster": Reader((cluster,), "tf_config", lambda: json.dumps(_TF_CONFIG).encode(), _environment),
}


def _scores() -> dict[str, np.ndarray]:
    with np.load(RUN / "scores.npz") as scores:
        return dict(scores)


# What a number, a text or a list in JSON becomes.
ODD: tuple[str, ...] = (
    "null", "true", "-1", "0", "1e999", "NaN", "9" * 5000, "1." + "0" * 400 + "1", '""', '"\\u0000"', '"\\ud800"', "[]",
    "{}", "[[[]]]", '{"a": {"b": null}}', '"../../x"', '"' + "x" * 9000 + '"', "[" * 30_000, "[null]", '"3"', "0.5",
)  # fmt: skip
_TOML_ODD = (*ODD, "1979-05-27", "'''", "inf", "{ a = 1 }", "[1, 'a']")


def mutations(content: bytes, file: str, draw: random.Random) -> Iterator[bytes]:
    """Yield malformed versions of `content`, without end."""
    kinds = [_cut, _flipped, _spliced, _noise]
    if file.endswith(".json") or file == "tf_config":
        kinds += [_json] * 12
    elif file.endswith(".toml"):
        kinds += [_toml] * 8
    elif content[:2] == b"PK":
        kinds += [_zip] * 8
    while True:
        yield draw.choice(kinds)(content, draw)


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content) or 1)]


def _flipped(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice((1, 3, 30))):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def _spliced(content: bytes, draw: random.Random) -> bytes:
    a, b = sorted(draw.randrange(len(content)) for _ in range(2))
    return content[:b] + content[a:]


def _noise(content: bytes, draw: random.Random) -> bytes:
    return draw.choice((b"", b"\0" * 100, draw.randbytes(300), b"\xef\xbb\xbf" + content, b"{}", b"[]", b"3"))


def _json(content: bytes, draw: random.Random) -> bytes:
    """Replace one value by an odd one, or take one key away."""
    tree = json.loads(content)
    places = list(_places(tree))
    where, key = draw.choice(places)
    if isinstance(where, dict) and draw.random() < 0.3:
        del where[key]
        return json.dumps(tree).encode()
    where[key] = "@odd@"
    return json.dumps(tree).replace('"@odd@"', draw.choice(ODD), 1).encode()


def _places(tree: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if depth < 2 or len(tree) < 20:
            yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value, depth + 1)


def _toml(content: bytes, draw: random.Random) -> bytes:
    lines = content.decode().splitlines()
    chosen = draw.choice([i for i, line in enumerate(lines) if "=" in line])
    lines[chosen] = f"{lines[chosen].partition('=')[0]} = {draw.choice(_TOML_ODD)}"
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _zip(content: bytes, draw: random.Random) -> bytes:
    """Change a member: damaged, gone, compressed otherwise, an array of another kind, or one that declares too much."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw.choice(sorted(members))
    kind = draw.randrange(7)
    if kind == 0:
        del members[name]
    elif kind == 1:
        members[name] = _flipped(members[name] or b"x", draw)
    elif kind == 2:
        members[name] = array(np.array([{"a": 1}], dtype=object)) if draw.random() < 0.5 else b"no array"
    elif kind == 3:
        odd = (np.zeros((0, 3)), np.array(3), np.array("text"), np.full((3, 2), np.nan), np.zeros((2, 2, 2), "S5"))
        members[name] = array(draw.choice(odd))
    elif kind == 4:
        members[name] = members[name].replace(b"(", f"({10 ** draw.choice((6, 12, 17))}, ".encode(), 1)
    elif kind == 5 and name.endswith(".json"):
        members[name] = _json(members[name], draw)
    packed = io.BytesIO()
    method = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(packed, "w", method if kind == 6 else zipfile.ZIP_DEFLATED) as archive:
        for member, value in members.items():
            archive.writestr(member, value)
    return packed.getvalue()


def answer(reader: Reader, content: bytes, folder: Path) -> str | None:
    """Let `reader` read `content` in `folder`; return what is wrong with its answer, None if nothing is."""
    for path in reader.beside:
        shutil.copy(path, folder / path.name)
    (folder / reader.file).write_bytes(content)
    try:
        reader.read(folder)
    except InputError as error:
        message = str(error)
        if "\n" in message or len(message) > 2000:
            return f"answers with {len(message.splitlines())} lines of {len(message)} characters: {message[:200]}"
    except Exception:
        return traceback.format_exc()
    return None


def failures(count: int, seed: int, names: list[str]) -> Iterator[tuple[str, int, str, bytes]]:
    """Yield reader, number, what is wrong, and the input, of `count` inputs for each of the readers `names`."""
    for name in names:
        reader, draw = READERS[name], random.Random(f"{seed} {name}")
        contents = mutations(reader.content(), reader.file, draw)
        for number in range(count):
            content = next(contents)
            with tempfile.TemporaryDirectory() as folder:
                wrong = answer(reader, content, Path(folder))
            if wrong:
                yield name, number, wrong, content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=6000, help="inputs in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=list(READERS), choices=READERS)
    parser.add_argument("--keep", type=Path, help="folder for the inputs that fail")
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    failed = 0
    for name, number, wrong, content in failures(-(-args.count // len(args.only)), args.seed, args.only):
        failed += 1
        print(f"{name} {number}: {wrong.strip().splitlines()[-1][:300]}", flush=True)
        if args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
            (args.keep / f"{name}-{number}").write_bytes(content)
            (args.keep / f"{name}-{number}.txt").write_text(wrong)
    print(f"{failed} of {args.count} inputs without an answer of one line")
    sys.exit(bool(failed))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
