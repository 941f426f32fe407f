"""Colours to sRGB, by the profile that a file declares (LittleCMS, which comes with Pillow).

- *Colorimetric, relative to white, with the black point compensated*: what both spaces can show stays the same colour,
  so that a photograph gives the same pixels in whatever space it was stored; paper is white and ink is black. The
  perceptual tables of a profile are each maker's own, and most profiles have none.
- *sRGB stays as it is.* A profile that moves no colour of a grid by more than a level is one of the many of sRGB: its
  pictures keep their bits, and their speed.
- *A profile has to fit*: its space has to be the picture's. Greys are taken through a profile of three colours too, as
  equal colours, and stay grey. One that is broken, too large or of another use is passed over.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

STORED, CONVERTED, UNUSABLE = "as stored", "converted", "unusable profile"
OUTCOMES = (STORED, CONVERTED, UNUSABLE)
_KEPT = 32  # conversions: photographs of one pile have few profiles
_FITTING = {"RGB": ("RGB",), "L": ("GRAY", "RGB"), "CMYK": ("CMYK",)}  # the profile's spaces, by Pillow's mode
_OF_COLOURS = ("scnr", "mntr", "prtr", "spac")  # classes of profiles: not those of devices linked, or of names
_UNALTERED = 1  # level
_RELATIVE = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE  # without a cache threads can share one


class _Conversion(NamedTuple):
    outcome: str
    transform: ImageCms.ImageCmsTransform | None = None
    greys: tuple[int, ...] = ()
    """What each level of a grey picture becomes."""


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """Bring a picture to sRGB.

    Parameters
    ----------
    image
        Of 8 bits; an opacity is left as it is.
    profile
        :func:`~dcgan_pipeline.imaging.colour.declared.declared_profile`'s.

    Returns
    -------
    image, outcome
        The same image where it is sRGB or declares nothing, or its profile cannot be used; and one of ``OUTCOMES``.
    """
    if profile is None or image.mode in ("1", "LAB"):  # black and white are that; LAB needs no profile
        return image, STORED
    plain, opacity = _parts(image)
    found = _conversion(profile, plain.mode)
    if found.outcome != CONVERTED:
        return image, found.outcome
    converted = plain.point(found.greys) if found.greys else found.transform.apply(plain) if found.transform else plain
    if opacity is not None:
        converted.putalpha(opacity)
    return converted, CONVERTED


def _parts(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colours in one of the modes L, RGB and CMYK, and the opacity where there is one."""
    grey = image.mode in ("L", "LA", "La")
    if "a" in image.mode.lower() or "transparency" in image.info:
        whole = image.convert("LA" if grey else "RGBA")
        return whole.convert("L" if grey else "RGB"), whole.getchannel("A")
    if image.mode in _FITTING:
        return image, None
    return image.convert("RGB"), None


@lru_cache(maxsize=_KEPT)
def _conversion(profile: bytes, mode: str) -> _Conversion:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space not in _FITTING.get(mode, ()) or source.profile.device_class not in _OF_COLOURS:
            return _Conversion(UNUSABLE)
        entry = {"GRAY": "L"}.get(space, space)
        intent = _RELATIVE
        if not source.profile.is_intent_supported(_RELATIVE, ImageCms.Direction.INPUT):
            intent = ImageCms.Intent.PERCEPTUAL  # its only tables; asked for the others, LittleCMS leaves black grey
        flags = _FLAGS | ImageCms.Flags.NOOPTIMIZE if mode == "L" else _FLAGS  # its tables for greys are coarse
        transform = ImageCms.ImageCmsTransform(source, _srgb(), entry, "RGB", intent, flags=flags)
        if mode == "L":
            return _of_greys(transform, entry)
        if mode == "RGB" and _unaltered(_grid(), transform.apply(_grid())):
            return _Conversion(STORED)
        return _Conversion(CONVERTED, transform)
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return _Conversion(UNUSABLE)


def _of_greys(transform: ImageCms.ImageCmsTransform, entry: str) -> _Conversion:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    converted = transform.apply(ramp.convert(entry)).convert("L")
    if _unaltered(ramp, converted):
        return _Conversion(STORED)
    return _Conversion(CONVERTED, greys=tuple(np.asarray(converted)[0].tolist()))


def _unaltered(before: Image.Image, after: Image.Image) -> bool:
    return bool(np.abs(np.asarray(before).astype(int) - np.asarray(after)).max() <= _UNALTERED)


@lru_cache(maxsize=1)
def _grid() -> Image.Image:
    """All colours of 17 levels, and all greys."""
    levels = np.linspace(0, 255, 17).round()
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    greys = np.repeat(np.arange(256)[:, None], 3, axis=1)
    return Image.fromarray(np.concatenate([colours, greys]).astype(np.uint8)[None])


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
