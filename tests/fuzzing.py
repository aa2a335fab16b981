"""Malformed files for every reader of the project: each must answer with a value or with one line.

    python tests/fuzzing.py --count 6000 --seed 1

READERS is the list that a new reader joins: tests/test_fuzzing.py fails as long as a module that reads structured files
stands in no row.
"""

import argparse
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import traceback
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
from kerascifar.auditing import kept  # noqa: E402
from kerascifar.baselines import chunks  # noqa: E402
from kerascifar.core import audit_lists, exclusion, origin  # noqa: E402
from kerascifar.core.errors import InputError  # noqa: E402
from kerascifar.core.provenance import Provenance  # noqa: E402
from kerascifar.data import unlabelled  # noqa: E402
from kerascifar.data.sources import archives, cifar, folders, images, pickles, tfds  # noqa: E402
from kerascifar.devices import cluster  # noqa: E402
from kerascifar.evaluation import scored_run  # noqa: E402
from kerascifar.models import keras_files, torch_files  # noqa: E402
from kerascifar.reporting import classes, details, gather, labels, published, report  # noqa: E402
from kerascifar.scratch import saving  # noqa: E402
from kerascifar.serving import export_run, shipping  # noqa: E402
from kerascifar.studies import outcomes, plan, study  # noqa: E402
from kerascifar.training import checkpoint, recovery  # noqa: E402
from tests import fuzz_contents as contents  # noqa: E402
from tests.fuzz_mutations import mutations  # noqa: E402
from tuner import definition, oracles, outcome, spaces  # noqa: E402

MEMORY = 12 * 2**30  # bytes of address space, TensorFlow's own included
COMMITTED = ROOT / "saved_models"
SEARCH = next((COMMITTED / "andrzejczuk_orslowski" / "searches").glob("search-custom-cnn-adam-*"))
RUN = next((COMMITTED / "tiny36k").glob("*/result.json")).parent
SCORED = (RUN / "result.json", RUN / "scores.npz")
VOTE = COMMITTED / "andrzejczuk_orslowski" / "ensembles" / "soft-voting.json"


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
        lambda: contents.arrays(**_scores()),
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
    "latency": Reader((gather,), "latency.json", lambda: b'{"p50_ms": 1.5, "p99_ms": 2}', _report, SCORED),
    "ensemble": Reader((classes,), "v.json", VOTE.read_bytes, lambda f: classes.votes(f, [f / "v.json"], {})),
    "table": Reader(
        (published,),
        "table.json",
        lambda: (COMMITTED / "lai" / "table.json").read_bytes(),
        _report,
        SCORED,
    ),
    "exports": Reader(
        (export_run, shipping),
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
        (checkpoint, recovery),
        "checkpoint.npz",
        lambda: contents.arrays(progress=json.dumps({"backend": "tensorflow", "step": 3})),
        lambda f: (recovery.begun_threads(f), checkpoint.load_progress(f / "checkpoint.npz", "tensorflow")),
    ),
    "audit": Reader(
        (kept,),
        "fold-1.npz",
        lambda: contents.arrays(train=np.zeros((2, 3)), test=np.zeros((4, 3))),
        lambda f: kept.kept(f / "fold-1.npz", {"train": (2, 3), "test": (4, 3)}, dict),
    ),
    "scratch": Reader((saving,), "model.npz", contents.scratch_net, lambda f: saving.load(f / "model.npz")),
    "chunk": Reader(
        (chunks,),
        "chunk-0.npz",
        lambda: contents.arrays(distances=np.zeros((2, 1)), indices=np.zeros((2, 1), np.int64), fingerprint="f"),
        _chunk,
    ),
    "torch": Reader(
        (torch_files,), "net.pth", contents.state_dict, lambda f: torch_files.read_state_dict(f / "net.pth")
    ),
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
        lambda: contents.arrays(images=np.zeros((2, 8, 8, 3), np.uint8), labels=[0, 1], dark=[""]),
        lambda f: folders._from_cache(f / "cache.npz"),
    ),
    "npy": Reader(
        (unlabelled,),
        "x.npy",
        lambda: contents.array(np.zeros((2, 8, 8, 3), np.uint8)),
        lambda f: unlabelled.read_unlabelled([str(f / "x.npy")], 8),
    ),
    "npz": Reader(
        (unlabelled,),
        "x.npz",
        lambda: contents.arrays(images=np.zeros((2, 8, 8, 3), np.uint8)),
        lambda f: unlabelled.read_unlabelled([str(f / "x.npz")], 8),
    ),
    "picture": Reader(
        (images,), "x.png", contents.picture, lambda f: unlabelled.read_unlabelled([str(f / "x.png")], 8)
    ),
    "pickle": Reader(
        (pickles, cifar), "batch", contents.pickle, lambda f: pickles.read_pickle((f / "batch").read_bytes(), "batch")
    ),
    "unlabelled": Reader(
        (unlabelled, cifar), "batch", contents.pickle, lambda f: unlabelled.read_unlabelled([str(f / "batch")], 32)
    ),
    "tar": Reader(
        (archives,), "a.tar.gz", contents.tar, lambda f: list(archives.read_files(f / "a.tar.gz", "cifar", ["a.bin"]))
    ),
    "tfds": Reader((tfds,), "features.json", lambda: json.dumps(contents.FEATURES).encode(), tfds._check),
    "pairs": Reader((audit_lists,), "pairs.csv", contents.pairs, lambda f: exclusion.identity(str(f / "pairs.csv"))),
    "labels": Reader(
        (audit_lists,), "labels.csv", contents.labels, lambda f: audit_lists.read_list(f / "labels.csv", "")
    ),
    "cluster": Reader((cluster,), "tf_config", lambda: json.dumps(contents.TF_CONFIG).encode(), _environment),
}


def _scores() -> dict[str, np.ndarray]:
    with np.load(RUN / "scores.npz") as scores:
        return dict(scores)


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
        harmed = mutations(reader.content(), reader.file, draw)
        for number in range(count):
            content = next(harmed)
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
