"""One progress bar for every long step."""

from __future__ import annotations

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

T = TypeVar("T")
Advance = Callable[..., None]


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Advance]:
    """Show a bar on the screen while the block runs.

    Yields a function ``advance(amount=1, note=None)`` that moves the bar and, given a note, sets the text at its
    end. The bar shares
    rich's console with Kedro's log, so that log lines appear above it; where the output is no terminal, one line
    remains when the block ends.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("<"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns) as progress:
        task = progress.add_task(description, total=total, note="")

        def advance(amount: int = 1, note: str | None = None) -> None:
            if note is None:
                progress.update(task, advance=amount)
            else:
                progress.update(task, advance=amount, note=note)

        yield advance


def track(items: Iterable[T], description: str, total: int) -> Iterator[T]:
    """Yield the items and move a bar by one for each."""
    with progress_bar(description, total) as advance:
        for item in items:
            yield item
            advance()
