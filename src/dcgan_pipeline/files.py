"""Files that are whole or not there at all, and what they are called in messages."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the name of a file beside ``path`` to write in the block, which then takes its place in one step.

    Where the block fails, what was there stays, and nothing is left beside it. The name begins with ``.partial-`` and
    ends as that of ``path`` does; it is another one each time, so that several processes may write one file.
    """
    partial = path.with_name(f".partial-{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def short(path: Path) -> str:
    """Give a path as short as can be, for messages: from the working directory on where it is below it."""
    path = Path(os.path.abspath(path))
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) and path != Path.cwd() else path)
