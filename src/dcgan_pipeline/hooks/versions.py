"""The versions that a run is to load are there, and it loads them."""

from __future__ import annotations

from collections.abc import Mapping

from kedro.io import AbstractVersionedDataset, CatalogProtocol
from kedro.pipeline import Pipeline

from dcgan_pipeline.errors import InputError, shortened


def check_load_versions(versions: Mapping[str, str], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Check ``--load-versions`` before anything runs.

    Parameters
    ----------
    versions
        By entry of the catalog.

    Raises
    ------
    InputError
        For an entry that the run makes itself (Kedro would make a new version, and load the old one), one that it
        does not read, one without versions, and a version that is not there.
    """
    for name, version in versions.items():
        got = f"got {name}:{version}"
        if name in pipeline.all_outputs():
            raise InputError(
                f"--load-versions must be of what earlier runs made, and this run makes {name} itself, {got}; leave it "
                f"out, or run only stages that come after the one that makes {name}"
            )
        if name not in pipeline.inputs():
            read = [entry for entry in sorted(pipeline.inputs()) if _versioned(catalog, entry)]
            raise InputError(
                f"--load-versions must be of entries that this run reads, {shortened(read)}, {got}; leave it out"
            )
        if not (dataset := _versioned(catalog, name)):
            raise InputError(
                f"--load-versions must be of entries with versions, and {name} has none, {got}; leave it out"
            )
        there = dataset.list_versions(full_path=False)
        if version not in there:
            fix = f"there are {shortened(there)}" if there else "there are none yet"
            raise InputError(f"--load-versions must name a version that is there, {got}; {fix}")


def _versioned(catalog: CatalogProtocol, name: str) -> AbstractVersionedDataset | None:
    if name.startswith("params:") or name == "parameters":
        return None
    dataset = catalog.get(name)
    return dataset if isinstance(dataset, AbstractVersionedDataset) and dataset._version else None
