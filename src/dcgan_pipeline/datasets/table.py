"""Tables in Parquet."""

from kedro_datasets.pandas import ParquetDataset

from dcgan_pipeline.datasets.atomic_save import AtomicSave


class TableDataset(AtomicSave, ParquetDataset):
    """``pandas.ParquetDataset``, written whole; a frame's ``attrs`` come back with it.

    Examples
    --------
    .. code-block:: yaml

        records:
          type: dcgan_pipeline.datasets.table.TableDataset
          filepath: data/03_primary/records.parquet
          versioned: true

    >>> import pandas as pd
    >>> dataset = TableDataset(filepath=tmp_path / "records.parquet")
    >>> dataset.save(pd.DataFrame({"row": [0, 1]}))
    >>> dataset.load()["row"].tolist()
    [0, 1]
    """
