"""What happens around a run: settings checked first, MLflow kept honest, problems in one line, a summary at the end."""

from __future__ import annotations

import atexit
import logging
import signal
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import AbstractVersionedDataset, CatalogProtocol, MemoryDataset
from kedro.pipeline import Pipeline

from dcgan_pipeline.datasets.written_whole import saved_bytes
from dcgan_pipeline.errors import InputError

# Parameters beside the stages' own; all but the first two are places, for `--params=source=...`.
SHARED = ("seed", "device", "source", "labelled_source", "test_source", "checkpoints")


class ProtocolHooks:
    """Complete ``params:evaluate`` by the protocol that it names, so that every node and MLflow see the whole of it."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Read `protocols.yml`, as every file of settings is read: an environment's over those of `base`."""
        self._protocols = context.config_loader["protocols"]

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        """Put the completed settings in the place of the given ones."""
        from dcgan_pipeline.representation.settings import EvaluateSettings

        parameters = catalog.load("parameters")
        if "evaluate" in parameters:
            completed = EvaluateSettings.laid_over(parameters["evaluate"], self._protocols)
            for name, value in (("parameters", parameters | {"evaluate": completed}), ("params:evaluate", completed)):
                cast(MemoryDataset, catalog.get(name)).save(value)  # `catalog[name] = value` would be warned of


class SettingsHooks:
    """Refuse wrong settings of any stage before the first node, and before an MLflow run is opened."""

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Parse the settings of every stage that is about to run."""
        from dcgan_pipeline.devices import resolve_device
        from dcgan_pipeline.engine import EngineSettings
        from dcgan_pipeline.gan.conditional import refuse_conditional
        from dcgan_pipeline.gan.settings import ImportSettings, TrainSettings, resolve_architecture
        from dcgan_pipeline.hashing.settings import DedupSettings
        from dcgan_pipeline.imaging.settings import FacesSettings, PreprocessSettings
        from dcgan_pipeline.inspection.settings import SampleSettings, VisualizeSettings
        from dcgan_pipeline.representation.baselines import BaselinesSettings
        from dcgan_pipeline.representation.labelled import check_labelled
        from dcgan_pipeline.representation.settings import EvaluateSettings, FeaturesSettings

        schemas: dict[str, Any] = {
            "engine": EngineSettings,
            "faces": FacesSettings,
            "preprocess": PreprocessSettings,
            "dedup": DedupSettings,
            "train": TrainSettings,
            "features": FeaturesSettings,
            "evaluate": EvaluateSettings,
            "baselines": BaselinesSettings,
            "visualize": VisualizeSettings,
            "sample": SampleSettings,
            "import_weights": ImportSettings,
        }
        given = catalog.load("parameters")
        known = [*schemas, *SHARED]
        for name in given:
            if name not in known:
                raise InputError(f"{name} is not a setting; the settings are: {', '.join(known)}")
        needed = [stage for stage in schemas if f"params:{stage}" in pipeline.inputs()]
        parsed = {stage: schemas[stage].parse(given[stage], stage) for stage in needed}
        if "params:device" in pipeline.inputs():
            resolve_device(given["device"])
        if "train" in parsed and "preprocess" in parsed:  # the images are yet to be made: they will fit, or not
            train, made = parsed["train"], parsed["preprocess"]
            shape = (1, made.channels, made.image_size, made.image_size)
            architecture = resolve_architecture(train.preset, train.architecture, shape)
            if "features" in parsed:
                refuse_conditional(architecture.model_dump(), "features need")
        if "evaluate" in parsed:
            made = {name for node in pipeline.nodes for name in node.outputs}
            for name in ("evaluation", "label_curve", "comparison", "sample_evaluation"):
                if name in made:
                    parsed["evaluate"].judges("nearest" if name == "sample_evaluation" else "svm")
        if "evaluate" in parsed and "labelled_train" in pipeline.inputs():
            judged = parsed["evaluate"]
            if "label_curve" in made and "evaluation" not in made:
                judged = judged.model_copy(update={"labels_per_class": judged.fewest_of_curve})
            check_labelled(catalog.load("labelled_train"), catalog.load("labelled_test"), judged, given["seed"])


class TrackingHooks:
    """Complete what kedro-mlflow logs: the run's name, versions of data read and written, metrics, figures.

    A dataset with ``metadata: {mlflow: {artifact: <folder>}}`` in the catalog is attached to the run; what is saved
    as a ``MetricsDataset`` becomes metrics of the same names; the generator of a GAN with ``metadata: {mlflow: {model:
    <name>}}`` becomes a model that MLflow can serve.
    """

    @hook_impl
    def after_context_created(self) -> None:
        """Quiet kedro-mlflow, which sets its own level when it is imported and says everything once a node."""
        for name in ("kedro_mlflow", "mlflow.pyfunc"):
            logging.getLogger(name).setLevel(logging.WARNING)

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        """Remember the catalog, for the versions of its datasets."""
        self._catalog = catalog

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Name the run after what it runs and what was changed, so that two runs can be told apart."""
        import mlflow

        if mlflow.active_run():
            mlflow.set_tag("mlflow.runName", run_name(run_params))

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str) -> None:
        """Tag the run with the version that was read."""
        self._tag_version("load", dataset_name)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Tag the run with the version that was written; log metrics, figures and models."""
        import mlflow

        self._tag_version("save", dataset_name)
        if not mlflow.active_run():
            return
        dataset = self._catalog.get(dataset_name)
        if type(dataset).__name__ == "MetricsDataset":
            mlflow.log_metrics(data)
        wanted = (getattr(dataset, "metadata", None) or {}).get("mlflow") or {}
        if folder := wanted.get("artifact"):
            log_file(dataset, folder)
        if name := wanted.get("model"):
            from dcgan_pipeline.serving import log_generator

            log_generator(data, name)

    def _tag_version(self, how: str, name: str) -> None:
        import mlflow

        if name.startswith("params:") or not mlflow.active_run():
            return
        dataset = self._catalog.get(name)
        if isinstance(dataset, AbstractVersionedDataset) and dataset._version:
            resolve = dataset.resolve_load_version if how == "load" else dataset.resolve_save_version
            mlflow.set_tag(f"{how}.{name}", resolve())
        elif type(dataset).__name__ == "RawImagesDataset":  # raw images have no versions, but they have a place
            mlflow.set_tag(f"{how}.{name}", dataset._location)  # type: ignore[union-attr]


def log_file(dataset: Any, folder: str) -> None:
    """Attach the file that was just saved to the active run, wherever it is stored."""
    import mlflow

    path = Path(dataset._get_load_path())
    if dataset._protocol == "file":
        mlflow.log_artifact(str(path), folder)
        return
    with tempfile.TemporaryDirectory() as local:
        (Path(local) / path.name).write_bytes(saved_bytes(dataset))
        mlflow.log_artifact(str(Path(local) / path.name), folder)


def run_name(run_params: dict[str, Any]) -> str:
    """Say in a few words what a run was: pipelines, environment, changed parameters."""
    names = run_params.get("pipeline_names") or ["__default__"]
    parts = ["all stages" if names == ["__default__"] else "+".join(names)]
    if run_params.get("env") not in (None, "local"):
        parts.append(run_params["env"])
    parts += [f"{name}={value}" for name, value in _flat(run_params.get("runtime_params") or {})]
    return " · ".join(parts)


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        inner = isinstance(value, dict)
        found += _flat(value, f"{prefix}{name}.") if inner else [(prefix + name, value)]
    return found


class RunEndHooks:
    """Give every MLflow run its true end, once.

    kedro-mlflow opens the run again for every node and closes one of them, so that in a notebook the next
    ``session.run`` would go on in the same run. Ctrl-C would leave a run FINISHED, and SIGTERM RUNNING for ever: both
    become KILLED.
    """

    def __init__(self) -> None:
        self._running = False
        self._ours = False
        self._previous: Any = None
        self._registered = False

    @hook_impl(tryfirst=True)
    def after_context_created(self) -> None:
        """Close what an interrupted run of this process left open; a run that somebody else opened is theirs."""
        import mlflow

        self._killed()
        self._ours = mlflow.active_run() is None

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Watch for the end of the process from here on."""
        self._running = True
        if not self._registered:
            atexit.register(self._killed)  # the last registered runs first: before MLflow's own, which says FINISHED
            self._registered = True
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._terminate)

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """The run ended well."""
        self._end("FINISHED")

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """The run failed."""
        self._end("FAILED")

    def _killed(self) -> None:
        if self._running:
            self._end("KILLED")

    def _end(self, status: str) -> None:
        import mlflow

        self._running = False
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)
            self._previous = None
        while self._ours and mlflow.active_run():
            mlflow.end_run(status)

    @staticmethod
    def _terminate(signum: int, frame: Any) -> None:
        sys.exit(128 + signum)  # as an exception, so that saves clean up behind themselves


class ProblemHooks:
    """Print what a user can mend as one line, without a traceback."""

    @hook_impl
    def after_context_created(self) -> None:
        """Put a reader of errors before the one that is there (rich's, with Kedro's logging)."""
        if sys.excepthook is not _explain:
            _previous_hook[:] = [sys.excepthook]
            sys.excepthook = _explain


_previous_hook: list[Any] = []


def _explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    problem: BaseException | None = error
    while problem is not None and not isinstance(problem, InputError):
        problem = problem.__cause__ or problem.__context__
    if problem is None:
        _previous_hook[0](kind, error, trace)
    else:
        sys.stderr.write(f"\nerror: {problem}\n")


class SummaryHooks:
    """End a run with a short table: what came in, what came out, how good it is, where the pictures are."""

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        """Begin anew."""
        self._catalog = catalog
        self._metrics: dict[str, float] = {}
        self._pictures: dict[str, Path] = {}

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Keep the metrics, and where the figures are."""
        dataset = self._catalog.get(dataset_name)
        kind = type(dataset).__name__
        if kind == "MetricsDataset":
            self._metrics |= data
        elif kind in ("FigureDataset", "AnimationDataset", "FileFolderDataset"):
            self._pictures[dataset_name] = Path(dataset._get_load_path())  # type: ignore[union-attr]

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Print the table."""
        from dcgan_pipeline.summary import print_summary

        print_summary(run_name(run_params), self._metrics, self._pictures)
