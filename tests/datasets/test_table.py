import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kedro.io import DatasetError

from dcgan_pipeline.datasets.table import TableDataset


def test_a_table_comes_back_with_its_kinds_its_index_and_its_attributes(tmp_path):
    table = pd.DataFrame(
        {
            "row": np.arange(3),
            "small": np.arange(3, dtype="uint8"),
            "score": [0.5, float("nan"), -1.0],
            "kept": [True, False, True],
            "reason": pd.Series(["", "too small", "ünï✓"], dtype="str"),
        }
    )
    table.attrs = {"images_id": "abc", "threshold": 3}
    dataset = TableDataset(filepath=tmp_path / "table.parquet")
    dataset.save(table)
    loaded = dataset.load()
    pd.testing.assert_frame_equal(loaded, table)
    assert loaded.attrs == table.attrs


@settings(deadline=None, max_examples=30)
@given(rows=st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(st.characters(codec="utf-8")))))
def test_tables_of_any_values_come_back(tmp_path_factory, rows):
    table = pd.DataFrame(rows, columns=["number", "score", "text"])
    table = table.astype({"number": "int64", "score": "float64", "text": "str"})
    dataset = TableDataset(filepath=tmp_path_factory.mktemp("table") / "table.parquet")
    dataset.save(table)
    pd.testing.assert_frame_equal(dataset.load(), table)


def test_a_table_without_rows_keeps_its_columns(tmp_path):
    table = pd.DataFrame({"row": np.array([], "int64"), "reason": pd.Series([], dtype="str")})
    dataset = TableDataset(filepath=tmp_path / "table.parquet")
    dataset.save(table)
    pd.testing.assert_frame_equal(dataset.load(), table)


def test_the_preview_is_the_first_rows_as_a_table(tmp_path, preview_type):
    dataset = TableDataset(filepath=tmp_path / "table.parquet")
    dataset.save(pd.DataFrame({"row": range(9), "name": list("abcdefghi")}))
    assert preview_type(dataset) == "TablePreview"
    preview = dataset.preview()
    assert preview["columns"] == ["row", "name"]
    assert preview["data"] == [list(pair) for pair in itertools.islice(zip(range(9), "abcdefghi", strict=True), 5)]


def test_a_file_that_is_cut_short_is_a_dataset_error(tmp_path):
    dataset = TableDataset(filepath=tmp_path / "table.parquet")
    dataset.save(pd.DataFrame({"row": range(9)}))
    data = (tmp_path / "table.parquet").read_bytes()
    (tmp_path / "table.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(DatasetError, match="Failed while loading"):
        dataset.load()


def test_the_docstrings_example_runs(run_docstring):
    assert run_docstring(TableDataset) > 0
