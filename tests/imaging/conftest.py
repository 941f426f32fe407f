import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

settings.register_profile("shared machine", deadline=None)  # a busy machine is no failure
settings.load_profile("shared machine")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of three PNGs, wide and tall and square, one of them grey."""
    root = tmp_path / "photos"
    rng = np.random.default_rng(0)
    sizes = [("cat/0.png", (20, 32, 3)), ("cat/1.png", (32, 20, 3)), ("cat/2.png", (24, 24))]
    sizes += [("dog/0.png", (40, 21, 3)), ("dog/1.png", (16, 16, 3)), ("dog/2.png", (17, 33, 3))]
    for name, shape in sizes:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(root / name)
    return root


@pytest.fixture
def make_zip(tmp_path: Path) -> Callable[..., Path]:
    """Write a zip of (name, bytes) entries, in their order; names may repeat."""

    def make(entries: list[tuple[str, bytes]], name: str = "photos.zip") -> Path:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry, data in entries:
                archive.writestr(entry, data)
        return tmp_path / name

    return make


@pytest.fixture
def make_tar(tmp_path: Path) -> Callable[..., Path]:
    """Write a tar of (name, bytes) entries, in their order; a name that ends in / is a folder."""

    def make(entries: list[tuple[str, bytes]], name: str = "photos.tar", mode: str = "w") -> Path:
        with tarfile.open(tmp_path / name, mode) as archive:
            for entry, data in entries:
                info = tarfile.TarInfo(entry)
                info.size = len(data)
                info.type = tarfile.DIRTYPE if entry.endswith("/") else tarfile.REGTYPE
                archive.addfile(info, io.BytesIO(data))
        return tmp_path / name

    return make
