"""Settings of the stages ``features`` and ``evaluate``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.schema import Settings


class FeaturesSettings(Settings):
    """``params:features``."""

    grid: int = Field(default=4, ge=1)
    """Side that every layer is max-pooled to (paper 5.1)."""
    batch_size: int = Field(default=256, ge=1)
    """Images at once; features do not depend on it."""


class PublishedRow(Settings):
    """A published result to stand beside ours."""

    features: str
    accuracy: float
    """Per cent."""
    interval: float | None = None
    labels: int
    trained_on: str
    """What the features were learned from."""
    source: str
    """Where it was published."""
    note: str = ""
    """Why it cannot be compared, where it cannot."""


Labels = Annotated[int, Field(ge=1)] | Literal["all"]


class EvaluateSettings(Settings):
    """``params:evaluate``: a protocol as data; by default that of the paper's SVHN experiment (5.2, authors' code)."""

    protocol: str = "svhn1000"
    """The name of the one that the other values are of."""
    classifier: Literal["svm", "nearest"] = "svm"
    """A linear L2-SVM on features, or 1-nearest-neighbour on the pixels of samples (paper A.1)."""
    labels_per_class: Labels = 100
    """Labelled images of each class that the SVM is trained on; all: every one, those of the validation set too."""
    validation: int = Field(default=10_000, ge=1)
    """Images of ``labelled_train`` held out to choose C."""
    selection_draws: int = Field(default=10, ge=1)
    """Draws of labels for each C, averaged to choose it."""
    report_draws: int = Field(default=100, ge=1)
    """Fresh draws with the chosen C, averaged to report."""
    C: tuple[float, ...] = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
    """Candidates, ascending; these are the authors'."""
    samples: tuple[Annotated[int, Field(ge=1)], ...] = (1_000, 10_000, 100_000)
    """With ``classifier: nearest``, sizes of the reference set, ascending."""
    published: tuple[PublishedRow, ...] = ()
    curve: tuple[Labels, ...] = (1, 2, 5, 10, 20, 50, "all")
    """Labels a class of the label-efficiency curve."""
    curve_draws: int = Field(default=10, ge=1)

    @staticmethod
    def laid_over(values: Mapping[str, Any], protocols: Mapping[str, Any]) -> dict[str, Any]:
        """Complete the values of a parameters file by the protocol that they name: what is null is as it is there.

        Raises
        ------
        InputError
            Where there is no protocol of that name.
        """
        if not isinstance(values, Mapping) or "protocol" not in values:
            return values  # type: ignore[return-value]
        if (name := values["protocol"]) not in protocols:
            raise InputError(f"evaluate.protocol must be one of {', '.join(protocols)}, got {name!r}")
        return {**protocols[name], **{key: value for key, value in values.items() if value is not None}}

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        for name in ("C", "samples"):
            found = getattr(self, name)
            if not found or list(found) != sorted(set(found)) or found[0] <= 0:
                raise ValueError(f"{name} must be positive and ascending, got {list(found)}")
        return self

    def judges(self, classifier: str) -> None:
        """Check that the protocol is of a classifier.

        Raises
        ------
        InputError
            Where it is of the other one.
        """
        if self.classifier != classifier:
            pipelines = {"svm": "evaluate", "nearest": "evaluate_samples"}
            raise InputError(
                f"--pipeline={pipelines[classifier]} needs a protocol with classifier {classifier}, and evaluate.protocol "
                f"is {self.protocol}, with {self.classifier}; run `kedro run --pipeline={pipelines[self.classifier]}`, or "
                "choose another"
            )
