"""The annotations of one server: what they are, how they were, and which revision that is. Nothing here knows HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

from dcgan_pipeline.annotate.changes import Change, Step
from dcgan_pipeline.edits.annotations import Annotations
from dcgan_pipeline.weights import Weights


class Keeper(Protocol):
    """Where annotations are kept."""

    def newest(self) -> tuple[str, Annotations]:
        """Give the revision, and what it holds."""

    def save(self, annotations: Annotations) -> str:
        """Keep them, whole or not at all, and give their revision."""


class StaleError(Exception):
    """Whoever asks for a change has not seen the newest revision."""


@dataclass(frozen=True)
class History:
    """Annotations, those before them, the last of these last, and those that undoing took back, likewise."""

    present: Annotations
    past: tuple[Annotations, ...] = ()
    future: tuple[Annotations, ...] = ()

    def then(self, following: Annotations) -> Self:
        """Go on to others; what was taken back is gone."""
        return self if following == self.present else type(self)(following, (*self.past, self.present))

    def undone(self) -> Self:
        """Go back by one, and stay where there is none."""
        if not self.past:
            return self
        return type(self)(self.past[-1], self.past[:-1], (*self.future, self.present))

    def redone(self) -> Self:
        """Take back what undoing did last."""
        if not self.future:
            return self
        return type(self)(self.future[-1], (*self.past, self.present), self.future[:-1])


class Session:
    """Annotations under way: each change is kept before it counts, and refused where another came first."""

    def __init__(self, keeper: Keeper, gan: Weights) -> None:
        self._keeper, self._gan = keeper, gan
        self.revision, present = keeper.newest()
        self.history = History(present)

    def change(self, asked: Change) -> None:
        """Do what is asked.

        Raises
        ------
        StaleError
            Where the annotations have changed since the revision that it names.
        InputError
            Where it does not fit them, or the ``gan``; they stay as they are.
        """
        self._must_be_newest(asked.revision)
        following = asked.on(self.history.present)
        following.must_fit(self._gan)
        self._keep(self.history.then(following))

    def step(self, asked: Step) -> None:
        """Undo, or redo; likewise."""
        self._must_be_newest(asked.revision)
        self._keep(self.history.undone() if asked.step == "undo" else self.history.redone())

    def shown(self) -> dict[str, Any]:
        """Give what a page shows, as JSON can hold it."""
        present = self.history.present
        return {
            "revision": self.revision,
            "annotations": present.dump(),
            "names": {"concepts": list(present.concepts), "objects": list(present.objects)},
            "undo": len(self.history.past),
            "redo": len(self.history.future),
        }

    def _must_be_newest(self, revision: str) -> None:
        if revision != self.revision:
            raise StaleError

    def _keep(self, history: History) -> None:
        if history is not self.history:
            self.revision = self._keeper.save(history.present)
            self.history = history
