"""Settings of ``edits`` and ``annotated_edits``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from dcgan_pipeline.edits.expressions import parse_definitions, parse_expression
from dcgan_pipeline.schema import Settings


class FoundAnnotationsSettings(Settings):
    """``params:edits.found_annotations``."""

    samples: int = Field(default=2048, ge=16)
    """That the model looks at."""
    exemplars: int = Field(default=8, ge=3)
    """Of each concept; the paper's number is 3."""
    concepts: Annotated[list[str], Field(min_length=1)] | None = None
    """Beside both ends of each attribute: ``name = end & end``. None: three of them, which make an arithmetic."""
    marked: int = Field(default=150, ge=2)
    """Samples that an object is marked on (paper 6.3.1)."""
    smallest: float = Field(default=0.004, gt=0, lt=1)
    """Share of the picture: what is smaller gets no box."""

    @field_validator("concepts")
    @classmethod
    def _can_be_read(cls, texts: list[str] | None) -> list[str] | None:
        parse_definitions(texts or [])
        return texts


class ForgettingSettings(Settings):
    """``params:edits.forgetting``."""

    object: str | None = None
    """None: the first one that is marked."""
    layer: int | None = Field(default=None, ge=0)
    """Of G: 0 the projection, then its convolutions but the last. None: the one with maps of 16 x 16, or
    nearest to that, which is the second highest of a G for 64 pixels (paper 6.3.1)."""
    shown: int = Field(default=12, ge=1)
    """Fresh samples in the figure."""


class ForgettingCurveSettings(Settings):
    """``params:edits.forgetting_curve``."""

    samples: int = Field(default=150, ge=2)
    points: int = Field(default=8, ge=1)
    """Numbers of maps, beside none; fewer where there are fewer maps."""
    draws: int = Field(default=3, ge=2)
    """Random orders of all maps, beside the found one."""


class VectorArithmeticSettings(Settings):
    """``params:edits.vector_arithmetic``."""

    expression: str | None = None
    """Concepts joined by + and -. None: the first three: first - second + third."""
    noise: float = Field(default=0.25, ge=0)
    """Half the width of the uniform noise of the neighbours (paper, figure 7)."""

    @field_validator("expression")
    @classmethod
    def _can_be_read(cls, text: str | None) -> str | None:
        if text is not None:
            parse_expression(text)
        return text


class TurnSettings(Settings):
    """``params:edits.turn``."""

    start: str | None = None
    """A concept. None: one end of an attribute, of a continuous one where there is any, else the second concept."""
    end: str | None = None
    """A concept. None: the other end, else the first concept."""
    shown: int = Field(default=8, ge=1)
    """Random samples in the figure."""
    steps: int = Field(default=9, ge=3)
    """From -``reach`` to +``reach`` times the vector."""
    reach: float = Field(default=1.0, gt=0)
    samples: int = Field(default=50, ge=2)
    """That the change is measured on."""
    draws: int = Field(default=3, ge=2)
    """Random vectors of the same length."""


class EditScoresSettings(Settings):
    """``params:edits.edit_scores``."""

    samples: int = Field(default=50, ge=2)
    """That every edit is measured on."""
    draws: int = Field(default=2, ge=2)
    """Random vectors of the same length, or random sets of as many maps, for every edit."""
    most: int = Field(default=24, ge=1)
    """Attributes that are edited: the first ones."""


class EditsSettings(Settings):
    """``params:edits``: for each figure, under the name of its entry, what it is drawn by."""

    found_annotations: FoundAnnotationsSettings = FoundAnnotationsSettings()
    forgetting: ForgettingSettings = ForgettingSettings()
    forgetting_curve: ForgettingCurveSettings = ForgettingCurveSettings()
    vector_arithmetic: VectorArithmeticSettings = VectorArithmeticSettings()
    turn: TurnSettings = TurnSettings()
    edit_scores: EditScoresSettings = EditScoresSettings()
