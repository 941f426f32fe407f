"""Where errors are shown: on a terminal, and in notebooks."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from dcgan_pipeline.problems import Stopped, explain


def show_in_one_line() -> None:
    """Put a reader of errors before the one that is there (rich's, with Kedro's logging); once is enough.

    IPython does not ask ``sys.excepthook``, and has a hook of its own.
    """
    previous = getattr(sys.excepthook, "previous", sys.excepthook)  # `%reload_kedro` imports this package anew
    sys.excepthook = _Hook(previous)
    if "IPython" in sys.modules:
        from IPython import get_ipython

        if shell := get_ipython():
            shell.set_custom_exc((Exception, Stopped), _in_ipython)


class _Hook:
    def __init__(self, previous: Any) -> None:
        self.previous = previous

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        line = explain(error)
        if line is None:
            self.previous(kind, error, trace)
        else:
            sys.stderr.write(f"\n{line}\n")


def _in_ipython(shell: Any, kind: type[BaseException], error: BaseException, trace: Any, tb_offset: Any = None) -> None:
    line = explain(error)
    if line is None:
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
    else:  # past rich, which would draw the frames
        type(shell)._showtraceback(shell, kind, error, [line])
