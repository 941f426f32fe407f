"""A project's settings, and what the hooks would know of them."""

import pytest

from dcgan_pipeline.problems import explain
from dcgan_pipeline.problems.here import Here, here
from dcgan_pipeline.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS


@pytest.fixture(autouse=True)
def nothing_known():
    """Each test begins where no session has begun."""
    before = dict(vars(here))
    vars(here).update(vars(Here()))
    yield
    vars(here).update(before)


@pytest.fixture
def said():
    """What a user is told of the error that a function raises."""

    def run(function, *arguments, **named):
        with pytest.raises(Exception) as found:  # noqa: PT011
            function(*arguments, **named)
        return explain(found.value)

    return run


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Read settings as Kedro does, from files that a test names."""
    monkeypatch.chdir(tmp_path)

    def read(files, kind="parameters", env=None, params=None):
        for folder in ("base", "local"):
            (tmp_path / "conf" / folder).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (tmp_path / "conf" / name).parent.mkdir(exist_ok=True, parents=True)
            (tmp_path / "conf" / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        here.conf, here.env, here.params = tmp_path / "conf", env or "", params or {}
        loader = CONFIG_LOADER_CLASS(str(here.conf), env=env, runtime_params=params, **CONFIG_LOADER_ARGS)
        here.loader = loader
        return loader[kind]

    return read
