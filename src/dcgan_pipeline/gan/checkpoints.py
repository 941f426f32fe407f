"""The checkpoints of trainings on the same images: which are kept, and which one a training goes on from.

Each training has a folder of its own, and none is removed that was stopped before its end: the first one's is named
after the images, ``1a2b3c4d-5e6f7a8b``, those that come after it are numbered, ``1a2b3c4d-5e6f7a8b-2``.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan_pipeline.errors import InputError, shortened
from dcgan_pipeline.files import replacing
from dcgan_pipeline.gan.changes import changes, say
from dcgan_pipeline.gan.frames import FrameFolder, frame_folders
from dcgan_pipeline.gan.history import HISTORY
from dcgan_pipeline.gan.settings import TrainSettings
from dcgan_pipeline.imaging.work_folder import size_of
from dcgan_pipeline.weights import Weights, read_settings

logger = logging.getLogger(__name__)

_FINISHED = "finished"  # a file with the step of the checkpoint that became a result
_NAME = re.compile(r"step-\d{9,}\.safetensors")  # a copy of another name is its owner's


class Checkpoints:
    """The folder of one training: a file a checkpoint, the history and the samples through training.

    Kept are the newest checkpoint, and the newest of before anything went wrong.

    Parameters
    ----------
    first
        The folder of the first training on the same images.
    number
        Which of the trainings on them it is.
    """

    def __init__(self, first: Path, number: int = 1) -> None:
        self._first, self.number = first, number
        self.folder = first if number == 1 else first.with_name(f"{first.name}-{number}")
        self._replaces_finished = False

    def file(self, step: int) -> Path:
        """Where the checkpoint of a step is."""
        return self.folder / f"step-{step:09d}.safetensors"

    def files(self) -> list[Path]:
        """All that are there, the oldest first."""
        found = (file for file in self.folder.glob("step-*.safetensors") if _NAME.fullmatch(file.name))
        return sorted(found, key=step_of)

    def save(self, state: Weights, good: int | None) -> Path:
        """Write one, and remove all others of this training but that of the step ``good``."""
        self._finished.unlink(missing_ok=True)
        written = self.file(state.settings["step"])
        state.save(written)
        kept = {written, *([] if good is None else [self.file(good)])}
        for older in self.files():
            if older not in kept:
                older.unlink()
        if self._replaces_finished:
            for other in of_set(self._first):
                if other.folder != self.folder and not other.is_unfinished():
                    other.remove()
            self._replaces_finished = False
        return written

    def remove(self) -> None:
        """Remove what this training wrote; what somebody else has put beside it stays."""
        for file in [*self.files(), self._finished, self.folder / HISTORY, *self.folder.glob(".partial-*")]:
            file.unlink(missing_ok=True)
        for frames in frame_folders(self.folder):
            shutil.rmtree(frames)
        with suppress(OSError):
            self.folder.rmdir()

    def forget_after(self, step: int) -> None:
        """Remove those of later steps."""
        for file in self.files():
            if step_of(file) > step:
                file.unlink()

    def finish(self, step: int) -> None:
        """Remember that the checkpoint of a step has become a result: this training is no longer unfinished work."""
        # Its folder may have gone while the result was in somebody's memory.
        with suppress(FileNotFoundError), replacing(self._finished) as partial:
            partial.write_text(str(step))

    def is_unfinished(self) -> bool:
        """Whether the newest checkpoint is of a training that has no result yet; where that cannot be read, it is."""
        newest = self.files()[-1]
        try:
            if self._finished.exists():
                return step_of(newest) > int(self._finished.read_text())
            saved = read_settings(newest)
        except ValueError:
            return True
        if not isinstance(saved.get("history"), list):
            return True
        train = TrainSettings.model_construct(**saved["train"])  # of an earlier version, which did not remember
        return saved["step"] < train.total_steps(saved["training_images"])

    @property
    def _finished(self) -> Path:
        return self.folder / _FINISHED


@dataclass(frozen=True)
class Result(Weights):
    """What a training ended with: until this is saved, for which a disk may lack room, it is unfinished work."""

    checkpoints: Checkpoints

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, and remember that there is a result."""
        super().save(path)
        self.checkpoints.finish(self.settings["step"])


def of_set(first: Path) -> list[Checkpoints]:
    """All trainings of a set that have checkpoints, the oldest first; ``first`` is the first one's folder."""
    return [checkpoints for checkpoints in _all(first) if checkpoints.files()]


def _all(first: Path) -> list[Checkpoints]:
    ends = (path.name.removeprefix(f"{first.name}-") for path in first.parent.glob(f"{first.name}-*") if path.is_dir())
    return [Checkpoints(first, number) for number in [1, *sorted(int(end) for end in ends if end.isdecimal())]]


def start(first: Path) -> tuple[Checkpoints, FrameFolder]:
    """Make room for a training that starts anew, beside those that were stopped before their end.

    The folders of trainings that have become a result go when the first checkpoint of the new one is there. What was
    stopped before its first checkpoint goes at once.
    """
    there = of_set(first)
    _remove_empty(first)
    made = Checkpoints(first, there[-1].number + 1 if there else 1)
    made._replaces_finished = True
    if stopped := [checkpoints for checkpoints in there if checkpoints.is_unfinished()]:
        newest = stopped[-1].files()[-1]
        size = sum(size_of(checkpoints.folder) for checkpoints in stopped) / 2**20
        names = shortened(checkpoints.folder.name for checkpoints in stopped)
        logger.warning(
            "a new training begins, and what was stopped before its end is kept: %s (of these images: %s, %.1f MiB); "
            "train.resume=%s goes on from it, and deleting its folder frees the space",
            *(newest, names, size, newest.parent),
        )
    return made, FrameFolder.fresh(made.folder)


def resume(
    first: Path, which: bool | str, now: dict[str, Any], total: int
) -> tuple[Checkpoints, Weights, FrameFolder, list[dict[str, Any]]]:
    """Load the checkpoint that training goes on from: the newest, or that of the ``total`` step as the result.

    Parameters
    ----------
    first
        The folder of the first training of the set.
    which
        True: the newest training; else the folder of one, or a file of a checkpoint.
    now
        The settings that a checkpoint would have now.

    Returns
    -------
    checkpoints, saved, frames, changed
        Of its training, and the settings that are others from here on.

    Raises
    ------
    InputError
        Where there is none, it is of another version, after the last step, or of other settings, or what it names is
        gone.
    """
    checkpoints, file = _chosen(first, which, total)
    saved = Weights.load(file)
    if not {"samples", "good", "rollbacks", "scalers", "history"} <= saved.settings.keys():
        raise InputError(
            f"train.resume needs a checkpoint of this version, and {file.name} was made by an earlier one; set it "
            "to false to start anew"
        )
    changed = changes(now, saved.settings, file.name)
    frames = FrameFolder(checkpoints.folder / saved.settings["samples"]["folder"])
    frames.check(saved.settings["samples"]["steps"])
    step = saved.settings["step"]
    if step < total and file != checkpoints.files()[-1]:
        logger.warning("going on from %s, as asked for: later checkpoints of that training are removed", file)
        checkpoints.forget_after(step)
    # Later ones need their own: an earlier one may only be wanted as the result.
    frames.keep_only({s for other in checkpoints.files() for s in read_settings(other)["samples"]["steps"]})
    logger.info("going on from %s", file)
    say(changed)
    return checkpoints, saved, frames, changed


def _chosen(first: Path, which: bool | str, total: int) -> tuple[Checkpoints, Path]:
    there = of_set(first)
    if not there:
        raise InputError(
            f"train.resume needs a checkpoint of this training set, and there is none in {first}{others_than(first)}; "
            "set it to false to start anew"
        )
    checkpoints, file = there[-1], None
    if isinstance(which, str):
        checkpoints, file = _named(there, Path(which))
    files = checkpoints.files()
    if file is None:
        file = checkpoints.file(total) if checkpoints.file(total) in files else files[-1]
    if step_of(file) > total:
        raise InputError(
            f"train.steps must be at least the step of the checkpoint on resuming, got {total} and {step_of(file)}; "
            "raise it (or train.epochs), set train.resume to an earlier checkpoint "
            f"({', '.join(str(path) for path in files)}), or to false to start anew"
        )
    return checkpoints, file


def _named(there: list[Checkpoints], which: Path) -> tuple[Checkpoints, Path | None]:
    for checkpoints in there:
        if which.resolve() == checkpoints.folder.resolve():
            return checkpoints, None
        for file in checkpoints.files():
            if which.resolve() == file.resolve():
                return checkpoints, file
    known = shortened(file for checkpoints in there for file in checkpoints.files())
    raise InputError(
        f"train.resume must be true, false or a checkpoint of this training set, got {str(which)!r}; there are: {known}"
    )


def _remove_empty(first: Path) -> None:
    """Remove what trainings left that were stopped before their first checkpoint."""
    for checkpoints in _all(first):
        if not checkpoints.files() and checkpoints.number > 1:
            checkpoints.remove()
        elif not checkpoints.files():
            for samples in frame_folders(first):  # the folder itself may be in use: its lock is beside it
                shutil.rmtree(samples)


def step_of(file: Path) -> int:
    """Read the step of a checkpoint from its file's name."""
    return int(file.stem.removeprefix("step-"))


def others_than(folder: Path) -> str:
    """Say of which images the newest checkpoint of another training set is, and how to train on those again."""
    others = sorted(folder.parent.glob("*/step-*.safetensors"), key=lambda file: file.stat().st_mtime)
    if not others:
        return ""
    newest = others[-1]
    try:
        count = read_settings(newest).get("training_images")
    except InputError:
        return f"; {newest} is of other images, and cannot be read"
    images = folder.name.split("-")[0]  # the folder is named after the images, and after those that dedup kept
    if newest.parent.name.split("-")[0] == images:
        what = f"of another choice of the same images ({count}; another dedup, or other train.quality.held_out)"
        mend = "give the version of duplicates that it was trained on (--load-versions=duplicates:...)"
    else:
        what = f"of {count} other images (another source, or other settings of faces or preprocess)"
        mend = "give the versions of images, records and duplicates that it was trained on (--load-versions)"
    return f"; {newest} is {what}: to go on from it, {mend}"
