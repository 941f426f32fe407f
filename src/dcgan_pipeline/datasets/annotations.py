"""Annotations of samples in JSON."""

from __future__ import annotations

from kedro_datasets.json import JSONDataset

from dcgan_pipeline.datasets.atomic_save import AtomicSave


class AnnotationsDataset(AtomicSave, JSONDataset):
    """What ``edits.annotations.Annotations`` dumps, in a JSON file, written whole.

    Numbers come back as they were: JSON writes each float so that it reads as the same one.

    Examples
    --------
    .. code-block:: yaml

        annotations:
          type: dcgan_pipeline.datasets.annotations.AnnotationsDataset
          filepath: data/05_model_input/annotations.json
          versioned: true

    >>> dataset = AnnotationsDataset(filepath=tmp_path / "annotations.json")
    >>> dataset.save({"gan": "1f", "concepts": {"seven": [{"z": [0.1, -0.5], "label": None}]}, "objects": {}})
    >>> dataset.load()["concepts"]["seven"][0]["z"]
    [0.1, -0.5]
    """
