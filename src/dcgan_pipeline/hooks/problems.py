"""What a user can mend is printed as one line."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from kedro.framework.hooks import hook_impl

from dcgan_pipeline.errors import InputError


class ProblemHooks:
    """Print what a user can mend as one line, without a traceback."""

    @hook_impl
    def after_context_created(self) -> None:
        """Put a reader of errors before the one that is there (rich's, with Kedro's logging)."""
        if sys.excepthook is not _explain:
            _previous_hook[:] = [sys.excepthook]
            sys.excepthook = _explain


_previous_hook: list[Any] = []


def _explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    problem: BaseException | None = error
    while problem is not None and not isinstance(problem, InputError):
        problem = problem.__cause__ or problem.__context__
    if problem is None:
        _previous_hook[0](kind, error, trace)
    else:
        sys.stderr.write(f"\nerror: {problem}\n")
