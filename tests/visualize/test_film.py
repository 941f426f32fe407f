import io

import av
import numpy as np
import pytest
from PIL import Image

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.visualize.film import Film, even, read_attrs, read_mp4

COLOURS = np.array([(200, 50, 50), (50, 180, 60), (40, 60, 200), (230, 220, 40)], np.uint8)
ABOUT = {"Title": "Ümlaut <b>", "gan": "1f"}


def frames():
    """Four colours side by side, which go round."""
    for k in range(6):
        yield np.roll(COLOURS, k, 0).repeat(16, 0)[None].repeat(32, 0)


@pytest.fixture
def mp4(tmp_path):
    Film(frames, 24, ABOUT).write_mp4(tmp_path / "film.mp4")
    return tmp_path / "film.mp4"


def test_a_film_comes_back_frame_by_frame_in_its_colours(mp4):
    found = list(read_mp4(mp4.read_bytes()))
    assert len(found) == 6
    for frame, expected in zip(found, frames(), strict=True):
        middles = np.s_[16, 8::16]
        np.testing.assert_allclose(frame[middles].astype(int), expected[middles], atol=14)  # 4:2:0, and a loss


def test_browsers_can_play_it_and_begin_at_once(mp4):
    data = mp4.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")  # the index is before the pictures
    with av.open(str(mp4)) as container:
        (stream,) = container.streams
        assert (stream.codec.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.codec_context.colorspace, stream.codec_context.color_range) == (1, 1)  # BT.709, limited
        assert stream.average_rate == 24
        assert container.duration == pytest.approx(6 / 24 * 1e6, rel=0.01)


def test_equal_frames_make_equal_files(mp4, tmp_path):
    Film(frames, 24, ABOUT).write_mp4(tmp_path / "again.mp4")
    assert (tmp_path / "again.mp4").read_bytes() == mp4.read_bytes()


def test_frames_are_made_while_they_are_written(tmp_path):
    def endless():
        yield from frames()
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        Film(endless, 24).write_mp4(tmp_path / "film.mp4")


def test_odd_sides_are_refused_and_can_be_padded(tmp_path):
    odd = np.zeros((33, 32, 3), np.uint8)
    with pytest.raises(InputError, match="even sides, got 32 x 33; pad"):
        Film(lambda: [odd], 24).write_mp4(tmp_path / "film.mp4")
    odd[-1] = 7
    padded = even(odd)
    assert padded.shape == (34, 32, 3)
    assert (padded[-1] == 7).all()
    assert even(padded) is padded or even(padded).shape == padded.shape


def test_what_is_kept_with_a_film_comes_back(mp4, tmp_path):
    assert read_attrs(mp4) == ABOUT
    with (tmp_path / "film.gif").open("wb") as file:
        Film(frames, 10, ABOUT).save(file)
    assert read_attrs(tmp_path / "film.gif") == ABOUT
    Image.new("RGB", (4, 4)).save(tmp_path / "other.gif", comment=b"made by hand")
    assert read_attrs(tmp_path / "other.gif") == {}


def test_a_gif_of_the_same_frames_has_them_all():
    file = io.BytesIO()
    Film(frames, 10).save(file)
    image = Image.open(file)
    assert (image.n_frames, image.info["loop"], image.info["duration"]) == (6, 0, 100)
