import pytest

from dcgan_pipeline.evaluation.baselines import _folder_for_a_while


@pytest.mark.parametrize("fails", [False, True])
def test_features_of_baselines_go_at_the_end_with_what_killed_runs_left(tmp_path, fails):
    left = tmp_path / "0123456789abcdef-features"
    left.mkdir()
    (left / "shard-00000.npy").write_bytes(b"x")
    (tmp_path / "trials").mkdir()
    try:
        with _folder_for_a_while(tmp_path) as folder:
            assert folder.is_dir()
            assert not left.exists()
            if fails:
                raise KeyError
    except KeyError:
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["trials"]


def test_features_that_are_in_use_stay(tmp_path):
    with _folder_for_a_while(tmp_path) as one, _folder_for_a_while(tmp_path) as two:
        assert one.is_dir()
        assert two.is_dir()
    assert not list(tmp_path.iterdir())
