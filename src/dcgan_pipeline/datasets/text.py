"""Text: an HTML page, a Markdown table, CSV."""

from kedro_datasets import text

from dcgan_pipeline.datasets.atomic_save import AtomicSave


class TextDataset(AtomicSave, text.TextDataset):
    """``text.TextDataset``, written whole.

    Examples
    --------
    .. code-block:: yaml

        dedup_audit:
          type: dcgan_pipeline.datasets.text.TextDataset
          filepath: data/08_reporting/dedup_audit.html
          versioned: true

    >>> dataset = TextDataset(filepath=tmp_path / "page.html")
    >>> dataset.save("<!doctype html><title>é</title>")
    >>> dataset.load()
    '<!doctype html><title>é</title>'
    """
