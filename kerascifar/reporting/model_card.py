"""What a model card tells of a finished run: data and recipe, accuracy, accuracy a class, exported files, limits."""

from kerascifar.architectures import ARCHITECTURES, engine
from kerascifar.reporting import details
from kerascifar.reporting.comparison import file_size
from kerascifar.reporting.details import exported
from kerascifar.reporting.document import Column, Part, Section, Table, Text, number, text, units
from kerascifar.reporting.gather import Run
from kerascifar.reporting.render import to_card
from kerascifar.results import KERAS_MODEL


def card(run: Run, place: str) -> str:
    """Return the model card of `run` as Markdown.

    Args:
        run: a run whose net was kept.
        place: the folder that the card is for, as its commands name it.
    """
    result = run.member.result
    return to_card(
        [_accuracy(run), _recipe(run), _limits(run)],
        _summary(run),
        title=f"{result.config['arch']} on {run.dataset}",
        place=place,
        keras=engine(result.config["arch"]).MODEL == KERAS_MODEL,
        shape=result.dataset["image_shape"],
        classes=len(run.member.classes),
    )


def _summary(run: Run) -> str:
    low, high = run.test["accuracy_interval"]
    facts = [
        f"{run.test['accuracy']:.2%} test accuracy (95 % interval {low:.2%} to {high:.2%}, "
        f"{run.test['images']:,} images)",
        f"{number(run.fact('trainable_parameters'), ',.0f').text} parameters",
        f"{units(run.fact('multiply_adds')).text} multiply-adds an image",
        file_size(run.model_bytes).text,
    ]
    return f"{', '.join(facts)}. The architecture: {ARCHITECTURES[run.member.result.config['arch']].source}."


def _accuracy(run: Run) -> Section:
    columns = (
        Column("class", numbers=False),
        Column("accuracy", note="share of the class's images that are labelled rightly"),
        Column("precision", note="share of the images with this label that it is right for"),
        Column("images"),
    )
    rows = [
        [text(row["class"]), number(row["recall"], ".3f"), number(row["precision"], ".3f"), number(row["images"], ",d")]
        for row in run.test["per_class"]
    ]
    parts: list[Part] = [
        Table("On the test images, which were scored once.", columns, rows),
        Text(f"Most often: {details.most_confused(run)}."),
    ]
    if run.calibrated is not None:
        parts.append(Text(_confidence(run)))
    if (told := exported(run.member.folder)) is not None:
        parts.append(told)
    return Section("accuracy", "Accuracy", "How good is it, and what does it confuse?", parts)


def _confidence(run: Run) -> str:
    found = run.calibrated
    told = (
        f"Its probabilities: NLL {found.before.nll:.3f}, Brier score {found.before.brier:.3f}, expected calibration "
        f"error {found.before.bins.error:.3f}"
    )
    if found.after is None:
        return f"{told}."
    return f"{told}; {found.after.bins.error:.3f} with logits divided by {found.temperature:.2f}, fitted on validation."


def _recipe(run: Run) -> Section:
    return Section("recipe", "Data and recipe", "What was it trained on, and how?", [details.facts(run)])


def _limits(run: Run) -> Section:
    side = run.member.result.dataset["image_shape"][0]
    worst = min(run.test["per_class"], key=lambda row: row["recall"])
    told = [
        f"It knows {len(run.member.classes)} classes ({', '.join(run.member.classes)}) and gives every picture one of "
        "them, whatever it shows.",
        f"It sees {side} x {side} pixels; larger pictures are shrunk to that, and what is small in them is lost.",
        f"The accuracy is that on images drawn as {run.dataset}'s were. On other pictures it will be lower, and its "
        "confidence tells less; it was not measured there.",
        f"Its weakest class is {worst['class']}, of which it labels {worst['recall']:.1%} rightly.",
        "It was made to compare nets. Nothing that matters to people should hang on its answers.",
    ]
    return Section("limits", "Limits", "What can it not do?", [Text(line) for line in told])
