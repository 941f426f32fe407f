"""Settings of the stages ``features`` and ``evaluate``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.schema import Settings, unless


class FeaturesSettings(Settings):
    """``params:features``."""

    grid: int = Field(default=4, ge=1)
    """Side that every layer is max-pooled to (paper 5.1)."""
    layers: tuple[int, ...] | None = None
    """Convolutions to take features of, 0 the first; None: all of them (paper 5.1)."""
    batch_size: int = Field(default=256, ge=1)
    """Images at once; features do not depend on it."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of convolutions, under autocast."""
    dtype: Literal["float32", "float16"] = "float32"
    """Of the features on disk; float16 takes half of it, and rounds to 11 bits."""
    copies: Literal["hold_out", "keep"] = "hold_out"
    """What becomes of labelled training images that repeat a test image: held out of all draws of labels, or, for the
    published splits of published tables, counted and kept."""

    @model_validator(mode="after")
    def _layers(self) -> Self:
        if self.layers is not None and (not self.layers or len(set(self.layers)) < len(self.layers)):
            raise ValueError(f"layers must name one convolution or more, each once, got {list(self.layers)}")
        return self


class KMeansSettings(Settings):
    """The baseline of features learned by k-means (Coates, Lee & Ng 2011; Coates & Ng 2012)."""

    maps: int = Field(default=4800, ge=2)
    """Centroids (paper, table 1)."""
    patch: int = Field(default=6, ge=2)
    """Side of a patch in pixels (authors' code)."""
    patches: int = Field(default=400_000, ge=2)
    """Patches drawn from the training images (our choice)."""
    contrast_floor: float = Field(default=10, gt=0)
    """Added to the variance of a patch's grey levels before it is divided out (authors' code)."""
    whitening_floor: float = Field(default=0.1, gt=0)
    """Added to the variances of the normalised patches along their principal axes (authors' code)."""
    passes: int = Field(default=20, ge=1)
    """Of k-means over the patches (our choice)."""
    grid: int = Field(default=2, ge=1)
    """Cells along a side, over each of which a map is summed (authors' code: quadrants)."""

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.patches < self.maps:
            raise ValueError(f"patches must be at least maps, got {self.patches} and {self.maps}")
        return self


class PcaSettings(Settings):
    """The baseline of principal components of raw pixels."""

    components: int = Field(default=256, ge=1)
    """Of most variance, that are kept."""
    images: int = Field(default=10_000, ge=2)
    """Training images that the axes are fitted to, drawn at random: they are in memory together."""


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
    """Why it cannot be compared, where it never can."""
    beside: str | None = None
    """The images that a GAN must have learned from to be compared with it: a name for ``learned_from``."""


_NAMES = ("learned_from", "judged_on")
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
    published_of: str = ""
    """The labelled images that the published results are of."""
    test_images: int | None = Field(default=None, ge=1)
    """How many images they were tested on."""
    learned_from: str = ""
    """The name of the images that the GAN learned from; published rows are compared by it."""
    judged_on: str = ""
    """The name of the labelled images, likewise."""
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

    @property
    def fewest_of_curve(self) -> Labels:
        """What a class must have for one point of the curve: points with more labels than it has are left out."""
        return "all" if "all" in self.curve else min(int(count) for count in self.curve)

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        for name in ("C", "samples"):
            found = getattr(self, name)
            if not found or list(found) != sorted(set(found)) or found[0] <= 0:
                raise ValueError(f"{name} must be positive and ascending, got {list(found)}")
        return self

    def inert(self) -> dict[str, str]:
        """A classifier has settings of its own; all labels are one draw; names are for published results."""
        reason = f"evaluate.protocol is {self.protocol}, with classifier {self.classifier}"
        svm = ("labels_per_class", "validation", "selection_draws", "report_draws", "C", "curve", "curve_draws")
        every = "evaluate.labels_per_class is all: there is one draw of them"
        return {
            **unless(bool(self.published), f"evaluate.protocol {self.protocol} has no published results", *_NAMES),
            **unless(self.labels_per_class != "all", every, "selection_draws", "report_draws"),
            **unless(self.classifier == "svm", reason, *svm),
            **unless(self.classifier == "nearest", reason, "samples"),
        }

    def require_classifier(self, classifier: str) -> None:
        """Check that the protocol is of a classifier.

        Raises
        ------
        InputError
            Where it is of the other one.
        """
        if self.classifier != classifier:
            theirs = {"svm": "evaluate", "nearest": "evaluate_samples"}[self.classifier]
            raise InputError(
                f"evaluate.protocol must be one with classifier {classifier} here, got {self.protocol} with "
                f"{self.classifier}; choose another, or run `kedro run --pipeline={theirs}`"
            )
