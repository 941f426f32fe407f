"""How many threads a run computes in."""

from __future__ import annotations

from contextlib import ExitStack

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

    @hook_impl(trylast=True)
    def before_node_run(self) -> None:
        """Apply it in the thread that runs the node, and record it."""
        from dcgan_pipeline.devices import using_threads
        from dcgan_pipeline.tracking import recorder

        self._open.close()
        if self._count:
            self._open.enter_context(using_threads(self._count))
            if run := recorder.current():
                run.params({"threads": self._count})

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Leave the process, perhaps a notebook, as it was."""
        self._open.close()

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """Likewise."""
        self._open.close()
