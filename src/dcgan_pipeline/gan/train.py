"""From images to a trained GAN: the loop around :class:`~dcgan_pipeline.gan.trainer.Trainer`."""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dcgan_pipeline.arrays import ID, ArrayChunks, ShardedArray
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan import diagnostics
from dcgan_pipeline.gan.conditional import labels_in_turn, training_labels
from dcgan_pipeline.gan.data import TrainingImages, statistics_batches, to_pixels
from dcgan_pipeline.gan.diagnostics import Problem, Watch
from dcgan_pipeline.gan.frames import FrameFolder
from dcgan_pipeline.gan.parallel import Group, together
from dcgan_pipeline.gan.quality.judge import Judge, make_judge
from dcgan_pipeline.gan.sampling import draw_latent
from dcgan_pipeline.gan.settings import Architecture, TrainSettings, resolve_architecture
from dcgan_pipeline.gan.statistics import BATCH
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.gan.watch_settings import QualitySettings
from dcgan_pipeline.progress import Advance, progress_bar
from dcgan_pipeline.randomness import derived_seed, numpy_stream, torch_stream
from dcgan_pipeline.weights import Weights

logger = logging.getLogger(__name__)

LATENT_BATCHES = 100  # of 128 z, for G's batch-norm statistics (our choice)
Log = Callable[[dict[str, float], int], None]
Show = Callable[[NDArray[np.uint8], int], None]
_LOSSES = ["loss_d", "loss_g", "d_real", "d_fake"]
BACK = "back from step"  # how the event of a row begins that follows a rollback
_COLUMNS = ["step", *_LOSSES, *diagnostics.COLUMNS]  # of every history; those of quality and the event come after them


@dataclass(frozen=True)
class TrainedGan:
    """What training leaves.

    ``gan`` is a checkpoint with recomputed batch-norm statistics, and the list of ``rollbacks`` in its settings.

    ``history`` has a row every ``log_every`` steps: step; loss_d, loss_g, d_real, d_fake, accuracy_real and
    accuracy_fake (means since the row before, NaN where only the other network was updated); the norms of both
    gradients at the row; diversity, contrast and saturation of samples (:mod:`dcgan_pipeline.gan.diagnostics`); the
    metrics of ``quality`` where they were measured; and ``event``, what was warned of, in words, or an empty text.

    ``samples`` is uint8 (times, sample_count, C, S, S), drawn from one fixed z at the steps in
    ``samples.attrs["steps"]``, and read from the folder of checkpoints when it is consumed: before another training
    of the same set replaces them.
    """

    gan: Weights
    history: pd.DataFrame
    samples: ArrayChunks


@dataclass
class _Record:
    """What grows while training runs, and is kept in every checkpoint."""

    history: list[dict[str, Any]] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    """When samples were drawn."""
    since: list[dict[str, Tensor]] = field(default_factory=list)
    """Losses since the last row of the history."""
    rollbacks: list[dict[str, Any]] = field(default_factory=list)
    good: int | None = None
    """Step of the newest checkpoint that was saved while nothing was wrong."""

    @classmethod
    def of(cls, saved: Weights, device: torch.device) -> _Record:
        values = saved.settings
        since = [{k: torch.tensor(v, device=device) for k, v in found.items()} for found in values["since"]]
        return cls(values["history"], values["samples"]["steps"], since, values["rollbacks"], values["good"])

    def settings(self, frames: FrameFolder) -> dict[str, Any]:
        return {
            "history": self.history,
            "samples": {"folder": frames.name, "steps": self.steps},
            "since": [{name: float(value) for name, value in found.items()} for found in self.since],
            "rollbacks": self.rollbacks,
            "good": self.good,
        }


def train_gan(
    images: ShardedArray,
    rows: NDArray[np.int64],
    settings: TrainSettings,
    seed: int,
    device: torch.device,
    checkpoints: Path,
    log: Log,
    labels: NDArray[np.int64] | None = None,
    show: Show | None = None,
) -> TrainedGan:
    """Train on some rows of the images.

    Parameters
    ----------
    images
        uint8 of shape (N, C, S, S).
    rows
        Those to train on, int64: the ones that ``dedup`` kept. ``settings.quality.held_out`` of them are left out.
    checkpoints
        A folder for the state every ``checkpoint_every`` steps, with a folder in it for each training set, so that
        a run on other images leaves an interrupted training alone. Kept are the newest file, and the newest of before
        anything went wrong; beside them lie the samples through training, a file a time. With ``settings.resume``
        training goes on from the newest; without, the first checkpoint takes its place.
    log
        Called with numbers and the step, while training runs.
    labels
        A class number for every image, -1 without, int64 of shape (N,): for conditional networks.
    show
        Called with samples from the fixed z, uint8 (sample_count, C, S, S), and the step, whenever they are drawn.

    Raises
    ------
    InputError
        Where there are too few images for a batch, conditional networks lack labels, settings changed before a
        resume, a metric of quality lacks what it needs, the losses are no longer finite, or the training has
        collapsed and ``settings.diagnostics`` says to stop.
    """
    rows, reference = _hold_out(rows, settings.quality)
    if len(rows) < settings.batch_size:
        held = f", {settings.quality.held_out} held out (train.quality.held_out)" if settings.quality.held_out else ""
        raise InputError(
            f"train.batch_size must be at most the number of training images, got {settings.batch_size} for "
            f"{len(rows)} images{held}; lower it, or add images"
        )
    architecture = resolve_architecture(settings.preset, settings.architecture, images.shape)
    labels = training_labels(labels, rows, architecture)
    training_set = hashlib.sha256(rows.tobytes()).hexdigest()
    identity = {ID: images.attrs.get(ID), "training_set": training_set, "training_images": len(rows)}
    own = checkpoints / f"{str(identity[ID])[:8]}-{training_set[:8]}"
    judge = make_judge(settings.quality, architecture, images[reference], device) if settings.quality.every else None
    others = partial(_follow, images, rows, labels, architecture, settings, seed)
    with together(settings.processes, device, others) as group:
        trainer = Trainer(architecture, settings, seed, device, group)
        run = _Run(trainer, images, rows, labels, own, identity, judge, log, show)
        run.to_the_end()
    of_rows = None if labels is None else labels[rows]
    trainer.recompute_statistics(statistics_batches(images, rows, seed, device, labels), LATENT_BATCHES, of_rows)
    record = run.record
    samples = ArrayChunks(run.frames.stream(record.steps), {"steps": record.steps})
    return TrainedGan(trainer.state(**identity, rollbacks=record.rollbacks), _table(record.history), samples)


def _hold_out(rows: NDArray[np.int64], settings: QualitySettings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Part the rows into those to train on and those that samples are compared with; the same ones for every seed."""
    order = numpy_stream(0, "quality images").permutation(rows)
    if not settings.held_out:
        return rows, np.sort(order[: settings.samples])
    return np.sort(order[settings.held_out :]), np.sort(order[: settings.held_out])


def _table(history: list[dict[str, Any]]) -> pd.DataFrame:
    measured = dict.fromkeys(name for row in history for name in row if name not in _COLUMNS and name != "event")
    return pd.DataFrame(history, columns=[*_COLUMNS, *measured, "event"])


def _pile(
    trainer: Trainer, images: ShardedArray, rows: NDArray[np.int64], labels: NDArray[np.int64] | None
) -> TrainingImages:
    settings = trainer.settings
    return TrainingImages(images, rows, labels, trainer.device, settings.data, settings.device_memory, trainer.group)


def _batches(pile: TrainingImages, trainer: Trainer, rollbacks: int) -> Iterator[tuple[Tensor, ...]]:
    order = derived_seed(trainer.seed, "order after a rollback", rollbacks) if rollbacks else trainer.seed
    return pile.batches(trainer.settings.batch_size, order, trainer.step)


def _is_row(settings: TrainSettings, step: int, total: int) -> bool:
    return step % settings.log_every == 0 or step == total


def _follow(
    images: ShardedArray,
    rows: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    architecture: Architecture,
    settings: TrainSettings,
    seed: int,
    group: Group,
    device: torch.device,
) -> None:
    """Train in another process what the first one trains, which alone keeps, logs and decides anything."""
    trainer = Trainer(architecture, settings, seed, device, group)
    pile, total = _pile(trainer, images, rows, labels), settings.total_steps(len(rows))
    while start := group.tell(None):
        checkpoint, rollbacks = start
        if checkpoint is not None:
            trainer.restore(Weights.load(checkpoint))
        for batch in islice(_batches(pile, trainer, rollbacks), max(0, total - trainer.step)):
            trainer.set_learning_rate(settings.learning_rate_at(trainer.step, len(rows)))
            trainer.update(*batch)
            if _is_row(settings, trainer.step, total) and group.tell(None):
                break


class _Run:
    """One training: what it works on, what it has so far, and where it keeps it."""

    def __init__(
        self,
        trainer: Trainer,
        images: ShardedArray,
        rows: NDArray[np.int64],
        labels: NDArray[np.int64] | None,
        checkpoints: Path,
        identity: dict[str, Any],
        judge: Judge | None,
        log: Log,
        show: Show | None,
    ) -> None:
        self.trainer, self._rows = trainer, rows
        self._checkpoints, self._identity = checkpoints, identity
        self._judge, self._log, self._show = judge, log, show
        self._settings, self._total = trainer.settings, trainer.settings.total_steps(len(rows))
        some = min(diagnostics.REFERENCE_IMAGES, len(rows))
        self._data = diagnostics.look(images[numpy_stream(0, "diagnostics images").choice(rows, some, replace=False)])
        self.record, self.frames = self._resume() if trainer.settings.resume else self._start()
        self._watch = self._replay()
        self._pile = _pile(trainer, images, rows, labels)
        self._clock = (time.monotonic(), trainer.step)

    def to_the_end(self) -> None:
        """Train until the last step, going back as often as it takes."""
        with progress_bar("train: DCGAN", self._total) as advance:
            advance(self.trainer.step)
            self._tell(go_on=True)
            while problem := self._train(advance):
                reached = self.trainer.step
                self._roll_back(problem)
                self._tell(go_on=True)
                advance(self.trainer.step - reached)
            self._tell(go_on=False)
            # A training that was shortened to where it is: the end is always a row, and a frame.
            if self.record.since:
                self._report()
            if self.record.steps[-1:] != [self.trainer.step]:
                self._draw()

    def _train(self, advance: Advance) -> Problem | None:
        """Train until the last step, or until there is a problem to go back for."""
        trainer, record, settings = self.trainer, self.record, self._settings
        for batch in islice(self._batches(), max(0, self._total - trainer.step)):
            if not record.steps:  # what an untrained G draws
                self._draw()
            trainer.set_learning_rate(settings.learning_rate_at(trainer.step, len(self._rows)))
            found = trainer.update(*batch)
            last, step = trainer.step == self._total, trainer.step
            if self._is_row(step) or self._is_row(step + 1):  # where minibatches update one network, both have a norm
                found |= self._gradients(found)
            record.since.append(found)
            note = None
            if self._is_row(step):
                note, problem = self._report()
                trainer.group.tell(problem is not None)
                if problem:
                    advance(1, note)
                    return problem
            if step % settings.sample_every == 0 or last:
                self._draw()
            if step % settings.checkpoint_every == 0 or last:
                self._save()
            advance(1, note)
        return None

    def _tell(self, go_on: bool) -> None:
        """Tell the other processes from which checkpoint to go on, if any, and after how many rollbacks; or to end."""
        at = self._file(self.trainer.step) if self.trainer.step else None
        self.trainer.group.tell((at, len(self.record.rollbacks)) if go_on else None)

    def _batches(self) -> Iterator[tuple[Tensor, ...]]:
        return _batches(self._pile, self.trainer, len(self.record.rollbacks))

    def _is_row(self, step: int) -> bool:
        return _is_row(self._settings, step, self._total)

    def _gradients(self, found: dict[str, Tensor]) -> dict[str, Tensor]:
        networks = {"g": self.trainer.generator, "d": self.trainer.discriminator}
        updated = {name: network for name, network in networks.items() if f"loss_{name}" in found}
        return {f"grad_norm_{name}": diagnostics.gradient_norm(network) for name, network in updated.items()}

    def _report(self) -> tuple[str, Problem | None]:
        """Add a row to the history, log it, and return a note for the bar and a problem to go back for, if any."""
        step, record = self.trainer.step, self.record
        row = _without_overflow(self._finite(_mean(record.since, step)))
        row |= diagnostics.compare(self._pixels(self.trainer.generator, self.trainer.fixed_z, None), self._data)
        if self._judge and self._is_due(self._settings.quality.every):
            row |= self._judge(self._samples(self._settings.quality.samples))
        problems = self._watch.see(row)
        rate = self._rate()
        self._log({f"train.{name}": value for name, value in row.items() if name != "step"} | rate, step)
        for problem in problems:
            logger.warning("step %d: %s; see docs/training.md", step, problem.text)
        row["event"] = "; ".join([*self._came_back(step), *(problem.text for problem in problems)])
        record.history.append(row)
        record.since = []
        note = f"loss D {row.get('loss_d', math.nan):.2f} G {row.get('loss_g', math.nan):.2f}, "
        note += f"{rate['train.images_per_second']:,.0f} images/s"
        return note, self._to_act_on(self._watch.fatal)

    def _is_due(self, every: int | None) -> bool:
        """Whether a multiple of ``every`` lies after the row before, or training ends."""
        step, before = self.trainer.step, self.record.history[-1]["step"] if self.record.history else 0
        return every is not None and (step // every > before // every or step == self._total)

    def _rate(self) -> dict[str, float]:
        """Images a second since the last row: for the screen and MLflow alone, as it is never the same again."""
        (then, before), self._clock = self._clock, (time.monotonic(), self.trainer.step)
        seconds = max(self._clock[0] - then, 1e-9)
        return {"train.images_per_second": (self.trainer.step - before) * self._settings.batch_size / seconds}

    def _samples(self, count: int) -> NDArray[np.uint8]:
        """Draw from z that stay the same through training, in whole batches as it does: uint8 (count, C, S, S)."""
        trainer = self.trainer
        whole = -(-count // BATCH) * BATCH
        noise = torch_stream(trainer.seed, "quality z")
        z = draw_latent(whole, trainer.architecture.latent_dim, self._settings.latent, noise)
        return self._pixels(trainer.average or trainer.generator, z, BATCH)[:count]

    @torch.no_grad()
    def _pixels(self, network: nn.Module, z: Tensor, batch: int | None) -> NDArray[np.uint8]:
        """Draw from z (n, latent_dim), normalised batch by batch, or all as one; conditional classes are in turn."""
        inputs = [z]
        if classes := self.trainer.architecture.labels:
            inputs.append(labels_in_turn(len(z), classes))
        device = self.trainer.device
        parts = zip(*(whole.split(batch or len(z)) for whole in inputs), strict=True)
        with _uncounted(network):
            return np.concatenate([to_pixels(network(*(x.to(device) for x in part))) for part in parts])

    def _draw(self) -> None:
        step = self.trainer.step
        with _uncounted(self.trainer.average or self.trainer.generator):
            images = self.trainer.draw_fixed()
        self.frames.write(step, images)
        self.record.steps.append(step)
        if self._show:
            self._show(images, step)

    # ---- when something is wrong

    def _finite(self, row: dict[str, Any]) -> dict[str, Any]:
        """Stop a training that has diverged."""
        if not all(math.isfinite(value) for name, value in row.items() if not name.startswith("grad_norm")):
            found = ", ".join(f"{name} {value}" for name, value in row.items() if name in _LOSSES)
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
        """End the training, so that a resume goes on from the last good checkpoint."""
        self._forget_after_good()
        good = self.record.good
        where = "there is no checkpoint from before"
        if good is not None:
            s = self._settings
            ways = []
            if not (s.decay_epochs or s.decay_steps):  # a decay depends on the length, which may then not change
                epochs = ",train.epochs=null" if s.epochs is not None else ""
                ways.append(f"makes the result with train.steps={good}{epochs}")
            if s.diagnostics.on_collapse != "rollback":
                ways.append("goes on from with train.diagnostics.on_collapse=rollback")
            where = f"the last good checkpoint is {self._file(good)}"
            where += f", which train.resume=true {', or '.join(ways)}" if ways else ""
        raise InputError(f"{what}; lower train.learning_rate and start anew; {where}")

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
        self._forget_after_good()
        saved = Weights.load(self._file(good))
        self.trainer.restore(saved)
        self.record = _Record.of(saved, self.trainer.device)
        self.record.rollbacks = rollbacks
        self.trainer.take_other_numbers(len(rollbacks))
        self._watch = self._replay()
        self._save()  # a run that is killed now does not go back a second time
        self._log({"train.rollbacks": float(len(rollbacks))}, at)
        self._clock = (time.monotonic(), self.trainer.step)

    def _came_back(self, step: int) -> list[str]:
        """Say of the rollbacks to the row before, or since, where they came from."""
        before = self.record.history[-1]["step"] if self.record.history else 0
        return [f"{BACK} {r['at']}" for r in self.record.rollbacks if before <= r["to"] < step]

    def _replay(self) -> Watch:
        watch = Watch(self._settings.diagnostics)
        for row in self.record.history:
            watch.see(row)
        return watch

    # ---- checkpoints

    def _file(self, step: int) -> Path:
        return self._checkpoints / f"step-{step:09d}.safetensors"

    def _save(self) -> None:
        step, record = self.trainer.step, self.record
        self._finite(_mean(record.since, step))  # a checkpoint is never of a training that has diverged
        before = record.good
        if self._watch.calm:
            record.good = step
        state = self.trainer.state(**self._identity, **record.settings(self.frames))
        if not all(bool(value.isfinite().all()) for value in state.tensors.values()):
            record.good = before
            self._stop(f"weights must be finite, and after step {step} they are not")
        state.save(self._file(step))
        kept = {self._file(step), *([] if record.good is None else [self._file(record.good)])}
        for older in self._checkpoints.glob("*.safetensors"):
            if older not in kept:
                older.unlink()
        self.frames.remove_others()

    def _forget_after_good(self) -> None:
        if self.record.good is not None:
            for file in self._checkpoints.glob("step-*.safetensors"):
                if file > self._file(self.record.good):
                    file.unlink()

    def _start(self) -> tuple[_Record, FrameFolder]:
        for unfinished in self._checkpoints.glob("step-*.safetensors"):
            logger.warning(
                "a checkpoint of an earlier training, %s, will be replaced; train.resume goes on from it",
                unfinished.name,
            )
        return _Record(), FrameFolder.fresh(self._checkpoints)

    def _resume(self) -> tuple[_Record, FrameFolder]:
        trainer, files = self.trainer, sorted(self._checkpoints.glob("step-*.safetensors"))
        if not files:
            raise InputError(
                f"train.resume needs a checkpoint of this training set, and there is none in {self._checkpoints}; "
                "set it to false"
            )
        # One that is later than where training shall end is left alone: an earlier one is wanted as the result.
        file = next((file for file in reversed(files) if file <= self._file(self._total)), files[-1])
        saved = Weights.load(file)
        if not {"samples", "good", "rollbacks", "scalers"} <= saved.settings.keys():
            raise InputError(
                f"train.resume needs a checkpoint of this version, and {file.name} was made by an earlier one; set it "
                "to false to start anew"
            )
        _check_unchanged(trainer.state(**self._identity).settings, saved.settings, file)
        if (reached := saved.settings["step"]) > self._total:
            raise InputError(
                f"train.steps must be at least the step of the checkpoint on resuming, got {self._total} and "
                f"{reached}; raise it (or train.epochs), or set train.resume to false to start anew"
            )
        frames = FrameFolder(self._checkpoints / saved.settings["samples"]["folder"])
        record = _Record.of(saved, trainer.device)
        frames.check(record.steps)
        frames.keep_only(record.steps)
        trainer.restore(saved)
        return record, frames


def _without_overflow(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out gradients that overflowed: float16 skips such a step, in float32 the next losses are not finite."""
    return {name: value for name, value in row.items() if math.isfinite(value)}


@contextmanager
def _uncounted(network: nn.Module) -> Iterator[None]:
    """Let a network in training mode draw without batch norm counting it: checkpoints do not depend on reporting."""
    counts = {name: value.clone() for name, value in network.named_buffers() if name.endswith("num_batches_tracked")}
    yield
    for name, value in counts.items():
        network.get_buffer(name).copy_(value)


def _mean(since: list[dict[str, Tensor]], step: int) -> dict[str, Any]:
    names = sorted({name for found in since for name in found})
    means = {name: float(torch.stack([f[name] for f in since if name in f]).mean()) for name in names}
    return {"step": step, **means}


def _check_unchanged(now: dict[str, Any], then: dict[str, Any], file: Path) -> None:
    """Only the length of the training, where no decay depends on it, and what and how often it reports, may change."""
    free = {
        "resume",
        "log_every",
        "sample_every",
        "checkpoint_every",
        "preset",
        "architecture",
        "data",
        "device_memory",
        "diagnostics",
        "quality",
    }
    if not (now["train"]["decay_epochs"] or now["train"]["decay_steps"]):
        free |= {"steps", "epochs"}
    changed = [
        f"{name} was {_value(then, name)!r} and is {_value(now, name)!r}"
        for name in [
            *("seed", ID, "training_images"),
            *(f"architecture.{key}" for key in now["architecture"]),
            *(f"train.{key}" for key in now["train"] if key not in free),
        ]
        if _value(then, name) != _value(now, name)
    ]
    if changed:
        raise InputError(
            f"train.resume needs the settings of the checkpoint {file.name}: {'; '.join(changed)}; "
            "change them back, or set train.resume to false to start anew"
        )


def _value(settings: dict[str, Any], name: str) -> Any:
    """Look a setting up; a checkpoint of an older version may lack it."""
    found: Any = settings
    for key in name.split("."):
        found = (found or {}).get(key)
    return found
