import io

import numpy as np
import pytest
from PIL import Image

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.squares import read_square_files, read_squares


@pytest.fixture
def folder(tmp_path):
    """Three photographs, the second of them cut short."""
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        small = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        file = io.BytesIO()
        small.resize((40, 30), Image.Resampling.BICUBIC).save(file, "PNG")
        data = file.getvalue()
        (tmp_path / f"{name}.png").write_bytes(data[: len(data) // 2] if name == "b" else data)
    return tmp_path


def test_a_square_is_the_centre_resized_as_preprocess_does_it(folder):
    source = open_source(str(folder))
    images, rows = read_squares(source, [0, 2], 3, 16)
    assert rows.tolist() == [0, 2]
    with Image.open(folder / "c.png") as photograph:
        expected = photograph.resize((16, 16), Image.Resampling.BICUBIC, box=(5, 0, 35, 30))
    np.testing.assert_array_equal(images[1], np.asarray(expected).transpose(2, 0, 1))
    np.testing.assert_array_equal(read_square_files([str(folder / "c.png")], 3, 16), images[1:])
    assert read_squares(source, [0], 1, 16)[0].shape == (1, 1, 16, 16)


def test_what_cannot_be_read_is_left_out_of_a_source_and_is_refused_as_a_file(folder):
    images, rows = read_squares(open_source(str(folder)), [0, 1, 2], 3, 16)
    assert rows.tolist() == [0, 2]
    assert len(images) == 2
    assert read_squares(open_source(str(folder)), [1], 3, 16)[0].shape == (0, 3, 16, 16)
    for name in ("b.png", "missing.png"):
        with pytest.raises(InputError, match=f"a file must be an image that can be read, got .*{name}") as info:
            read_square_files([str(folder / name)], 3, 16)
        assert "\n" not in str(info.value)
