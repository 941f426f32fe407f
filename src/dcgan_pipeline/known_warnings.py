"""Python's warnings that say nothing to a user of this project: the log leaves out these and no others."""

from __future__ import annotations

import logging

KNOWN = (
    "register_new_resolver() is deprecated",  # OmegaConf, of Kedro and kedro-mlflow
    "Option '--pipeline' is deprecated",  # Kedro: it works in every version that pyproject.toml allows
    "Add type hints to the `predict` method",  # MLflow, of kedro-mlflow's own model
)


class WithoutKnown(logging.Filter):
    """Lets every warning pass but those in ``KNOWN``: a filter of the log, since libraries overrule Python's own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether to show a warning."""
        return not any(text in record.getMessage() for text in KNOWN)
