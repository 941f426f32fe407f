"""What a run says to MLflow: written into a journal beside the run first, and delivered from there.

A run never waits for MLflow and never ends because of it. Whatever it logs becomes a line of its journal
(:mod:`~dcgan_pipeline.tracking.journal`); a thread of the run's first process
(:mod:`~dcgan_pipeline.tracking.sender`) gives the lines to MLflow (:mod:`~dcgan_pipeline.tracking.store`) in order, and
tries again while a database is locked or a server is down. What is left when a run ends is delivered by the next one.

Importing this package imports neither Kedro nor MLflow.
"""

from dcgan_pipeline.tracking.recorder import log_metrics, log_samples, log_trial

__all__ = ["log_metrics", "log_samples", "log_trial"]
