import contextlib
import socket

import numpy as np
import psutil
import pytest

from dcgan_pipeline.annotate.app import HEADERS

ONE, OTHER = {"z": [0.5, -0.25, 0, 1], "label": None}, {"z": [1, 0, 0, 0], "label": None}


def test_a_change_is_answered_with_what_is_there_then_and_is_on_disk(served, tmp_path, make_entry):
    assert served.state()["revision"] == ""
    status, shown = served.change(do="name", kind="concepts", name="seven")
    assert (status, shown["undo"], shown["redo"]) == (200, 1, 0)
    status, shown = served.change(do="choose", name="seven", sample=ONE, chosen=True)
    assert shown == served.state()
    assert make_entry(tmp_path).load() == shown["annotations"]
    assert shown["annotations"]["concepts"]["seven"][0]["z"] == [0.5, -0.25, 0.0, 1.0]
    status, shown, _ = served.ask("/token/step", {"revision": shown["revision"], "step": "undo"})
    assert make_entry(tmp_path).load()["concepts"] == shown["annotations"]["concepts"] == {"seven": []}
    assert len(list((tmp_path / "annotations.json").iterdir())) == 3  # a version a change


def test_the_second_of_two_tabs_is_refused_and_told_what_is_there(served):
    served.change(do="name", kind="concepts", name="seven")
    seen = served.session.revision  # by both tabs
    status, first = served.change(seen, do="choose", name="seven", sample=ONE, chosen=True)
    assert status == 200
    status, shown = served.change(seen, do="choose", name="seven", sample=OTHER, chosen=True)
    assert (status, shown) == (409, first)
    status, shown, _ = served.ask("/token/step", {"revision": seen, "step": "undo"})
    assert (status, shown) == (409, first)
    status, shown = served.change(shown["revision"], do="choose", name="seven", sample=OTHER, chosen=True)
    assert len(shown["annotations"]["concepts"]["seven"]) == 2


def test_a_server_that_is_started_again_goes_on(served, serve_in, tmp_path, gan, make_gan):
    _, shown = served.change(do="name", kind="objects", name="loop")
    with serve_in(tmp_path, gan) as again:
        assert again.state() == {**shown, "undo": 0}
        assert again.change(shown["revision"], do="mark", name="loop", sample=ONE, boxes=[])[0] == 200
        with serve_in(tmp_path, make_gan(seed=1)) as other:
            assert other.state()["annotations"]["objects"] == {}
            assert f"{again.session.revision}, are of another gan" in other.ask("/token/")[1].decode()


@pytest.mark.parametrize(
    ("path", "body", "status", "line"),
    [
        ("change", {"revision": "", "change": {"do": "name", "kind": "concepts", "name": "a b"}}, 422, "got 'a b'"),
        ("change", {"revision": "", "change": {"do": "drop", "kind": "concepts", "name": "x"}}, 422, "got 'x'"),
        ("change", {"change": {}}, 422, "request.revision is required"),
        ("change", "no JSON", 422, "a request must be JSON"),
        ("change", [], 422, "request must be a mapping"),
        ("draw", {"z": [[1, 2]]}, 422, "z must have 4 numbers"),
        ("draw", {"z": [[0, 0, 0, 0]] * 17}, 422, "at most 16"),
        ("samples", {"start": -1, "count": 1}, 422, "request.start"),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(served, path, body, status, line):
    found, answer, _ = served.ask(f"/token/{path}", body)
    assert (found, line in answer["error"], "\n" in answer["error"]) == (status, True, False)
    assert served.state()["revision"] == ""


def test_a_disk_that_is_full_is_one_line(served, monkeypatch):
    def full(annotations):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(served.session._keeper, "save", full)
    status, answer = served.change(do="name", kind="concepts", name="seven")
    assert status == 500
    assert "space" in answer["error"]
    assert served.state()["annotations"]["concepts"] == {}


CHANGE = {"revision": "", "change": {"do": "name", "kind": "concepts", "name": "seven"}}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/token/change", {"host": "evil.example"}, 400),  # a name that a stranger has pointed at this machine
        ("/token/change", {"host": "127.0.0.1.evil.example:80"}, 400),
        ("/token/change", {"origin": "http://evil.example"}, 403),  # another site's page, in the same browser
        ("/token/change", {"origin": "http://127.0.0.1:1"}, 403),  # another server's page
        ("/token/change", {"origin": "null"}, 403),
        ("/change", {}, 404),  # who does not know the address
        ("/other/change", {}, 404),
    ],
)
def test_what_does_not_come_from_the_page_is_refused(served, path, headers, status):
    assert served.ask(path, CHANGE, **headers)[0] == status
    assert served.state()["revision"] == ""


def test_the_page_can_be_had_through_a_tunnel(served):
    """An SSH tunnel gives it another port, and perhaps the name localhost."""
    assert served.ask("/token/change", CHANGE, host="localhost:8888")[0] == 200


@pytest.mark.parametrize("path", ["/token/", "/token/state", "/token/static/main.js", "/nothing"])
def test_browsers_are_told_to_load_nothing_from_elsewhere(served, path):
    _, _, headers = served.ask(path)
    assert HEADERS.items() <= {name.title(): value for name, value in headers.items()}.items()
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_only_this_machine_can_connect(served):
    mine = [place.laddr for place in psutil.Process().net_connections("inet") if place.status == "LISTEN"]
    assert {place.ip for place in mine if place.port == served.port} == {"127.0.0.1"}
    with contextlib.closing(socket.socket()) as other:  # another address of this machine
        assert other.connect_ex(("127.0.0.2", served.port)) != 0


def test_pictures_are_pngs_of_what_is_asked(served):
    _, found, _ = served.ask("/token/samples", {"start": 0, "count": 3, "label": None})
    assert np.array(found["z"]).shape == (3, 4)
    status, png, headers = served.ask("/token/draw", {"z": found["z"], "labels": None})
    assert (status, headers["content-type"], png[:4]) == (200, "image/png", b"\x89PNG")
    assert len(served.ask("/token/plane", {"number": 0})[1]["directions"]) == 2


def test_names_cannot_end_the_script_that_holds_them(serve_in, tmp_path, gan):
    with serve_in(tmp_path, gan, found={"</script><b>": []}) as served:
        page = served.ask("/token/")[1].decode()
    assert "</script><b>" not in page
    assert page.count("</script>") == 2
