import io
import json
import os
import uuid
import zipfile

import numpy as np
import pytest
from PIL import Image

from dcgan_pipeline.arrays import ShardFiles
from dcgan_pipeline.datasets.file_folder import FileFolderDataset


def png(level, size=(12, 12)):
    file = io.BytesIO()
    Image.new("L", size, level).save(file, "PNG")
    return file.getvalue()


def written(folder, kind):
    """70 pictures of rising brightness in a folder or a zip, or one large picture."""
    folder.mkdir()
    if kind == "grid":
        (folder / "samples.png").write_bytes(png(77, (900, 600)))
        return ShardFiles([folder / "samples.png"])
    pictures = {f"{k:09d}.png": png(3 * k) for k in range(70)}
    if kind == "zip":
        with zipfile.ZipFile(folder / "00000.zip", "w") as archive:
            for name, data in pictures.items():
                archive.writestr(name, data)
        return ShardFiles([folder / "00000.zip"])
    (folder / "00000").mkdir()
    for name, data in reversed(pictures.items()):
        (folder / "00000" / name).write_bytes(data)
    return ShardFiles([folder / "00000"])


def test_files_are_moved_beside_a_manifest_that_says_what_they_are(tmp_path):
    files = written(tmp_path / "work", "folder")
    dataset = FileFolderDataset(filepath=tmp_path / "samples")
    dataset.save(ShardFiles(files.files, {"seed": 3}))
    assert os.listdir(tmp_path / "work") == []
    assert dataset.load() == str(tmp_path / "samples")
    assert len(os.listdir(tmp_path / "samples/00000")) == 70
    manifest = json.loads((tmp_path / "samples/manifest.json").read_text())
    assert manifest == {"files": ["00000"], "attrs": {"seed": 3}}


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_the_preview_is_the_first_64_pictures_in_order(tmp_path, opened_preview, preview_type, kind, remote):
    place = f"memory:///{uuid.uuid4().hex}" if remote else tmp_path / "samples"
    dataset = FileFolderDataset(filepath=place)
    dataset.save(written(tmp_path / "work", kind))
    assert preview_type(dataset) == "ImagePreview"
    pixels = np.asarray(opened_preview(dataset))[..., 0]
    assert pixels.shape == (8 * 13 - 1, 8 * 13 - 1)
    assert (pixels[6::13, 6::13].ravel() == 3 * np.arange(64)).all()


def test_the_preview_of_one_picture_is_that_picture_made_small(tmp_path, opened_preview):
    dataset = FileFolderDataset(filepath=tmp_path / "samples")
    dataset.save(written(tmp_path / "work", "grid"))
    preview = opened_preview(dataset)
    assert preview.size == (512, 341)
    assert preview.getpixel((200, 200)) == 77


def test_the_docstrings_example_runs(run_docstring):
    assert run_docstring(FileFolderDataset) > 0
