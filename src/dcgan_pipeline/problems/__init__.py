"""What a user can mend, told in one line, whatever library noticed it.

Stages raise ``InputError`` themselves. Kedro, OmegaConf, MLflow, PyArrow and the operating system do not: a few
translators recognise what a user can mend in their errors, each in a few lines. What none of them recognises is a fault
of the product, and keeps its whole traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.problems import configuration, machine, names, results

Translator = Callable[[list[BaseException]], str | None]

# Those of the surest evidence first; each is given the error and what it came from, the error first.
TRANSLATORS: tuple[Translator, ...] = (
    *machine.TRANSLATORS,
    *configuration.TRANSLATORS,
    *names.TRANSLATORS,
    *results.TRANSLATORS,
)


class Stopped(KeyboardInterrupt):
    """A run was interrupted; the text says how it goes on."""


def explain(error: BaseException) -> str | None:
    """Say in one line what a user can mend; None where that is not known.

    Parameters
    ----------
    error
        As it arrived, with what it came from.
    """
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "stopped"
    for found in _all_before(error):
        if isinstance(found, InputError):
            return f"error: {found}"
    causes = list(_causes(error))
    for translate in TRANSLATORS:
        if line := translate(causes):
            return f"error: {line}"
    return None


def _all_before(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        original = getattr(error, "cause", None)  # Ray wraps an error in one of the same type that shows a traceback
        yield original if isinstance(original, BaseException) else error
        error = error.__cause__ or error.__context__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it was made of; not what was being handled when it came, which was another matter."""
    while error is not None:
        yield error
        original = getattr(error, "cause", None)
        error = error.__cause__ or (original if isinstance(original, BaseException) else None)
