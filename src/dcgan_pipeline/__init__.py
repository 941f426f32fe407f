"""From a pile of images to a DCGAN, its features and its figures (Radford, Metz & Chintala, 2015)."""

import logging
import os

from dcgan_pipeline.known_warnings import WithoutKnown

__version__ = "0.1.0"

# Where the user wants runs to be recorded: MLflow itself writes its own address into this variable later.
TRACKING_URI = os.environ.get("MLFLOW_TRACKING_URI")

# No telemetry from the tools that this project drives; set before any of them is imported.
for _name, _value in {
    "KEDRO_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
}.items():
    os.environ.setdefault(_name, _value)

logging.getLogger("py.warnings").addFilter(WithoutKnown())
