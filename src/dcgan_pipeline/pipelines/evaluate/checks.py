"""What ``evaluate`` and its relatives check before a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline


def check(parsed: Mapping[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Check that the protocol is of the classifier that runs, and that there are labelled images enough for it.

    Raises
    ------
    InputError
        Where they do not fit.
    """
    from dcgan_pipeline.evaluation.labelled import check_labelled

    settings, made = parsed["evaluate"], pipeline.all_outputs()
    for name in ("evaluation", "label_curve", "comparison", "sample_evaluation"):
        if name in made:
            settings.require_classifier("nearest" if name == "sample_evaluation" else "svm")
    if "labelled_train" in pipeline.inputs():
        if "label_curve" in made and "evaluation" not in made:
            settings = settings.model_copy(update={"labels_per_class": settings.fewest_of_curve})
        sets = catalog.load("labelled_train"), catalog.load("labelled_test")
        check_labelled(*sets, settings, catalog.load("params:seed"))
