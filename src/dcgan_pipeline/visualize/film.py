"""Films: frames that are made one after the other, and written so, as MP4 or as GIF."""

from __future__ import annotations

import io
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dcgan_pipeline.errors import InputError

_BT709, _LIMITED = 1, 1  # in H.264's own numbering: the colours that players take a film for, and their range
_OPTIONS = {"crf": "18", "preset": "veryfast"}  # a loss that is not seen (a PSNR of 48 dB), at four times the speed
Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Film:
    """Frames at an even rate; they are held one at a time."""

    frames: Callable[[], Iterable[Frame]]
    """Begins them: uint8 (H, W, 3) each, all of one size; for MP4 of even sides (:func:`even`)."""
    rate: float
    """Frames a second."""
    attrs: dict[str, Any] = field(default_factory=dict)
    """What is kept with the film."""

    def save(self, file: Any, format: str | None = None, **options: Any) -> None:
        """Write an endless GIF, as Pillow's images save themselves.

        A frame that is equal to the one before prolongs it. Pillow holds all frames until the last, a byte a pixel.
        """
        frames = (Image.fromarray(frame) for frame in self.frames())
        first = next(frames)
        comment = json.dumps(self.attrs).encode()
        time = round(1000 / self.rate)
        first.save(file, "GIF", save_all=True, append_images=frames, duration=time, loop=0, comment=comment)

    def write_mp4(self, path: str | os.PathLike[str]) -> None:
        """Write H.264 that every browser plays: 4:2:0, the index before the pictures, colours of BT.709.

        One thread, so that the same frames give the same bytes.
        """
        import av
        from av.video.reformatter import ColorRange, Colorspace

        frames = iter(self.frames())
        first = next(frames)
        if first.shape[0] % 2 or first.shape[1] % 2:
            raise InputError(f"a film needs even sides, got {first.shape[1]} x {first.shape[0]}; pad its frames")
        with av.open(os.fspath(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
            container.metadata["comment"] = json.dumps(self.attrs)
            rate = Fraction(self.rate).limit_denominator(1000)
            stream = container.add_stream("libx264", rate=rate, options=_OPTIONS)
            stream.height, stream.width, stream.pix_fmt = *first.shape[:2], "yuv420p"
            stream.thread_count = 1
            coder = stream.codec_context
            coder.colorspace = coder.color_primaries = coder.color_trc = _BT709
            coder.color_range = _LIMITED
            for frame in itertools.chain([first], frames):
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24").reformat(
                    format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
                )
                container.mux(stream.encode(picture))
            container.mux(stream.encode())


def even(frame: Frame) -> Frame:
    """Repeat the last row and column where a side is odd: H.264 halves the colours of both."""
    return np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge")


def read_mp4(data: bytes) -> Iterator[Frame]:
    """Decode a film, frame by frame: uint8 (H, W, 3)."""
    import av

    with av.open(io.BytesIO(data), "r") as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def read_attrs(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what is kept with an MP4, and what Pillow can open: a GIF, a PNG with text. Nothing is decoded."""
    if os.fspath(path).endswith(".mp4"):
        import av

        with av.open(os.fspath(path)) as container:
            return _parsed(container.metadata.get("comment", ""))
    with Image.open(path) as image:
        if image.format == "GIF":
            return _parsed(image.info.get("comment", b"").decode("utf-8", "replace"))
        return {str(name): value for name, value in image.info.items() if isinstance(value, str)}


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
