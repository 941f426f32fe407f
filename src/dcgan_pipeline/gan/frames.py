"""Samples through training as files: memory and checkpoints do not grow with their number."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.files import replacing

_PREFIX = "samples-"


class FrameFolder:
    """A folder with one ``.npy`` file a time that samples were drawn, each written whole or not at all.

    Parameters
    ----------
    folder
        Where the frames are; :meth:`fresh` makes one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def fresh(cls, beside: Path) -> FrameFolder:
        """Make an empty folder for a new training, in the folder of its checkpoints."""
        beside.mkdir(parents=True, exist_ok=True)
        number = max([int(path.name.removeprefix(_PREFIX)) for path in frame_folders(beside)], default=0) + 1
        folder = beside / f"{_PREFIX}{number:04d}"
        folder.mkdir()  # fails where another process has just made it: two trainings never share one
        return cls(folder)

    @property
    def name(self) -> str:
        """What a checkpoint calls the folder."""
        return self.folder.name

    def write(self, step: int, images: NDArray[np.uint8]) -> None:
        """Keep what was drawn at a step, uint8 (n, C, S, S); of a step that is drawn again, the last."""
        with replacing(self._file(step)) as partial:
            np.save(partial, images, allow_pickle=False)  # the name ends in .npy, so that NumPy adds nothing

    def check(self, steps: Sequence[int]) -> None:
        """Refuse to go on where a frame is missing.

        Raises
        ------
        InputError
            Naming the first one.
        """
        for step in steps:
            if not self._file(step).exists():
                raise InputError(
                    f"train.resume needs the samples that were drawn before, and {self._file(step)} is missing; "
                    "put it back, or set train.resume to false to start anew"
                )

    def keep_only(self, steps: Collection[int]) -> None:
        """Remove frames of other steps: of a training that went on after its checkpoint, until it was killed."""
        kept = {self._file(step) for step in steps}
        for file in [*self.folder.glob("step-*.npy"), *self.folder.glob(".partial-*.npy")]:
            if file not in kept:
                file.unlink()

    def stream(self, steps: Sequence[int]) -> FrameStream:
        """Read the frames of some steps, one at a time."""
        return FrameStream([self._file(step) for step in steps])

    def _file(self, step: int) -> Path:
        return self.folder / f"step-{step:09d}.npy"


class FrameStream:
    """Frames in order, each uint8 of shape (1, n, C, S, S), read when it is its turn; can be read more than once."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = list(files)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (np.load(file, allow_pickle=False)[None] for file in self._files)


def frame_folders(beside: Path) -> list[Path]:
    """List those in a folder of checkpoints."""
    return sorted(path for path in beside.glob(f"{_PREFIX}*") if path.name.removeprefix(_PREFIX).isdigit())
