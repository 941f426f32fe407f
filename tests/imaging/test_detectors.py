import numpy as np
import pytest
from PIL import Image

from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.detectors import detect_faces
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings

LOCAL = EngineSettings()


@pytest.fixture
def yunet(tiny_yunet):
    def settings(faces=None, **network):
        return FacesSettings(detector="yunet", yunet={"model": str(tiny_yunet), **network}, **(faces or {}))

    return settings


def red_cells(width, height, cells, side=8):
    """Black, with squares of red: (left, top, level)."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for left, top, level in cells:
        pixels[top : top + side, left : left + side, 0] = level
    return Image.fromarray(pixels)


# ---- YuNet, with a network whose answers are known


def test_a_face_is_where_the_network_sees_it_with_its_score(yunet):
    found = detect_faces(red_cells(150, 90, [(40, 24, 200), (120, 64, 255)]), yunet())
    assert [box[:4] for box in found] == [(112, 56, 24, 24), (32, 16, 24, 24)]  # about the cells; the best first
    assert [box.score for box in found] == pytest.approx([1.0, 200 / 255])


@pytest.mark.parametrize("channel", [1, 2])
def test_the_network_sees_colours_in_their_order(yunet, channel):
    pixels = np.roll(np.asarray(red_cells(64, 64, [(16, 16, 255)])), channel, axis=2)
    assert detect_faces(Image.fromarray(pixels), yunet()) == []


def test_a_grey_picture_is_seen_as_three_equal_channels(yunet):
    grey = np.zeros((64, 64), np.uint8)
    grey[24:32, 16:24] = 255
    assert [box[:4] for box in detect_faces(Image.fromarray(grey), yunet())] == [(8, 16, 24, 24)]


def test_a_face_at_an_edge_ends_at_the_edge(yunet):
    found = detect_faces(red_cells(70, 50, [(0, 0, 255), (64, 40, 255)]), yunet())
    assert sorted(box[:4] for box in found) == [(0, 0, 16, 16), (56, 32, 14, 18)]


def test_weak_faces_are_not_searched_for(yunet):
    picture = red_cells(96, 96, [(8, 8, 100), (64, 64, 200)])
    assert len(detect_faces(picture, yunet(search_min_score=0.3))) == 2
    assert len(detect_faces(picture, yunet(search_min_score=0.5))) == 1
    assert len(detect_faces(picture, yunet(search_min_score=0.8))) == 0


def test_the_networks_own_hits_are_joined_from_the_threshold_on(yunet):
    beside = red_cells(96, 96, [(40, 40, 255), (48, 40, 250)])  # two boxes of 24, 8 apart: IoU 0.5
    assert len(detect_faces(beside, yunet(nms_threshold=0.45))) == 1
    assert len(detect_faces(beside, yunet(nms_threshold=0.55))) == 2
    assert len(detect_faces(beside, yunet(nms_threshold=0.55, top_k=1))) == 1


def test_boxes_of_a_smaller_copy_are_in_pixels_of_the_photograph(yunet):
    copy = red_cells(75, 45, [(16, 24, 255)])  # the box is 8, 16, 24, 24 there
    assert [box[:4] for box in detect_faces(copy, yunet(), (300, 180))] == [(32, 64, 96, 96)]
    assert [box[:4] for box in detect_faces(copy, yunet(), (301, 179))] == [(32, 64, 96, 95)]


def test_the_same_picture_gives_the_same_faces_whatever_came_before(yunet):
    pictures = [red_cells(90 + 7 * k, 60 + k, [(8 * k, 16, 255 - k)]) for k in range(5)]
    first = [detect_faces(picture, yunet()) for picture in pictures]
    assert [detect_faces(picture, yunet()) for picture in pictures[::-1]] == first[::-1]


def test_a_model_is_asked_for_before_the_work_starts(photos):
    source = open_source(str(photos))
    for yunet, text in [({}, "got none;"), ({"model": "no/such.onnx"}, r"got no/such\.onnx, where there is no file;")]:
        with pytest.raises(InputError, match=rf"must be the path of YuNet's ONNX file, and {text} .*model zoo") as info:
            find_regions(source, FacesSettings(detector="yunet", yunet=yunet), LOCAL)
        assert "\n" not in str(info.value)


def test_a_file_that_is_no_network_is_an_input_error(photos, tmp_path, yunet):
    (tmp_path / "mine.onnx").write_bytes(b"no network")
    with pytest.raises(
        InputError, match=r"must be a YuNet that OpenCV 4\.\S+ can run, and .*mine\.onnx is none"
    ) as info:
        find_regions(open_source(str(photos)), yunet(model=str(tmp_path / "mine.onnx")), LOCAL)
    assert "\n" not in str(info.value)


def test_another_network_is_an_input_error(photos, tmp_path, yunet):
    from onnx import TensorProto, helper, save

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, None, None]) for name in ("input", "out")]
    graph = helper.make_graph([helper.make_node("Relu", ["input"], ["out"])], "relu", ends[:1], ends[1:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8), tmp_path / "relu.onnx")
    with pytest.raises(InputError, match=r"must be a YuNet .*relu\.onnx is none") as info:
        find_regions(open_source(str(photos)), yunet(model=str(tmp_path / "relu.onnx")), LOCAL)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("wrong", [{"search_min_score": 1.5}, {"nms_threshold": 0}, {"top_k": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=r"faces\.yunet\."):
        FacesSettings.parse({"yunet": wrong}, "faces")


# ---- Haar's cascade


def test_a_cascade_that_does_not_exist_is_an_input_error_that_lists_what_there_is(photos):
    settings = FacesSettings(detector="haar", haar={"cascade": "haarcascade_frontalfaces.xml"})
    with pytest.raises(InputError, match=r"got 'haarcascade_frontalfaces\.xml'; .*haarcascade_frontalface_default"):
        find_regions(open_source(str(photos)), settings, LOCAL)


@pytest.mark.parametrize("text", ["", "no xml", "<a/>"])
def test_a_file_that_is_no_cascade_is_an_input_error(photos, tmp_path, text):
    (tmp_path / "mine.xml").write_text(text)
    settings = FacesSettings(detector="haar", haar={"cascade": str(tmp_path / "mine.xml")})
    with pytest.raises(InputError, match=r"must be a cascade that OpenCV can read, and .*mine\.xml is none"):
        find_regions(open_source(str(photos)), settings, LOCAL)


@pytest.mark.parametrize("size", [(1, 1), (10, 200), (64, 64)])
def test_no_face_is_found_where_there_is_none(size):
    assert detect_faces(Image.new("RGB", size), FacesSettings(detector="haar")) == []
