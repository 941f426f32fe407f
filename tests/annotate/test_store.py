import json
import os
import subprocess
import sys

import pytest

from dcgan_pipeline.annotate.store import Store, after, at
from dcgan_pipeline.edits.annotations import Annotations, Exemplar
from dcgan_pipeline.errors import InputError

EARLY, LATE = "2026-01-31T12.00.00.000Z", "2999-12-31T23.59.59.999Z"


def of(gan, *names):
    exemplar = Exemplar(z=(0.1, 0.2, 0.3, 0.4))
    return Annotations(gan=gan.digest(), concepts=dict.fromkeys(names, (exemplar,)))


def test_every_save_is_a_version_that_stays(tmp_path, gan, make_entry):
    store = Store(make_entry(tmp_path), gan)
    assert store.newest() == ("", of(gan))
    saved = [store.save(of(gan, *"abc"[:count])) for count in (1, 2, 3)]
    assert saved == sorted(set(saved))
    assert store.newest() == (saved[-1], of(gan, *"abc"))
    for count, version in enumerate(saved, 1):  # what --load-versions=annotations:<version> reads
        assert at(make_entry(tmp_path), load=version).load() == of(gan, *"abc"[:count]).dump()
    assert make_entry(tmp_path).load() == of(gan, *"abc").dump()  # what a run reads that names none
    assert not list(tmp_path.rglob(".partial-*"))


def test_annotations_of_other_gans_stay_and_are_gone_on_with(tmp_path, gan, make_gan, make_entry):
    other = make_gan(seed=1)
    first = Store(make_entry(tmp_path), gan).save(of(gan, "mine"))
    store = Store(make_entry(tmp_path), other)
    assert store.newest() == ("", of(other))
    assert store.other == first
    second = store.save(of(other, "theirs"))
    assert store.newest() == (second, of(other, "theirs"))
    assert Store(make_entry(tmp_path), other).newest()[1] == of(other, "theirs")
    again = Store(make_entry(tmp_path), gan)
    assert again.newest() == (first, of(gan, "mine"))
    assert again.other == second


def test_a_new_version_is_the_newest_whatever_the_clock_says(tmp_path, gan, make_entry):
    at(make_entry(tmp_path), save="2998-12-31T23.59.59.999Z").save(of(gan, "ahead").dump())
    store = Store(make_entry(tmp_path), gan)
    assert store.save(of(gan, "now")) == "2999-01-01T00.00.00.000Z"
    assert store.newest()[1] == of(gan, "now")
    assert after(EARLY) > EARLY
    assert after("named_by_hand") > "named_by_hand"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "annotations must be whole, and its version 2999.* is not"),
        ("[]", "must be a mapping"),
        ('{"concepts": {}}', "gan is required, and missing"),
        ('{"gan": "%s", "concepts": {"a": [{"z": [1]}]}}', "z must have 4 numbers"),
    ],
)
def test_what_is_no_annotations_is_one_line(tmp_path, gan, make_entry, content, message):
    place = tmp_path / "annotations.json" / LATE / "annotations.json"
    place.parent.mkdir(parents=True)
    place.write_text(content.replace("%s", gan.digest()))
    with pytest.raises(InputError, match=message):
        Store(make_entry(tmp_path), gan).newest()


def test_one_process_writes(tmp_path, gan, make_entry):
    place = str(tmp_path / ".annotations.json.lock")
    holder = (
        "import sys; from filelock import FileLock; lock = FileLock(sys.argv[1])\n"
        "lock.acquire(); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        store = Store(make_entry(tmp_path), gan)
        with pytest.raises(InputError, match="one server at a time may write"):
            store.hold()
        other.kill()
        other.wait()
        lock = store.hold()  # the system gave it back
        lock.release()


def test_a_file_holds_numbers_in_few_digits(tmp_path, gan, make_entry):
    version = Store(make_entry(tmp_path), gan).save(of(gan, "a"))
    text = (tmp_path / "annotations.json" / version / "annotations.json").read_text()
    assert "0.1" in text
    assert json.loads(text)["concepts"]["a"][0]["z"] == [0.1, 0.2, 0.3, 0.4]
    assert os.listdir(tmp_path / "annotations.json") == [version]
