"""Settings of the image sources and of the stages ``faces`` and ``preprocess``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from dcgan_pipeline.schema import Settings, UserPath, unless

Colours = Literal["srgb", "stored"]


class Limits(Settings):
    """What a file may ask of this machine before it is rejected; a key of every image source in the catalog."""

    max_bytes: int = Field(default=256 * 1024**2, gt=0)
    """Of one file, unpacked."""
    max_pixels: int = Field(default=100_000_000, gt=0, le=178_956_970)
    """Width times height; the upper bound is Pillow's own."""


class HaarSettings(Settings):
    """OpenCV's Haar cascade: the paper's "OpenCV face detector" (paper 4.2); its values are published nowhere."""

    cascade: UserPath = "haarcascade_frontalface_default.xml"
    """A file of ``cv2.data.haarcascades``, or a path."""
    scale_factor: float = Field(default=1.1, gt=1)
    min_neighbors: int = Field(default=5, ge=0)
    search_min_side: int = Field(default=30, ge=1)
    """Pixels; smaller faces are not searched for."""


class YuNetSettings(Settings):
    """OpenCV's ``FaceDetectorYN``: YuNet, a small network whose ONNX file is the user's."""

    model: UserPath | None = None
    """Path of the file: ``face_detection_yunet_2023mar.onnx`` of OpenCV's model zoo."""
    search_min_score: float = Field(default=0.7, ge=0, le=1)
    """Weaker faces are not searched for."""
    nms_threshold: float = Field(default=0.3, gt=0, le=1)
    """Intersection over union from which the network's own hits are one face."""
    top_k: int = Field(default=5000, ge=1)
    """Hits before that."""


class FacesSettings(Settings):
    """``params:faces``; lengths are pixels of the photograph, upright and whole, whatever the detector saw of it."""

    detector: Literal["none", "haar", "yunet"] = "none"
    """none: the centred square of side min(height, width), the paper's min-resize centre crop (paper 4.3)."""
    detect_max_side: int | None = Field(default=None, ge=32)
    """Pixels; larger photographs are searched in a copy whose longer side is this. None searches the photograph."""
    min_side: int = Field(default=1, ge=1)
    """Pixels; a smaller region, its margin included, is listed and not kept ("sufficiently high resolution", 4.2)."""
    min_score: float | None = None
    """Haar's level weight, or YuNet's score in [0, 1]; a weaker face is listed, and not kept. None keeps them all."""
    margin: float = Field(default=0.0, ge=0)
    """Added around a face on every side, in parts of its side."""
    suppress_iou: float = Field(default=0.4, gt=0, le=1)
    """Intersection over union with a better face from which one is a duplicate of it: listed, and not kept."""
    faces_per_image: Literal["all", "best", "largest"] = "all"
    """Which of the faces that are left is kept: the best score, or the largest box; the others are listed."""
    haar: HaarSettings = HaarSettings()
    yunet: YuNetSettings = YuNetSettings()
    images_per_task: int = Field(default=128, ge=1)
    sheet_images: int = Field(default=12, ge=1)
    """Photographs on the contact sheet."""

    def inert(self) -> dict[str, str]:
        """Each detector has settings of its own; the centred square has one rule, its side."""
        faces = ("detect_max_side", "min_score", "margin", "suppress_iou", "faces_per_image")
        reason = f"faces.detector is {self.detector}"
        return {
            **unless(self.detector != "none", reason, *faces),
            **unless(self.detector == "haar", reason, "haar"),
            **unless(self.detector == "yunet", reason, "yunet"),
        }


class PreprocessSettings(Settings):
    """``params:preprocess``."""

    image_size: int = Field(ge=4)
    """Pixels a side of a stored image."""
    channels: Literal[1, 3] = 3
    resample: Literal["box", "bilinear", "bicubic", "lanczos"] = "bicubic"
    """Pillow's filters; all of them are antialiased when they shrink."""
    crop_fraction: float = Field(default=1.0, gt=0, le=1)
    """Of a region's side, about its centre: 0.5 keeps the central 64 of 128 pixels (authors' code, faces)."""
    fast_decode: bool = True
    """Decode a large JPEG at 1/2 or 1/4 where the result is the same to the eye; see ``crop.jpeg_reduction``."""
    colour: Colours = "srgb"
    """srgb: colours with a profile are converted to sRGB, as viewers show them; stored: their numbers as they are."""
    images_per_shard: int = Field(default=4096, ge=1)

    @model_validator(mode="after")
    def _shard_fits(self) -> Self:
        size = self.images_per_shard * self.channels * self.image_size**2
        if size > 2**31:
            raise ValueError(
                f"a shard must stay under 2 GiB, got {size / 2**30:.1f} GiB "
                f"(images_per_shard {self.images_per_shard} x channels x image_size^2); lower images_per_shard"
            )
        return self
