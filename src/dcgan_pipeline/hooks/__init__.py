"""What happens around a run: settings checked first, MLflow kept honest, problems in one line, a summary at the end."""

from dcgan_pipeline.hooks.interrupts import InterruptHooks
from dcgan_pipeline.hooks.lineage import LineageHooks
from dcgan_pipeline.hooks.problems import ProblemHooks
from dcgan_pipeline.hooks.run_end import RunEndHooks
from dcgan_pipeline.hooks.run_name import run_name
from dcgan_pipeline.hooks.settings import ProtocolHooks, SettingsHooks
from dcgan_pipeline.hooks.summary import SummaryHooks
from dcgan_pipeline.hooks.threads import ThreadsHooks
from dcgan_pipeline.hooks.tracking import TrackingHooks

__all__ = [
    "InterruptHooks",
    "LineageHooks",
    "ProblemHooks",
    "ProtocolHooks",
    "RunEndHooks",
    "SettingsHooks",
    "SummaryHooks",
    "ThreadsHooks",
    "TrackingHooks",
    "run_name",
]
