"""The one exception that means: the input was wrong, and here is what would be right."""


class InputError(ValueError):
    """What a person gave cannot be used. Command lines print it as one line and exit with 2.

    The message says what was wrong, what was received, and what would be right. A function that is said to refuse
    something raises this.
    """


class FolderInUse(InputError):
    """Another process writes the folder."""


class TrainingDiverged(InputError):
    """The loss became NaN or infinite; the last good checkpoint is kept."""
