"""The thread that gives journals to MLflow, and its patience."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.tracking.journal import FOLDER, Delivered, Journal, leftovers
from dcgan_pipeline.tracking.store import RunDeletedError, RunUnknownError, Store, refused, said

logger = logging.getLogger(__name__)
_PAUSE = 2.0  # seconds between looks at the journals: a call to MLflow takes hundredths of one, whatever it brings
_LONGEST = 30.0  # seconds between tries, after many that failed
_MOST = 450  # metrics before a call is full; MLflow takes 1,000
_FILES = {"picture", "artifact", "model"}

Line = tuple[dict[str, Any], int]  # of a journal, and where it ends


class Sender(threading.Thread):
    """Delivers the journal of the run that goes on, and those that runs left which have ended.

    Parameters
    ----------
    store
        Where to.
    root
        The folder of the journals; relative paths in them are relative to the folder around it.
    place
        The store as journals name it; those of another store are left alone.
    """

    def __init__(self, store: Store, root: Path, place: str) -> None:
        super().__init__(name="mlflow-sender", daemon=True)  # what it does not finish, the next run does
        self._store, self._root, self._place = store, root, place
        self._journals: list[Journal] = []
        self._at: dict[Journal, Delivered] = {}
        self._wake = threading.Condition()
        self._told = False  # that nothing can be delivered
        self._failing_since: float | None = None
        self._hopeless = False  # somebody has to mend something
        self._closing = False
        self._alone = False  # nobody calls close()
        self._pause = _PAUSE

    def add(self, journal: Journal) -> None:
        """Take a journal on; its lock is held."""
        self._at[journal] = journal.delivered
        self._journals.append(journal)

    def adopt(self) -> bool:
        """Take on what runs left that have ended, if anything; one that was killed gets its end."""
        for journal in leftovers(self._root):
            if any(journal.folder == held.folder for held in self._journals) or not journal.take():
                continue
            first = next((record for record, _ in journal.read(0)), {})
            if first.get("do") != "run" or first.get("place") != self._place:
                journal.release()
                continue
            if not journal.ended():
                do = "left" if first["given"] else "end"  # a run that was there before is its beginner's to end
                journal.append({"do": do, "status": "KILLED", "time": journal.changed()})
            self.add(journal)
        return bool(self._journals)

    def run_of(self, journal: Journal) -> Delivered:
        """Say what MLflow has of a run; without a ``run_id`` it has nothing yet."""
        return self._at[journal]

    def wait_for_run(self, journal: Journal, seconds: float) -> None:
        """Wait until MLflow has made the run, or could not."""
        with self._wake:
            self._wake.wait_for(lambda: bool(self._at[journal].run_id) or self._told, seconds)

    def start_and_close(self) -> None:
        """Deliver what is there beside whatever else this process does, however long it takes, and end."""
        self._closing = self._alone = True
        self.start()

    def close(self, patience: float) -> bool:
        """Deliver what is left, until nothing could be delivered for some seconds; True where all is."""
        start = time.monotonic()
        with self._wake:
            self._closing, self._alone, self._pause = True, False, 0.5
            self._wake.notify_all()
            while self._waiting() and self.is_alive():
                self._wake.wait(0.2)
                failing = self._failing_since and time.monotonic() - max(self._failing_since, start)
                if failing and (self._hopeless or failing > patience):
                    break
            left = self._waiting()
            for journal in self._journals:
                journal.remove() if self._done(journal) else journal.release()
            self._journals = []
            self._wake.notify_all()
        return not left

    # ---- in the thread

    def run(self) -> None:
        """Deliver until all is delivered and no run goes on."""
        tries = 0
        while True:
            tries = 0 if self._round() else tries + 1
            with self._wake:
                self._wake.notify_all()
                if self._closing and not self._waiting():
                    break
                self._wake.wait(self._pause if self._closing else min(_LONGEST, self._pause * 2**tries))
        for journal in self._journals if self._alone else []:
            journal.remove()

    def _round(self) -> bool:
        """Deliver what is there; False where something was in the way."""
        problem: Exception | None = None
        try:
            self._store.connect()
            for journal in list(self._journals):
                self._values(journal)
            for journal in list(self._journals):
                problem = self._files(journal) or problem
        except Exception as error:
            problem = error
        if problem:
            self._failed(problem)
        else:
            self._worked()
        return problem is None

    def _values(self, journal: Journal) -> None:
        for group in _grouped(_lines(journal, self._at[journal].values)):
            if journal not in self._journals:  # who closed has left the rest to the next run
                return
            at = self._at[journal]
            record = group[0][0]
            if record["do"] == "run":
                self._create(journal, at, record)
            elif not at.gone:
                self._value(journal, at, [line for line, _ in group])
            # In the file first: who closes removes the folder as soon as all is delivered here.
            journal.delivered = replace(at, values=group[-1][1])
            at.values = group[-1][1]

    def _create(self, journal: Journal, at: Delivered, record: dict[str, Any]) -> None:
        if given := record["given"]:
            at.experiment_id, at.run_id = self._store.reopen(given, record["tags"]), given
            return
        again = bool(at.experiment_id)
        at.experiment_id = self._store.experiment(record["experiment"])
        journal.delivered = at  # before the run is made: it is looked for where this process is killed now
        at.run_id = self._store.create(record, at.experiment_id, again)

    def _value(self, journal: Journal, at: Delivered, lines: list[dict[str, Any]]) -> None:
        try:
            if lines[0]["do"] == "log":
                if wrong := self._store.log(at.run_id, *_joined(lines)):
                    logger.warning(f"MLflow refuses {', '.join(wrong)}; the results in data/ have what is left out")
            elif lines[0]["do"] == "trial":
                self._store.trial(at, lines[0])
            elif lines[0]["do"] == "end":
                self._store.end(at.run_id, lines[0])
        except RunDeletedError:
            at.gone = True
            logger.warning("the run was deleted in MLflow; it goes on, and MLflow hears no more of it")
        except RunUnknownError:  # another database has taken the place: it is told everything
            self._at[journal] = journal.delivered = Delivered()
            raise ConnectionError("its database has never heard of the run") from None

    def _files(self, journal: Journal) -> Exception | None:
        """Deliver files; gives what was in the way."""
        at, problem = self._at[journal], None
        end = at.files
        for record, after in _lines(journal, at.files):
            if record["do"] in _FILES:
                if journal not in self._journals:  # as above
                    return None
                try:
                    self._file(journal, at, record)
                except Exception as error:
                    problem = error
                    break
            end = after
        if end > at.files:
            journal.delivered = replace(at, files=end)  # as above
            at.files = end
        return problem

    def _file(self, journal: Journal, at: Delivered, record: dict[str, Any]) -> None:
        file = self._root.parent / record["file"]
        try:
            if not at.gone:
                getattr(self._store, record["do"])(at, record, file)
        except Exception as error:
            if not refused(error):
                raise
            logger.warning(f"MLflow does not get {record['file']}: {said(error)}")
        if file.is_relative_to(journal.folder):
            file.unlink(missing_ok=True)

    def _waiting(self) -> bool:
        return any(not self._done(journal) for journal in self._journals)

    def _done(self, journal: Journal) -> bool:
        return not any(journal.read(min(self._at[journal].values, self._at[journal].files)))

    # ---- what is said

    def _failed(self, error: Exception) -> None:
        self._hopeless = isinstance(error, InputError)
        self._failing_since = self._failing_since or time.monotonic()
        if not self._told:
            self._told = True
            reason = str(error) if self._hopeless else said(error)
            logger.warning(f"MLflow cannot be told now: {reason}; what it shall know is kept in {FOLDER}, in order")

    def _worked(self) -> None:
        self._failing_since = None
        if self._told:
            self._told = False
            logger.warning("MLflow can be told again, and has all that was kept for it")


def _lines(journal: Journal, start: int) -> Iterator[Line]:
    """Read a journal to its present end."""
    whole = journal.size()
    while start < whole:
        before = start
        for record, start in journal.read(before):
            yield record, start
        if start == before:
            return


def _grouped(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Put values that follow one another together, as one call takes them; other lines stand alone."""
    group: list[Line] = []
    for record, end in lines:
        metrics = sum(len(line.get("metrics", ())) for line, _ in group)
        if group and not (record["do"] == group[0][0]["do"] == "log" and metrics < _MOST):
            yield group
            group = []
        group.append((record, end))
    if group:
        yield group


def _joined(lines: list[dict[str, Any]]) -> tuple[list[Any], dict[str, str], dict[str, str]]:
    metrics = [point for line in lines for point in line.get("metrics", ())]
    params, tags = ({k: v for line in lines for k, v in line.get(kind, {}).items()} for kind in ("params", "tags"))
    return metrics, params, tags
