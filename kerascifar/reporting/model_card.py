"""The model card of a finished run: accuracy, data and recipe, exported files, limits; and the folder it ships in."""

import shutil
from itertools import chain
from pathlib import Path

import msgspec

from kerascifar.architectures import ARCHITECTURES, engine
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.reporting import details
from kerascifar.reporting.classes import most_confused
from kerascifar.reporting.comparison import file_size
from kerascifar.reporting.document import Block, Column, Section, Table, Text, number, text, units
from kerascifar.reporting.gather import MODELS, Run, gather
from kerascifar.reporting.render import to_card
from kerascifar.results import EXCLUDED, EXPORTED, FINISHED, KERAS_MODEL, LATENCY, SCORES, read_result, untested

CARD = "README.md"
PLAIN = f"{EXPORTED}/plain.keras"
# A folder with a result.json counts as a finished run, so that file is copied last.
SHIPPED = (*MODELS, SCORES, LATENCY, EXCLUDED, EXPORTED, FINISHED)


def ship(folder: Path, out: Path) -> Path:
    """Copy the finished run in `folder` to out/RUN-ID with a model card, and return that folder.

    Raises InputError: the run kept no net, holds links or cannot be read, or another result lies where it would go.
    """
    result = read_result(folder)
    into = out / files.safe_name(result.run_id, f"{folder / FINISHED}: run_id")
    if not any((folder / name).is_file() for name in MODELS):
        raise InputError(f"{folder} holds no {' or '.join(MODELS)}: there is no net to ship")
    for path in chain(map(folder.joinpath, SHIPPED), (folder / EXPORTED).rglob("*")):
        if path.is_symlink() or (path.exists() and not path.is_file() and not path.is_dir()):
            raise InputError(f"{path} is a link or no regular file: only files that lie in the run itself are shipped")
    if out.exists() and not out.is_dir():
        raise InputError(f"--out: expected a folder, got the file {out}")
    if (into / FINISHED).exists() and read_result(into) != result:
        raise InputError(f"{into} holds another result of the same config; choose another --out")
    try:
        markdown = card(gather([folder]).runs[0])
    except InputError:
        raise
    except Exception as error:  # a stranger's result holds what no reader foresaw
        raise InputError(f"{folder} holds no result of this program: {type(error).__name__} {error}") from None
    with files.only_writer(into, "--out"):
        if into.resolve() != folder.resolve():
            with files.draft(into) as draft:
                for name in SHIPPED:
                    if (folder / name).exists():
                        copy = shutil.copytree if (folder / name).is_dir() else shutil.copyfile
                        copy(folder / name, draft / name)
                        files.publish(draft / name, into / name)
        files.write_text(into / CARD, markdown)
    return into


def card(run: Run) -> str:
    """Return the model card of `run`, whose net was kept, as Markdown; its commands are for the folder of the card."""
    result = run.scored.result
    recipe = Section("recipe", "Data and recipe", "What was it trained on, and how?", [details.facts(run)])
    return to_card(
        [_accuracy(run), recipe, _limits(run)],
        _summary(run),
        title=f"{result.config['arch']} on {run.dataset}",
        plain=PLAIN if (run.scored.folder / PLAIN).is_file() else None,
        keras=engine(result.config["arch"]).MODEL == KERAS_MODEL,
        shape=_shape(run),
        classes=len(run.scored.classes),
    )


def _shape(run: Run) -> tuple[int, int, int]:
    """Return height, width and channels of the input. Raises InputError: the result has none."""
    try:
        return msgspec.convert(run.scored.result.dataset["image_shape"], tuple[int, int, int])
    except (msgspec.ValidationError, KeyError) as error:
        raise InputError(f"{run.place}/{FINISHED}: dataset.image_shape must be three whole numbers: {error}") from None


def _summary(run: Run) -> str:
    result, (low, high) = run.scored.result, run.test["accuracy_interval"]
    facts = [
        f"{run.test['accuracy']:.2%} test accuracy (95 % interval {low:.2%} to {high:.2%}, "
        f"{run.test['images']:,} images)",
        f"{result.trainable_parameters:,} parameters",
        f"{units(result.multiply_adds).text} multiply-adds per image",
        file_size(run.model_bytes).text,
    ]
    return f"{', '.join(facts)}. The architecture: {ARCHITECTURES[result.config['arch']].source}."


def _accuracy(run: Run) -> Section:
    columns = (
        Column("class", numbers=False),
        Column("accuracy", note="share of the class's images that are labelled correctly"),
        Column("precision", note="share of the images given this label that belong to the class"),
        Column("images"),
    )
    rows = [
        [text(row["class"]), number(row["recall"], ".3f"), number(row["precision"], ".3f"), number(row["images"], ",d")]
        for row in run.test["per_class"]
    ]
    blocks: list[Block] = [
        Table("On the test images, which were scored once.", columns, rows),
        Text(f"Most often: {most_confused(run)}."),
    ]
    if run.calibrated is not None:
        blocks.append(Text(_confidence(run)))
    blocks += details.exported(run.scored.folder)
    return Section("accuracy", "Accuracy", "How good is it, and what does it confuse?", blocks)


def _confidence(run: Run) -> str:
    before, after = run.calibrated.before, run.calibrated.after
    words = (
        f"Its probabilities: NLL {before.nll:.3f}, Brier score {before.brier:.3f}, expected calibration error "
        f"{before.bins.error:.3f}"
    )
    if after is None:
        return f"{words}."
    temperature = run.calibrated.temperature
    return f"{words}; {after.bins.error:.3f} with logits divided by {temperature:.2f}, fitted on the validation images."


def _limits(run: Run) -> Section:
    side = _shape(run)[0]
    tested = [row for row in run.test["per_class"] if row["images"]]
    worst, missing = min(tested, key=lambda row: row["recall"]), untested(run.test)
    limits = [
        f"It knows {len(run.scored.classes)} classes ({', '.join(run.scored.classes)}) and assigns one of them to "
        "every picture, whatever it shows.",
        f"It sees {side} x {side} pixels: larger pictures are shrunk to that, and small details are lost.",
        f"The accuracy holds for images collected as {run.dataset}'s were. On other pictures it will be lower and the "
        "confidence less reliable; neither was measured.",
        f"Its weakest class is {worst['class']}, of which it labels {worst['recall']:.1%} correctly.",
        *([f"Not every class was tested: {missing}."] if missing else []),
        "It was made to compare nets. Do not base decisions that affect people on its answers.",
    ]
    return Section("limits", "Limits", "What can it not do?", [Text(limit) for limit in limits])
