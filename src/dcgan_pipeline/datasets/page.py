"""An HTML page."""

from kedro_datasets.text import TextDataset

from dcgan_pipeline.datasets.written_whole import WrittenWhole


class PageDataset(WrittenWhole, TextDataset):
    """``text.TextDataset``, written whole: a page that a browser opens.

    Examples
    --------
    .. code-block:: yaml

        dedup_audit:
          type: dcgan_pipeline.datasets.page.PageDataset
          filepath: data/08_reporting/dedup_audit.html
          versioned: true

    >>> dataset = PageDataset(filepath=tmp_path / "page.html")
    >>> dataset.save("<!doctype html><title>é</title>")
    >>> dataset.load()
    '<!doctype html><title>é</title>'
    """
