import io
import struct
import zlib
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageCms
from sklearn.datasets import load_sample_image

# XYZ under D50 of red, green and blue, as the makers of the spaces publish them (their own ICC profiles hold these).
COLORANTS = {
    "Display P3": ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
    "Adobe RGB": ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
    "exchanged": ((0.38515, 0.71687, 0.09708), (0.43607, 0.22249, 0.01392), (0.14307, 0.06061, 0.71410)),
}


def _profile(name: str) -> bytes:
    """LittleCMS's profile of sRGB with other primaries; the curve stays."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * profile[131], 12)}
    for tag, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), COLORANTS[name], strict=True):
        at = int.from_bytes(profile[tags[tag] + 4 : tags[tag] + 8], "big") + 8
        profile[at : at + 12] = struct.pack(">3i", *(round(value * 65536) for value in xyz))
    return bytes(profile)


@pytest.fixture(scope="session")
def profiles() -> dict[str, bytes]:
    """ICC profiles with sRGB's curve, by the name of their primaries."""
    return {name: _profile(name) for name in COLORANTS}


@pytest.fixture(scope="session")
def flower() -> Image.Image:
    """A photograph in sRGB."""
    return Image.fromarray(load_sample_image("flower.jpg")[100:300:2, 100:400:2])


@pytest.fixture(scope="session")
def stored_in(flower: Image.Image) -> Callable[[bytes], Image.Image]:
    """Return the photograph's numbers in the space of a profile, by LittleCMS."""

    def convert(profile: bytes, image: Image.Image = flower, mode: str = "RGB") -> Image.Image:
        space = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        relative = ImageCms.Intent.RELATIVE_COLORIMETRIC
        made = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), space, relative, mode)
        assert made is not None
        made.info.clear()
        return made

    return convert


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.fixture(scope="session")
def files() -> SimpleNamespace:
    """Ways to write files and to compare pictures."""

    def encode(image: Image.Image, file_format: str, **options: object) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, file_format, **options)
        return buffer.getvalue()

    def png(image: Image.Image, **chunks: bytes) -> bytes:
        """Encode a PNG with chunks behind its header."""
        whole = encode(image, "PNG")
        return whole[:33] + b"".join(_chunk(kind.encode(), content) for kind, content in chunks.items()) + whole[33:]

    def error(found: Image.Image, expected: Image.Image) -> float:
        """Mean difference in levels."""
        return float(np.abs(np.asarray(found).astype(int) - np.asarray(expected)).mean())

    return SimpleNamespace(encode=encode, png=png, error=error, chunk=_chunk)
