"""One training from its first step to its last: what the main process does around the loop, and what a worker does."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan import checkpoints
from dcgan_pipeline.gan.changes import changes
from dcgan_pipeline.gan.data import statistics_batches
from dcgan_pipeline.gan.diagnostics import CollapseMonitor, Problem
from dcgan_pipeline.gan.frames import FrameFolder
from dcgan_pipeline.gan.history import History, Since
from dcgan_pipeline.gan.loop import train
from dcgan_pipeline.gan.measurements import Measurements, uncounted
from dcgan_pipeline.gan.parallel import Group
from dcgan_pipeline.gan.plan import Plan
from dcgan_pipeline.gan.record import Record
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.progress import Advance, progress_bar
from dcgan_pipeline.weights import Weights

logger = logging.getLogger(__name__)

LATENT_BATCHES = 100  # of 128 z, for G's batch-norm statistics (our choice)
LOSSES = ["loss_d", "loss_g", "d_real", "d_fake"]
Log = Callable[[dict[str, float], int], None]
OnSamples = Callable[[NDArray[np.uint8], int], None]


@dataclass(frozen=True)
class Callbacks:
    """Who is told what while a training runs."""

    log: Log
    """Called with numbers and the step."""
    show: OnSamples | None = None
    """Called with samples from the fixed z, uint8 (sample_count, C, S, S), and the step."""
    saved: Callable[[Path], None] | None = None
    """Called with the file of every checkpoint."""
    bar: Callable[[str, int], AbstractContextManager[Advance]] = progress_bar


class Finished(NamedTuple):
    """What the first process of a training ends with; it can be pickled."""

    gan: Weights
    history: History
    steps: list[int]
    """When samples were drawn."""
    frames: FrameFolder
    """Where they are."""
    checkpoints: checkpoints.Checkpoints


def run_main(plan: Plan, callbacks: Callbacks, group: Group, device: torch.device) -> Finished:
    """Train as the main process (rank 0), which alone keeps, logs and decides anything."""
    trainer = plan.trainer(group, device)
    run = _Run(plan, trainer, callbacks)
    run.to_the_end()
    of_rows = None if plan.labels is None else plan.labels[plan.rows]
    real = statistics_batches(plan.images, plan.rows, plan.seed, device, plan.labels)
    trainer.recompute_statistics(real, LATENT_BATCHES, of_rows)
    gan = trainer.state(**plan.identity, **run.record.made_by())
    return Finished(gan, run.record.history, run.record.steps, run.frames, run.checkpoints)


def run_worker(plan: Plan, group: Group, device: torch.device) -> None:
    """Train as any other process: the same steps, and nothing is kept."""
    trainer = plan.trainer(group, device)
    images = plan.training_images(trainer)
    while start := group.broadcast(None):
        checkpoint, rollbacks = start
        if checkpoint is not None:
            trainer.restore(Weights.load(checkpoint))
        train(plan, trainer, images, rollbacks)


class _Run:
    """One training: what it works on, what it has so far, and where it keeps it."""

    def __init__(self, plan: Plan, trainer: Trainer, callbacks: Callbacks) -> None:
        self._plan, self.trainer, self._callbacks = plan, trainer, callbacks
        self._settings, self._total = plan.settings, plan.total
        self._measurements = Measurements(plan, trainer)
        if plan.settings.resume:
            self._resume(plan.settings.resume)
        else:
            self.checkpoints, self.frames = checkpoints.start(plan.checkpoints)
            origin = plan.initial.origin if plan.initial else None
            self.record = Record(History(self.checkpoints.folder), origin=origin)
        self._monitor = self._replay()
        self._images = plan.training_images(trainer)
        self._clock = (time.monotonic(), trainer.step)

    def to_the_end(self) -> None:
        """Train until the last step, going back as often as it takes."""
        with self._callbacks.bar("train: DCGAN", self._total) as self._advance:
            self._advance(self.trainer.step)
            if not self.record.steps:  # what an untrained G draws
                self._draw()
            self._tell(go_on=True)
            while train(self._plan, self.trainer, self._images, len(self.record.rollbacks), self._after_step):
                reached = self.trainer.step
                self._roll_back(cast(Problem, self._problem))
                self._tell(go_on=True)
                self._advance(self.trainer.step - reached)
            self._tell(go_on=False)
            # A training that was shortened to where it is: the end is always a row, and a frame.
            if self.record.since:
                self._report()
            if self.record.steps[-1:] != [self.trainer.step]:
                self._draw()

    def _after_step(self, values: dict[str, Tensor]) -> bool:
        """Keep, draw and save what is due, and say whether there is a problem to go back for."""
        step, settings = self.trainer.step, self._settings
        # Where a minibatch updates one network alone, the row needs the norms of the last two.
        if self._plan.is_row(step) or self._plan.is_row(step + 1):
            values |= self._measurements.gradients(values)
        self.record.since.add(values)
        note = None
        self._problem = None
        if self._plan.is_row(step):
            note, self._problem = self._report()
        if self._problem is None:
            last = step == self._total
            if step % settings.sample_every == 0 or last:
                self._draw()
            if step % settings.checkpoint_every == 0 or last:
                self._save()
        self._advance(1, note)
        return self._problem is not None

    def _tell(self, go_on: bool) -> None:
        """Tell the other processes from which checkpoint to go on, if any, and after how many rollbacks; or to end."""
        at = self.checkpoints.file(self.trainer.step) if self.trainer.step else None
        self.trainer.group.broadcast((at, len(self.record.rollbacks)) if go_on else None)

    def _report(self) -> tuple[str, Problem | None]:
        """Add a row to the history, log it, and return a note for the bar and a problem to go back for, if any."""
        step, record = self.trainer.step, self.record
        row = _without_overflow(self._finite({"step": step, **record.since.means()})) | self._measurements.samples()
        measured = self._is_due(self._settings.quality.every)
        if measured:
            row |= self._measurements.quality()
        problems = self._monitor.see(row)
        rate = self._rate()
        if measured or problems or self._plan.is_point(step):
            self._callbacks.log({f"train.{name}": value for name, value in row.items() if name != "step"} | rate, step)
        for problem in problems:
            logger.warning("step %d: %s; see docs/training.md", step, problem.text)
        row["event"] = "; ".join([*record.came(step), *(problem.text for problem in problems)])
        record.history.append(row)
        record.since = Since()
        note = f"loss D {row.get('loss_d', math.nan):.2f} G {row.get('loss_g', math.nan):.2f}, "
        note += f"{rate['train.images_per_second']:,.0f} images/s"
        return note, self._to_act_on(self._monitor.fatal)

    def _is_due(self, every: int | None) -> bool:
        """Whether a multiple of ``every`` lies after the row before, or training ends."""
        step, before = self.trainer.step, self.record.history.last
        return every is not None and (step // every > before // every or step == self._total)

    def _rate(self) -> dict[str, float]:
        """Images a second since the last row: for the screen and MLflow alone, as it is never the same again."""
        (then, before), self._clock = self._clock, (time.monotonic(), self.trainer.step)
        seconds = max(self._clock[0] - then, 1e-9)
        return {"train.images_per_second": (self.trainer.step - before) * self._settings.batch_size / seconds}

    def _draw(self) -> None:
        step = self.trainer.step
        with uncounted(self.trainer.average or self.trainer.generator):
            images = self.trainer.draw_fixed()
        self.frames.write(step, images)
        self.record.steps.append(step)
        if self._callbacks.show:
            self._callbacks.show(images, step)

    # ---- checkpoints

    def _save(self) -> None:
        step, record = self.trainer.step, self.record
        self._finite({"step": step, **record.since.means()})  # a checkpoint is never of a training that has diverged
        before = record.good
        if self._monitor.healthy:
            record.good = step
        state = self.trainer.state(**self._plan.identity, **record.settings(self.frames))
        if not all(bool(value.isfinite().all()) for value in state.tensors.values()):
            record.good = before
            self._stop(f"weights must be finite, and after step {step} they are not")
        state.tensors.update(record.tensors())
        file = self.checkpoints.save(state, record.good)
        if self._callbacks.saved:
            self._callbacks.saved(file)

    def _now(self) -> dict[str, Any]:
        return self.trainer.state(**self._plan.identity).settings

    def _resume(self, which: bool | str) -> None:
        found = checkpoints.resume(self._plan.checkpoints, which, self._now(), self._total)
        self.checkpoints, saved, self.frames, changed = found
        self._restore(saved, changed)

    def _restore(self, saved: Weights, changed: list[dict[str, Any]]) -> None:
        self.trainer.restore(saved)
        self.record = Record.of(saved, self.checkpoints.folder, self.trainer.device)
        self.record.changes = [*self.record.changes, *changed]

    def _replay(self) -> CollapseMonitor:
        monitor = CollapseMonitor(self._settings.diagnostics)
        for row in self.record.history.rows():
            monitor.see(row)
        return monitor

    # ---- when something is wrong

    def _finite(self, row: dict[str, Any]) -> dict[str, Any]:
        """Stop a training that has diverged."""
        if not all(math.isfinite(value) for name, value in row.items() if not name.startswith("grad_norm")):
            found = ", ".join(f"{name} {value}" for name, value in row.items() if name in LOSSES)
            self._stop(f"losses must be finite, and by step {row['step']} they are not ({found})")
        return row

    def _to_act_on(self, fatal: Problem | None) -> Problem | None:
        do = self._settings.diagnostics.on_collapse
        if fatal is None or do == "warn":
            return None
        if do == "stop":
            self._stop(f"training must not collapse, and by step {self.trainer.step} {fatal.text}")
        return fatal

    def _stop(self, what: str) -> NoReturn:
        """End the training, so that a resume goes on from the last good checkpoint, or from one that it names."""
        good, s = self.record.good, self._settings
        if good is None:
            raise InputError(f"{what}; lower train.learning_rate and start anew; there is no checkpoint from before")
        file = self.checkpoints.file(good)
        where = f"the last good checkpoint is {file}"
        if s.diagnostics.on_collapse != "warn":  # who only wants to be warned wants no checkpoint removed
            self.checkpoints.forget_after(good)
        if file != (newest := self.checkpoints.files()[-1]):
            where += f", which train.resume={file} goes on from, and the newest {newest}, which train.resume=true does"
        else:
            ways = []
            if not (s.decay_epochs or s.decay_steps):  # a decay depends on the length, which may then not change
                epochs = ",train.epochs=null" if s.epochs is not None else ""
                ways.append(f"makes the result with train.steps={good}{epochs}")
            if s.diagnostics.on_collapse != "rollback":
                ways.append("goes on from with train.diagnostics.on_collapse=rollback")
            where += f", which train.resume=true {', or '.join(ways)}" if ways else ""
        slower = f"{s.learning_rate / 2:g}"
        raise InputError(
            f"{what}; lower train.learning_rate on resuming (train.resume=true,train.learning_rate={slower}), or start "
            f"anew; {where}"
        )

    def _roll_back(self, problem: Problem) -> None:
        """Go on from the last good checkpoint with other batches and other z.

        Every setting stays what the result says it was: a learning rate that is lowered on the way would not.
        """
        at, good, times = self.trainer.step, self.record.good, len(self.record.rollbacks)
        if good is None or times >= self._settings.diagnostics.max_rollbacks:
            after = f", after {times} rollback{'s' if times > 1 else ''}," if times else ""
            self._stop(f"training must not collapse, and by step {at}{after} {problem.text}")
        rollbacks = [*self.record.rollbacks, {"at": at, "to": good, "because": problem.text}]
        logger.warning("going back from step %d to the checkpoint of step %d, with other random numbers", at, good)
        self.checkpoints.forget_after(good)
        saved = Weights.load(self.checkpoints.file(good))
        self._restore(saved, changes(self._now(), saved.settings, self.checkpoints.file(good).name))
        self.record.rollbacks = rollbacks
        self.trainer.reseed_noise(len(rollbacks))
        self._monitor = self._replay()
        self._save()  # a run that is killed now does not go back a second time
        self._callbacks.log({"train.rollbacks": float(len(rollbacks))}, at)
        self._clock = (time.monotonic(), self.trainer.step)


def _without_overflow(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out gradients that overflowed: float16 skips such a step, in float32 the next losses are not finite."""
    return {name: value for name, value in row.items() if math.isfinite(value)}
