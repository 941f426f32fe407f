"""Animations as GIF."""

from __future__ import annotations

import base64
import io

from kedro_datasets._typing import ImagePreview
from kedro_datasets.pillow import ImageDataset
from PIL import Image

from dcgan_pipeline.datasets.atomic_save import AtomicSave, saved_bytes


class AnimationDataset(AtomicSave, ImageDataset):
    """``pillow.ImageDataset`` for an animation, written whole.

    Saves any object with Pillow's ``save(file, format=...)``, such as ``visualize.film.Film``; loads a
    ``PIL.Image`` that still has all its frames.

    Examples
    --------
    .. code-block:: yaml

        training_animation:
          type: dcgan_pipeline.datasets.animation.AnimationDataset
          filepath: data/08_reporting/training_animation.gif
          versioned: true
    """

    def load(self) -> Image.Image:
        """Open the animation; ``n_frames`` and ``seek`` reach its frames."""
        return Image.open(io.BytesIO(saved_bytes(self)))

    def preview(self) -> ImagePreview:
        """Give Kedro-Viz the whole animation; browsers play it."""
        return ImagePreview(base64.b64encode(saved_bytes(self)).decode())
