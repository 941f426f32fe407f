"""Files in conf/ and names in globals.yml that nothing reads."""

import logging

import pytest

from dcgan_pipeline.problems.unread import say_what_is_not_read, unread

CATALOG = 'raw_images: {filepath: "${globals:source}"}\n'
BASE = {"base/globals.yml": "source: a\n", "base/catalog.yml": CATALOG, "base/parameters.yml": "seed: 1\n"}


@pytest.fixture
def told(load):
    """What is refused where these files are settings."""

    def run(files, env=None):
        load({**BASE, **files}, env=env)
        return unread()

    return run


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("train.yml", "train: {steps: 7}", "parameters*.yml"),
        ("params.yaml", "seed: 3", "parameters*.yml"),
        ("global.yml", "source: /pics", "globals.yml"),
        ("globals_mine.yml", "source: /pics", "globals.yml"),
        ("data.json", '{"raw_images": {"filepath": "/pics"}}', "catalog*.yml"),
        ("sub/mine.yml", "train: {steps: 7}", "parameters*.yml"),
    ],
)
def test_settings_in_a_file_that_is_not_read_are_refused(told, name, text, kind):
    message = told({f"local/{name}": text})
    assert f"must be in a file that is called {kind}, and is in conf/local/{name}, which nothing reads;" in message


@pytest.mark.parametrize("name", ["parameters_mine.yml", "sub/parameters.yml", ".hidden/train.yml", "train.txt"])
def test_files_that_are_read_or_are_no_settings_pass(told, name):
    assert told({f"local/{name}": "train: {steps: 7}", "local/airflow.yml": "default: {owner: me}"}) is None


def test_a_name_in_globals_that_nothing_asks_for_is_refused(told):
    message = told({"local/globals.yml": "sorce: /pics\n"})
    assert message == (
        "a name in globals.yml must be one that a file asks for by ${globals:...}, as source, got sorce in "
        "conf/local/globals.yml; correct it, or take it out"
    )
    assert told({"local/globals.yml": "root: /pics\n_own: 1\nsource: ${root}/cats\n"}) is None
    assert (
        told({"local/globals.yml": "mine: 3\n", "local/parameters.yml": "train: {steps: '${globals: mine}'}"}) is None
    )


@pytest.mark.parametrize("env", [None, "photos"])
def test_conf_local_is_named_where_another_environment_is_read(told, env, caplog):
    told({"local/globals.yml": "source: /pics\n", "photos/parameters.yml": "seed: 2\n"}, env=env)
    with caplog.at_level(logging.INFO, "dcgan_pipeline"):
        say_what_is_not_read()
    text = "an environment is laid over conf/base alone: with --env=photos, conf/local/globals.yml is not read"
    assert caplog.messages == [text] * (env == "photos")


def test_an_entry_of_a_name_near_one_that_is_read_is_warned_of(told, caplog):
    told({"local/catalog.yml": "raw_image: {filepath: x}\n_raw_images: {a: b}\nmy_table: {filepath: x}\n"})
    say_what_is_not_read()
    assert caplog.messages == [
        "no pipeline reads or writes raw_image in conf/local/catalog.yml; did you mean raw_images?"
    ]
