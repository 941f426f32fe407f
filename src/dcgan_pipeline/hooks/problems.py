"""What a user can mend is found before the first node, and printed as one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from dcgan_pipeline.config_loader import ProjectConfigLoader
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.problems.here import here
from dcgan_pipeline.problems.names import must_be_one_of
from dcgan_pipeline.problems.results import lacking, unwritable
from dcgan_pipeline.problems.shown import show_in_one_line
from dcgan_pipeline.problems.unread import say_what_is_not_read, unread


class ProblemHooks:
    """Refuse what cannot go well before an MLflow run is opened, and remember what messages are to name."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Look for the environment: kedro-mlflow would take MLflow's own settings where there is none."""
        show_in_one_line()  # again: Kedro may have put rich's reader of errors first in the meantime
        loader = context.config_loader
        conf = Path(loader.conf_source)
        here.conf, here.env = conf if conf.is_dir() else None, loader.env or ""
        here.loader = loader if isinstance(loader, ProjectConfigLoader) else None
        here.params, here.catalog, here.run_params = loader.runtime_params or {}, None, {"env": loader.env}
        if here.conf is None and not conf.exists() and "://" not in str(loader.conf_source):
            raise InputError(
                f"the settings must be in a folder conf/, and there is none in {conf.parent}; run in the project's "
                "folder, or give --conf-source"
            )
        if here.conf and here.env and not (conf / here.env).is_dir():
            known = sorted(path.name for path in conf.iterdir() if path.is_dir())
            raise InputError(must_be_one_of("--env", here.env, known))

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        """Remember the catalog, for what messages say of its entries."""
        here.catalog = catalog

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Look for what the run needs, and for places to write."""
        here.run_params = run_params
        for name in pipeline.datasets():
            catalog.get(name)  # made now: a wrong entry is an error before the first node
        if line := unread():
            raise InputError(line)
        say_what_is_not_read()
        missing = None if run_params.get("only_missing_outputs") else lacking(pipeline, catalog, run_params)
        if line := missing or unwritable(pipeline, catalog):
            raise InputError(line)
