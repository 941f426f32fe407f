import pytest

from dcgan_pipeline.files import replacing, short


def test_a_file_takes_its_place_when_it_is_whole(tmp_path):
    file = tmp_path / "a.json"
    file.write_text("before")
    with replacing(file) as partial:
        partial.write_text("after")
        assert file.read_text() == "before"
        assert (partial.name.startswith(".partial-"), partial.suffix) == (True, ".json")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert file.read_text() == "after"


def test_what_fails_leaves_what_was_there(tmp_path):
    file = tmp_path / "a.json"
    file.write_text("before")

    def fail():
        with replacing(file) as partial:
            partial.write_text("aft")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert file.read_text() == "before"


def test_two_writers_have_names_of_their_own(tmp_path):
    with replacing(tmp_path / "a") as one, replacing(tmp_path / "a") as other:
        one.write_text("1")
        other.write_text("2")
    assert (tmp_path / "a").read_text() == "1"  # the last to end


def test_a_path_is_short_where_it_is_below_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert short(tmp_path / "data/a.png") == "data/a.png"
    assert short(tmp_path) == str(tmp_path)
    assert short(tmp_path.parent / "b") == str(tmp_path.parent / "b")
