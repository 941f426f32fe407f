"""How many threads a run computes in."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol


class ThreadsHooks:
    """Give every node the number of threads that ``threads`` asks for, and record it in MLflow."""

    def __init__(self) -> None:
        self._count: int | None = None
        self._open = ExitStack()

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, catalog: CatalogProtocol) -> None:
        """Resolve the setting, before anything is opened."""
        from dcgan_pipeline.devices import resolve_threads

        self._count = resolve_threads(catalog.load("parameters").get("threads", "auto"))

    @hook_impl
    def before_node_run(self) -> None:
        """Apply it in the thread that runs the node."""
        from dcgan_pipeline.devices import using_threads

        self._open.close()
        if self._count:
            self._open.enter_context(using_threads(self._count))
            _record(self._count)

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Leave the process, perhaps a notebook, as it was."""
        self._open.close()

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """Likewise."""
        self._open.close()


def _record(count: int) -> None:
    import mlflow

    run: Any = mlflow.active_run()
    if run and "threads" not in mlflow.get_run(run.info.run_id).data.params:  # which MLflow never changes
        mlflow.log_param("threads", count)
