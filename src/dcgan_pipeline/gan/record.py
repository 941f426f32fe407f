"""What grows while a training runs, and is kept in every checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dcgan_pipeline.gan.changes import CHANGED, described
from dcgan_pipeline.gan.frames import FrameFolder
from dcgan_pipeline.gan.history import History, Since
from dcgan_pipeline.weights import Weights

ROLLBACK = "back from step"  # how the event of a row begins that follows a rollback
_SINCE = "since."


def is_warning(event: str) -> bool:
    """Whether a part of an event warns of something, and does not say what was done."""
    return event != "" and not event.startswith((ROLLBACK, CHANGED))


@dataclass
class Record:
    """What a training has so far, beside its networks."""

    history: History
    steps: list[int] = field(default_factory=list)
    """When samples were drawn."""
    since: Since = field(default_factory=Since)
    """Losses since the last row of the history."""
    rollbacks: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    """Settings that were others before a step (:mod:`dcgan_pipeline.gan.changes`)."""
    origin: dict[str, Any] | None = None
    """The ``gan`` that training began from, if any."""
    good: int | None = None
    """Step of the newest checkpoint that was saved while nothing was wrong."""

    @classmethod
    def of(cls, saved: Weights, folder: Path, device: torch.device) -> Record:
        """Take up what a checkpoint has."""
        values = saved.settings
        if "since" in values:  # an earlier version's
            since = Since.of_rows(values["since"], device)
        else:
            since = Since({name: value.to(device) for name, value in saved.part(_SINCE).items()})
        return cls(
            History.of(values["history"], folder),
            values["samples"]["steps"],
            since,
            values["rollbacks"],
            values.get("changes", []),
            values.get("initial_gan"),
            values["good"],
        )

    def made_by(self) -> dict[str, Any]:
        """Return what a result keeps of how it was made."""
        return {"rollbacks": self.rollbacks, "changes": self.changes, "initial_gan": self.origin}

    def settings(self, frames: FrameFolder) -> dict[str, Any]:
        """Return what goes into a checkpoint's header: nothing that grows with the rows."""
        return {
            "history": self.history.settle(),
            "samples": {"folder": frames.name, "steps": self.steps},
            "good": self.good,
            **self.made_by(),
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return what goes beside the networks."""
        return {f"{_SINCE}{name}": values for name, values in self.since.tensors().items()}

    def came(self, step: int) -> list[str]:
        """Say of the rollbacks and changes to the row before, or since, what they were."""
        before = self.history.last
        back = [f"{ROLLBACK} {r['at']}" for r in self.rollbacks if before <= r["to"] < step]
        return back + [f"{CHANGED} {described(c)}" for c in self.changes if before <= c["step"] < step]
