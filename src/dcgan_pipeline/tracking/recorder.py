"""What a run may say: each call is a line of its journal, and returns at once."""

from __future__ import annotations

import logging
import math
import os
import posixpath
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.tracking.journal import Journal

if TYPE_CHECKING:
    from dcgan_pipeline.evaluation.search import Trial

logger = logging.getLogger(__name__)
_ENVIRONMENT = "DCGAN_PIPELINE_JOURNAL"  # the folder, for processes that are started and not forked
_PARAM, _TAG, _NAME = 6000, 8000, 250  # characters that MLflow takes


class Recorder:
    """Writes what happens in a run, from any thread or process of it.

    Times are the clock's at the start plus what has passed since: a clock that is set back turns no curve around.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._start = time.time() - time.monotonic()
        self._params: dict[str, str] = {}
        self._said: set[str] = set()

    def now(self) -> int:
        """Give the time in milliseconds."""
        return int((self._start + time.monotonic()) * 1000)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record metrics of a step; infinite ones, which MLflow would keep as 1.8e308, are left out and named."""
        now = self.now()
        rows = [(mlflow_name(name), float(value), now, step) for name, value in values.items()]
        for name in [row[0] for row in rows if math.isinf(row[1])]:
            self._warn(f"{name} was infinite by step {step}; MLflow has no infinite numbers, its curve has gaps there")
        self.append("log", metrics=[row for row in rows if not math.isinf(row[1])])

    def params(self, values: Mapping[str, Any], long: str = "tag") -> None:
        """Record parameters, each once; ``long``: what becomes of long ones, as in kedro-mlflow's settings.

        Raises
        ------
        ValueError
            Where ``long`` is "fail" and one is longer than MLflow takes.
        """
        texts = {mlflow_name(name): str(value) for name, value in values.items()}
        new = {name: text for name, text in texts.items() if self._params.get(name) != text}
        self._params |= new
        longer = {name: text for name, text in new.items() if len(text) > _PARAM}
        if longer and long == "fail":
            raise ValueError(f"parameters must have at most {_PARAM} characters for MLflow, got {', '.join(longer)}")
        tags = {name: _cut(text, _TAG) for name, text in longer.items() if long == "tag"}
        short = {name: _cut(text, _PARAM) for name, text in new.items() if name not in tags}
        if new:
            self.append("log", params=short, tags=tags)

    def tags(self, values: Mapping[str, Any]) -> None:
        """Record tags."""
        self.append("log", tags=short_tags(values))

    def picture(self, image: NDArray[np.uint8], key: str, step: int) -> None:
        """Record a picture, uint8 (H, W, 3), that MLflow's page shows by step."""
        from PIL import Image

        with self.kept():
            file = self.journal.new_file("picture.png")
            Image.fromarray(image).save(file)
            self.append("picture", file=self._place(file), key=key, step=step, time=self.now())

    def artifact(self, file: Path, folder: str) -> None:
        """Record that a file belongs to the run; it stays where it is until it is delivered."""
        self.append("artifact", file=self._place(file), folder=folder)

    def model(self, file: Path, name: str) -> None:
        """Record that a file with a generator becomes a model."""
        self.append("model", file=self._place(file), name=name)

    def trial(self, kind: str, number: int, note: str, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Record a finished trial of a search: a run below this one, FAILED where it has a note."""
        texts = {name: str(value) for name, value in params.items()}
        self.append("trial", kind=kind, number=number, note=note, params=texts, metrics=dict(metrics), time=self.now())

    def append(self, do: str, **fields: Any) -> None:
        """Add a line; a disk that cannot take it is named once, and the run goes on."""
        with self.kept():
            self.journal.append({"do": do, **fields})

    def _place(self, file: Path) -> str:
        project = self.journal.folder.parents[1]  # which may be moved before all is delivered
        return str(file.relative_to(project) if file.is_relative_to(project) else file)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Say once that something could not be written, and go on."""
        try:
            yield
        except OSError as error:
            self._warn(f"what this run says to MLflow cannot be kept in {self.journal.folder}, and is lost: {error}")

    def _warn(self, text: str) -> None:
        kind = re.sub(r"\d+", "", text)  # once, and not once a step
        if kind not in self._said:
            self._said.add(kind)
            logger.warning(text)


_current: Recorder | None = None


def current() -> Recorder | None:
    """Give the recorder of the run that this process is part of; None outside a run."""
    global _current
    folder = os.environ.get(_ENVIRONMENT)
    if _current is None and folder and Path(folder).is_dir():
        _current = Recorder(Journal(Path(folder)))
    return _current


def begin(recorder: Recorder) -> None:
    """Make a recorder this process's, and that of the processes that it starts, until :func:`end`."""
    global _current
    _current = recorder
    os.environ[_ENVIRONMENT] = str(recorder.journal.folder)


def end() -> None:
    """Leave the run."""
    global _current
    _current = None
    os.environ.pop(_ENVIRONMENT, None)


def log_metrics(metrics: Mapping[str, float], step: int) -> None:
    """Log metrics of a step to the run; outside one, do nothing."""
    if recorder := current():
        recorder.metrics(metrics, step)


def log_samples(images: NDArray[np.uint8], step: int) -> None:
    """Log samples, uint8 (n, C, S, S), as a picture that MLflow's page shows by step; outside a run, do nothing."""
    if recorder := current():
        from dcgan_pipeline.figures.canvas import tile

        recorder.picture(tile(images, max(1, int(len(images) ** 0.5))), "samples", step)


def log_trial(kind: str, trial: Trial) -> None:
    """Log a finished trial of a search as a run of its own, below the run; outside a run, do nothing.

    It has the trial's hyper-parameters as parameters, its validation accuracy and best step as metrics, and ends
    FAILED where the trial did. A trial that the run has already is left as it is, so that a search that goes on in the
    same run may tell of all its trials again.

    Parameters
    ----------
    kind
        What the trials are of, such as "supervised CNN"; trials of another kind are others.
    """
    if recorder := current():
        metrics = {"validation_accuracy": trial.accuracy, "best_step": float(trial.step)}
        recorder.trial(kind, trial.trial, trial.note, trial.hyper.model_dump(), metrics)


def mlflow_name(name: str) -> str:
    """Put a name into the characters and the length that MLflow takes."""
    name = re.sub(r"[^/\w.\- :]", "_", name)[:_NAME]
    if posixpath.normpath(name) != name or name.startswith(("/", "..")):  # MLflow takes names for paths
        name = re.sub(r"^\.\.?", "_", name.replace("/", "_"))
    return name


def short_tags(values: Mapping[str, Any]) -> dict[str, str]:
    """Put tags into the names and the lengths that MLflow takes."""
    return {mlflow_name(name): _cut(str(value), _TAG) for name, value in values.items()}


def _cut(text: str, most: int) -> str:
    end = f"... ({len(text)} characters)"
    return text if len(text) <= most else text[: most - len(end)] + end
