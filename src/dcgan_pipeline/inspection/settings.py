"""Settings of the stage ``visualize``."""

from __future__ import annotations

from pydantic import Field

from dcgan_pipeline.schema import Settings


class VisualizeSettings(Settings):
    """``params:visualize``."""

    grid_side: int = Field(default=10, ge=2)
    """Samples a side of the grid."""
    walk_points: int = Field(default=9, ge=2)
    """Random points of z that the walk visits (paper, figure 4)."""
    walk_steps: int = Field(default=10, ge=2)
    """Images from one point to the next, both ends included."""
    frame_seconds: float = Field(default=0.4, gt=0)
    """Time a frame of the animation is shown."""
