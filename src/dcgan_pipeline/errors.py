"""The one error that a user's input can cause."""

from collections.abc import Iterable
from itertools import islice


class InputError(ValueError):
    """What the user gave breaks a rule.

    Its text is one line that names the rule, the actual value and the fix. The hooks print that line alone, without
    a traceback, and the run ends as FAILED with every earlier result in place.
    """


def first_line(error: BaseException) -> str:
    """First line of what an error says, for a message of one line; its kind where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def shortened(values: Iterable[object], most: int = 10) -> str:
    """Join values for a message, and leave out all but the first ``most``."""
    first = [str(value) for value in islice(iter(values), most + 1)]
    return ", ".join([*first[:most], *(["..."] if len(first) > most else [])])
