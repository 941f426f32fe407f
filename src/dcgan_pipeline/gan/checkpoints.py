"""The checkpoints of one training: which are kept, and which one it goes on from."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from dcgan_pipeline.arrays import ID
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.frames import FrameFolder
from dcgan_pipeline.weights import Weights, read_settings

logger = logging.getLogger(__name__)

# Only the length of the training, where no decay depends on it, and what and how often it reports, may change.
_FREE = {
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


class Checkpoints:
    """A folder with a file a checkpoint, and the folders of samples through training that they name.

    Kept are the newest one, and the newest of before anything went wrong.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, step: int) -> Path:
        """Where the checkpoint of a step is."""
        return self.folder / f"step-{step:09d}.safetensors"

    def files(self) -> list[Path]:
        """All that are there, the oldest first."""
        return sorted(self.folder.glob("step-*.safetensors"))

    def save(self, state: Weights, good: int | None, frames: FrameFolder) -> None:
        """Write one, and remove all others but that of the step ``good``, and samples of other trainings."""
        step = state.settings["step"]
        state.save(self.file(step))
        kept = {self.file(step), *([] if good is None else [self.file(good)])}
        for older in self.files():
            if older not in kept:
                older.unlink()
        frames.remove_others()

    def forget_after(self, step: int) -> None:
        """Remove those of later steps."""
        for file in self.files():
            if file > self.file(step):
                file.unlink()

    def start(self) -> FrameFolder:
        """Make room for a training that starts anew, whose first checkpoint will replace those that are there."""
        for unfinished in self.files():
            logger.warning(
                "a checkpoint of an earlier training, %s, will be replaced; train.resume goes on from it",
                unfinished.name,
            )
        return FrameFolder.fresh(self.folder)

    def resume(self, now: dict[str, Any], total: int) -> tuple[Weights, FrameFolder]:
        """Load the newest that is not after the ``total`` step: an earlier one is wanted as the result.

        Parameters
        ----------
        now
            The settings that a checkpoint would have now.

        Raises
        ------
        InputError
            Where there is none, it is of another version, after the last step, or of other settings, or the samples
            that it names are gone.
        """
        files = self.files()
        if not files:
            raise InputError(
                f"train.resume needs a checkpoint of this training set, and there is none in {self.folder}"
                f"{others_than(self.folder)}; set it to false to start anew"
            )
        file = next((file for file in reversed(files) if file <= self.file(total)), files[-1])
        saved = Weights.load(file)
        if not {"samples", "good", "rollbacks", "scalers"} <= saved.settings.keys():
            raise InputError(
                f"train.resume needs a checkpoint of this version, and {file.name} was made by an earlier one; set it "
                "to false to start anew"
            )
        _check_unchanged(now, saved.settings, file)
        if (reached := saved.settings["step"]) > total:
            raise InputError(
                f"train.steps must be at least the step of the checkpoint on resuming, got {total} and "
                f"{reached}; raise it (or train.epochs), or set train.resume to false to start anew"
            )
        frames = FrameFolder(self.folder / saved.settings["samples"]["folder"])
        frames.check(saved.settings["samples"]["steps"])
        frames.keep_only(saved.settings["samples"]["steps"])
        return saved, frames


def others_than(folder: Path) -> str:
    """Say of which images the newest checkpoint of another training set is, and how to train on those again."""
    others = sorted(folder.parent.glob("*/step-*.safetensors"), key=lambda file: file.stat().st_mtime)
    if not others:
        return ""
    newest = others[-1]
    count = read_settings(newest).get("training_images")
    images = folder.name.split("-")[0]  # the folder is named after the images, and after those that dedup kept
    if newest.parent.name.split("-")[0] == images:
        what = f"of another choice of the same images ({count}; another dedup, or other train.quality.held_out)"
        mend = "give the version of duplicates that it was trained on (--load-versions=duplicates:...)"
    else:
        what = f"of {count} other images (another source, or other settings of faces or preprocess)"
        mend = "give the versions of images, records and duplicates that it was trained on (--load-versions)"
    return f"; {newest} is {what}: to go on from it, {mend}"


def _check_unchanged(now: dict[str, Any], then: dict[str, Any], file: Path) -> None:
    decays = now["train"]["decay_epochs"] or now["train"]["decay_steps"]
    free = _FREE if decays else _FREE | {"steps", "epochs"}
    changed = [
        f"{name} was {_value(then, name)!r} and is {_value(now, name)!r}"
        for name in [
            *("seed", ID, "training_images"),
            *({"classes"} & then.keys()),  # an earlier version did not keep their names
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
