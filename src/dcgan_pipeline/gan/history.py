"""The history of a training as a file beside its checkpoints: it may have millions of rows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor, cat

from dcgan_pipeline.errors import InputError

HISTORY = "history.jsonl"
_WAITING = 10_000  # rows in memory; also rows that are made a table at once
_PARTS = 1024  # tensors of one scalar each, before they become one


class History:
    """Rows of which each is a JSON object on a line of one file, which only grows.

    A checkpoint names how many bytes of the file are its own, and is written after them: a run that is killed goes on
    from its checkpoint and writes over what came later. Saving costs what is new since the last save. No rows but the
    new ones are in memory.

    Parameters
    ----------
    folder
        Of the checkpoints.
    size
        Bytes of the file that belong to this history.
    last
        Step of the last row in them.
    waiting
        Rows that come after them.
    """

    def __init__(self, folder: Path, size: int = 0, last: int = 0, waiting: list[dict[str, Any]] | None = None) -> None:
        self.file, self._size, self.last = folder / HISTORY, size, last
        self._waiting = list(waiting or [])

    @classmethod
    def of(cls, saved: Any, folder: Path) -> History:
        """Take up what :meth:`settle` gave a checkpoint; one of an earlier version has the rows themselves.

        Raises
        ------
        InputError
            Where the file is not there, or was cut short.
        """
        if isinstance(saved, list):
            return cls(folder, last=saved[-1]["step"] if saved else 0, waiting=saved)
        history = cls(folder, saved["bytes"], saved["last"])
        there = history.file.stat().st_size if history.file.exists() else 0
        if there < history._size:
            raise InputError(
                f"train.resume needs the history from before, and {history.file} has {there:,} of its "
                f"{history._size:,} bytes; put it back, or set train.resume to false to start anew"
            )
        return history

    def append(self, row: dict[str, Any]) -> None:
        """Add a row: ``step``, numbers by name, and ``event``."""
        self._waiting.append(row)
        self.last = row["step"]
        if len(self._waiting) >= _WAITING:
            self.settle()

    def settle(self) -> dict[str, int]:
        """Write the new rows to the disk, over what others have left there, and return what a checkpoint keeps."""
        if self._waiting:
            new = "".join(f"{json.dumps(row)}\n" for row in self._waiting).encode()
            with self.file.open("r+b" if self.file.exists() else "w+b") as file:
                file.seek(self._size)
                file.write(new)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            self._size += len(new)
            self._waiting = []
        return {"bytes": self._size, "last": self.last}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Read all rows, the oldest first."""
        yield from map(json.loads, self._lines())
        yield from self._waiting

    def table(self, columns: list[str]) -> pd.DataFrame:
        """Make a table of all rows: step (int64), ``columns``, others as they come (float64), and event (str)."""
        numbers: dict[str, list[Any]] = {name: [] for name in columns}
        steps: list[Any] = []
        events: list[str] = []
        count = 0
        for chunk in self._chunks():
            for name in {name: None for row in chunk for name in row if name not in ("step", "event")}:
                if name not in numbers:
                    numbers[name] = [np.full(count, np.nan)]
            for name, parts in numbers.items():
                parts.append(np.array([row.get(name, np.nan) for row in chunk], np.float64))
            steps.append(np.array([row["step"] for row in chunk], np.int64))
            events += [row.get("event", "") for row in chunk]
            count += len(chunk)
        found = {name: np.concatenate([np.empty(0), *parts]) for name, parts in numbers.items()}
        step = np.concatenate([np.empty(0, np.int64), *steps])
        return pd.DataFrame({"step": step, **found, "event": pd.Series(events, dtype="str")})

    def _chunks(self) -> Iterator[list[dict[str, Any]]]:
        lines = self._lines()
        while part := list(islice(lines, _WAITING)):  # one text of many rows is read in half the time
            yield json.loads(f"[{b','.join(part).decode()}]")
        if self._waiting:
            yield self._waiting

    def _lines(self) -> Iterator[bytes]:
        if not self._size:
            return
        with self.file.open("rb") as file:
            left = self._size
            for line in file:
                yield line
                left -= len(line)
                if left <= 0:
                    return


class Since:
    """Scalars of the minibatches since the last row, by name: a few bytes each, on the device where they are."""

    def __init__(self, values: dict[str, Tensor] | None = None) -> None:
        self._parts = {name: [value] for name, value in (values or {}).items()}

    @classmethod
    def of_rows(cls, rows: list[dict[str, float]], device: Any) -> Since:
        """Take up what checkpoints of an earlier version kept: a dictionary a minibatch."""
        names = dict.fromkeys(name for row in rows for name in row)
        return cls({name: Tensor([row[name] for row in rows if name in row]).to(device) for name in names})

    def add(self, found: dict[str, Tensor]) -> None:
        """Take in what a minibatch gave."""
        for name, value in found.items():
            parts = self._parts.setdefault(name, [])
            parts.append(value.reshape(1))
            if len(parts) >= _PARTS:
                parts[:] = [cat(parts)]

    def tensors(self) -> dict[str, Tensor]:
        """All of them, float32 (minibatches that had it,) by name."""
        return {name: cat(parts) for name, parts in sorted(self._parts.items())}

    def means(self) -> dict[str, float]:
        """Return the mean of each."""
        return {name: float(values.mean()) for name, values in self.tensors().items()}

    def __bool__(self) -> bool:
        return bool(self._parts)
