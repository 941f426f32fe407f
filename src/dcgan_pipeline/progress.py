"""One progress bar for every long step."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")
Advance = Callable[..., None]

_LOG_SECONDS = 30  # between log lines where there is no terminal


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Advance]:
    """Show a bar on the screen while the block runs.

    Yields a function ``advance(amount=1, note=None)`` that moves the bar and, given a note, sets the text at its
    end. The bar shares rich's console with Kedro's log, so that log lines appear above it. Where the output is no
    terminal, a log line says now and then how far it is, and the bar is printed when the block ends.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("<"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns) as progress:
        task = progress.add_task(description, total=total, note="")
        said = time.monotonic()

        def advance(amount: int = 1, note: str | None = None) -> None:
            nonlocal said
            if note is None:
                progress.update(task, advance=amount)
            else:
                progress.update(task, advance=amount, note=note)
            if not progress.console.is_terminal and time.monotonic() - said > _LOG_SECONDS:
                said = time.monotonic()
                state = progress.tasks[0]
                logger.info("%s: %d of %d  %s", description, state.completed, total, state.fields["note"])

        yield advance


def track(items: Iterable[T], description: str, total: int) -> Iterator[T]:
    """Yield the items and move a bar by one for each."""
    with progress_bar(description, total) as advance:
        for item in items:
            yield item
            advance()
