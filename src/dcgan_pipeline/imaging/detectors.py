"""Face detectors, both of them OpenCV's: Haar's cascade (paper 4.2), and the network YuNet.

A detector takes an RGB or grey picture and gives float64 rows (left, top, width, height, score) in its pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.boxes import Box
from dcgan_pipeline.imaging.settings import FacesSettings, HaarSettings, YuNetSettings

Detector = Callable[[Image.Image, float], NDArray[np.float64]]
"""Called with a picture, and its pixels for one of the photograph that it is a copy of."""


def detect_faces(picture: Image.Image, settings: FacesSettings, size: tuple[int, int] | None = None) -> list[Box]:
    """Find faces, the best score first.

    Parameters
    ----------
    picture
        The photograph, or a smaller copy of it.
    settings
        With a detector that is not ``none``.
    size
        Width and height of the photograph, in whose pixels the boxes are; the picture's own by default.

    Raises
    ------
    InputError
        Where the detector's file is not there, or of another kind.
    """
    width, height = size or picture.size
    across, down = picture.width / width, picture.height / height
    found = load_detector(settings)(picture, max(across, down))
    # Whole pixels inside the photograph: YuNet's boxes are neither.
    edges = found[:, [0, 1, 0, 1]]
    edges[:, 2:] += found[:, 2:4]
    edges = np.clip(np.round(edges / [across, down, across, down]), 0, [width, height, width, height])
    boxes = [
        Box(int(left), int(top), int(right - left), int(bottom - top), float(score))
        for (left, top, right, bottom), score in zip(edges, found[:, 4], strict=True)
        if right > left and bottom > top
    ]
    return sorted(boxes, key=lambda box: (-box.score, box.left, box.top))


@lru_cache(maxsize=1)
def load_detector(settings: FacesSettings) -> Detector:
    """Load the detector that the settings name, once a process."""
    import cv2

    cv2.setNumThreads(1)  # the engine's processes are the parallelism, and nothing depends on the number of threads
    return _Haar(settings.haar) if settings.detector == "haar" else _YuNet(settings.yunet)


class _Haar:
    """The paper's "OpenCV face detector"."""

    def __init__(self, settings: HaarSettings) -> None:
        self.settings, self.cascade = settings, _open_cascade(settings.cascade)

    def __call__(self, picture: Image.Image, scale: float) -> NDArray[np.float64]:
        side = max(1, round(self.settings.search_min_side * scale))
        boxes, _, weights = self.cascade.detectMultiScale3(
            np.asarray(picture.convert("L")),
            scaleFactor=self.settings.scale_factor,
            minNeighbors=self.settings.min_neighbors,
            minSize=(side, side),
            outputRejectLevels=True,
        )
        return np.column_stack([np.reshape(boxes, (-1, 4)), np.reshape(weights, (-1, 1))]).astype(np.float64)


def _open_cascade(name: str) -> Any:
    import cv2

    own, given = Path(cv2.__file__).parent / "data" / name, Path(name)
    file = next((path for path in (own, given) if path.is_file()), None)
    if file is None:
        names = ", ".join(sorted(path.stem for path in own.parent.glob("*face*.xml")))
        raise InputError(
            f"faces.haar.cascade must be a file or one of OpenCV's cascades, got {name!r}; OpenCV has {names}"
        )
    try:
        return cv2.CascadeClassifier(str(file))
    except SystemError:  # OpenCV's constructor, on a file of another kind
        raise InputError(
            f"faces.haar.cascade must be a cascade that OpenCV can read, and {file} is none; use one of OpenCV's"
        ) from None


class _YuNet:
    """A small convolutional network; its scores are in [0, 1]."""

    def __init__(self, settings: YuNetSettings) -> None:
        import cv2

        file = Path(settings.model) if settings.model else None
        if file is None or not file.is_file():
            raise InputError(
                f"faces.yunet.model must be the path of YuNet's ONNX file, and got {settings.model or 'none'}"
                f"{', where there is no file' if file else ''}; it is in OpenCV's model zoo as "
                "face_detection_yunet_2023mar.onnx"
            )
        try:
            self.network = cv2.FaceDetectorYN.create(
                str(file), "", (64, 64), settings.search_min_score, settings.nms_threshold, settings.top_k
            )
            self(Image.new("RGB", (64, 64)), 1.0)  # only running it tells YuNet from another network
        except cv2.error as error:
            raise InputError(
                f"faces.yunet.model must be a YuNet that OpenCV {cv2.__version__} can run, and {file} is none "
                f"({error.err}); use face_detection_yunet_2023mar.onnx of OpenCV's model zoo"
            ) from None

    def __call__(self, picture: Image.Image, scale: float) -> NDArray[np.float64]:
        pixels = np.ascontiguousarray(np.asarray(picture.convert("RGB"))[:, :, ::-1])  # OpenCV's networks take BGR
        self.network.setInputSize(picture.size)
        _, found = self.network.detect(pixels)
        if found is None:
            return np.empty((0, 5))
        return found[:, [0, 1, 2, 3, 14]].astype(np.float64)  # between them: eyes, nose, corners of the mouth
