import pickle
import tracemalloc

import numpy as np
import pytest

from dcgan_pipeline.engine import EngineSettings, run_tasks
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.scenes.attributes import CLASSES, NAMES, OBJECTS
from dcgan_pipeline.imaging.splits import Split


def test_rooms_are_pictures_with_names_and_classes():
    source = open_source("scenes://20/1")
    assert len(source) == 20
    assert list(source.names) == [f"{row:06d}" for row in range(20)]
    assert (source.names[-1], source.names[2:4]) == ("000019", ["000002", "000003"])
    assert source.classes == CLASSES
    assert source.labels.shape == (20,)
    assert source.read(3).shape == (128, 128, 3)
    assert source.read(3).dtype == np.uint8


def test_a_seed_has_rooms_of_its_own_and_a_larger_number_has_the_same_first_ones():
    few, many, others = (open_source(location) for location in ("scenes://20/1", "scenes://30/1", "scenes://20/2"))
    np.testing.assert_array_equal(few.read(3), many.read(3))
    assert (few.read(3) != others.read(3)).any()
    assert len({source.fingerprint() for source in (few, many, others)}) == 3
    np.testing.assert_array_equal(open_source("scenes://5").read(4), open_source("scenes://5/0").read(4))


def test_a_hundred_million_rooms_take_no_memory():
    tracemalloc.start()
    source = open_source("scenes://100000000")
    assert source.names[99_999_999] == "99999999"
    source.read(99_999_999)
    known = source.known_attributes()
    assert known.values(np.array([99_999_999])).shape == (1, len(NAMES))
    size = len(pickle.dumps(source))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size < 2000
    assert peak < 20e6


def test_workers_draw_the_same_rooms():
    source = open_source("scenes://4/1")
    drawn = list(run_tasks(source.read, range(4), EngineSettings(name="processes", workers=2)))
    np.testing.assert_array_equal(np.stack(drawn), np.stack([source.read(row) for row in range(4)]))


def test_what_is_known_of_a_part_is_of_its_own_rooms():
    whole = open_source("scenes://60")
    part = open_source("scenes://60", split=Split(part="test", test_fraction=0.3))
    rows = [int(name) for name in part.names]
    assert 0 < len(rows) < 60
    known, of_all = part.known_attributes(), whole.known_attributes()
    assert (known.names, known.objects, known.map_scale) == (NAMES, OBJECTS, of_all.map_scale)
    np.testing.assert_array_equal(known.values(np.arange(len(rows))), of_all.values(np.array(rows)))
    np.testing.assert_array_equal(known.object_map(2), of_all.object_map(rows[2]))
    np.testing.assert_array_equal(part.labels, whole.labels[rows])


@pytest.mark.parametrize("wrong", ["", "0", "many", "10/", "10/-1", "10?seed=1", "1e4", "10/1/2", f"10/{2**63}"])
def test_another_address_is_an_input_error(wrong):
    with pytest.raises(InputError, match=r"must be scenes://<count> or scenes://<count>/<seed>, such as"):
        open_source(f"scenes://{wrong}")
