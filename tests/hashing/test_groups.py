import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dcgan_pipeline.hashing.groups import describe_groups, group_equal_codes, kept_rows, measure_groups

# Few values, so that equal codes are common; widths that are not whole words of 8 bytes among them.
CODES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 17)), elements=st.sampled_from([0, 1, 255]))


def reference(codes):
    """Groups by a dictionary, numbered as they appear."""
    first, group = {}, {}
    for row, code in enumerate(codes):
        key = code.tobytes()
        first.setdefault(key, row)
        group.setdefault(key, len(group))
    keys = [code.tobytes() for code in codes]
    return [group[key] for key in keys], [first[key] for key in keys]


@pytest.fixture
def codes(stored):
    """Groups: 0 and 3; 1, 4 and 5; 2 alone; 6 and 7."""
    return stored(
        np.array([[7, 0], [1, 2], [3, 3], [7, 0], [1, 2], [1, 2], [9, 9], [9, 9]], np.uint8), 3, images_id="i"
    )


@pytest.fixture
def records():
    return pd.DataFrame({"source": [f"{letter}.png" for letter in "abcdefgh"]})


@settings(max_examples=100)
@given(CODES, st.integers(1, 10))
def test_groups_are_those_of_a_dictionary(stored, codes, rows_per_shard):
    table = group_equal_codes(stored(codes, rows_per_shard))
    group, representative = reference(codes)
    assert table["row"].tolist() == list(range(len(codes)))
    assert table["group"].tolist() == group
    assert table["representative"].tolist() == representative
    assert table["kept"].tolist() == [row == first for row, first in enumerate(representative)]
    assert not table["distance"].any()


@settings(max_examples=50)
@given(CODES)
def test_the_lowest_row_of_each_group_stays_and_no_other(stored, codes):
    table = group_equal_codes(stored(codes))
    lowest = table.groupby("group")["row"].min()
    assert kept_rows(table).tolist() == sorted(lowest)


@settings(max_examples=50)
@given(CODES, st.randoms(use_true_random=False))
def test_the_order_of_the_images_changes_no_group(stored, codes, random):
    order = list(range(len(codes)))
    random.shuffle(order)
    moved = group_equal_codes(stored(codes[order]))
    as_sets = {frozenset(rows) for rows in group_equal_codes(stored(codes)).groupby("group")["row"].agg(list)}
    back = {frozenset(order[k] for k in rows) for rows in moved.groupby("group")["row"].agg(list)}
    assert as_sets == back


def test_table_has_the_documented_columns_and_keeps_the_attributes(codes):
    table = group_equal_codes(codes)
    assert table.dtypes.astype(str).to_dict() == {
        "row": "int64",
        "group": "int64",
        "representative": "int64",
        "distance": "int64",
        "kept": "bool",
    }
    assert table.attrs == {"images_id": "i"}


def test_kept_rows_are_whole_numbers_in_ascending_order(codes):
    found = kept_rows(group_equal_codes(codes))
    assert found.dtype == np.int64
    assert found.tolist() == [0, 1, 2, 6]


def test_report_lists_shared_codes_the_largest_group_first(codes, records):
    report = describe_groups(group_equal_codes(codes), records)
    assert report.to_dict("list") == {
        "group": [1, 0, 3],
        "size": [3, 2, 2],
        "kept": ["b.png", "a.png", "g.png"],
        "removed": ["e.png\nf.png", "d.png", "h.png"],
    }


def test_report_finds_sources_by_row_and_not_by_the_index_of_the_records(codes, records):
    expected = describe_groups(group_equal_codes(codes), records)
    pd.testing.assert_frame_equal(
        describe_groups(group_equal_codes(codes), records.set_index(records.index + 50)), expected
    )


def test_report_of_a_set_without_duplicates_is_empty_and_keeps_its_columns(stored, records):
    report = describe_groups(group_equal_codes(stored(np.eye(8, dtype=np.uint8))), records)
    assert list(report.columns) == ["group", "size", "kept", "removed"]
    assert report.empty


def test_numbers_of_the_report(codes):
    metrics = measure_groups(group_equal_codes(codes), codes)
    on = np.unpackbits(codes[:], axis=1)
    assert metrics == {
        "dedup.images": 8,
        "dedup.kept": 4,
        "dedup.removed": 4,
        "dedup.groups": 3,
        "dedup.largest_group": 3,
        "dedup.mean_bits_on": pytest.approx(on.sum(axis=1).mean()),
        "dedup.constant_bits": sum(len(set(bit)) == 1 for bit in on.T.tolist()),
    }
    assert all(isinstance(value, float) for value in metrics.values())
