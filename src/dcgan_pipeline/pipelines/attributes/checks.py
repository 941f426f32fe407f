"""What ``attributes`` checks before a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline


def check(parsed: Mapping[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Check that something is known of the images, where it is to be learned.

    Raises
    ------
    InputError
        Where nothing is.
    """
    from dcgan_pipeline.imaging.object_maps import check_known

    if "raw_attributes" in pipeline.inputs():
        check_known(catalog.load("raw_attributes").known, parsed["attributes"].names)
