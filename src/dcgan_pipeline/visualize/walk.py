"""A walk through latent space (paper 6.1, figure 4): its points, the paths between them, how smooth it is, its film."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.edits.annotations import Annotations, labels_of, latent_of
from dcgan_pipeline.errors import InputError, shortened
from dcgan_pipeline.figures.canvas import new_figure, printable, show, tile
from dcgan_pipeline.gan import batch_norm_statistics
from dcgan_pipeline.gan.conditional import ConditionalGenerator, build_generator, labels_in_turn
from dcgan_pipeline.gan.data import to_pixels
from dcgan_pipeline.gan.networks import Generator, initialise
from dcgan_pipeline.gan.sampling import BATCH, draw_latent, load_discriminator, load_generator, sample_latents
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.randomness import torch_stream
from dcgan_pipeline.visualize.film import Film, even
from dcgan_pipeline.visualize.settings import FilmSettings, WalkSettings
from dcgan_pipeline.visualize.spaces import Space, spaces
from dcgan_pipeline.weights import Weights

Path = Literal["straight", "spherical"]
_JUMP = 0.9  # of a step in one of its halves
_TILES = 16  # classes of a film at most


@dataclass(frozen=True)
class Route:
    """The points that a walk visits."""

    z: Tensor
    """float32 (n, latent_dim)."""
    labels: Tensor | None
    """Of a conditional G: the class number of each line between two points, int64 (n - 1,)."""
    said: str
    """What the points are, as a caption ends."""


def find_route(gan: Weights, settings: WalkSettings, seed: int, annotations: dict[str, Any] | None) -> Route:
    """Choose the points: random ones, those of seeds, or the exemplars of concepts.

    Parameters
    ----------
    annotations
        Of this ``gan``, as the catalog has them; none where there are none.

    Raises
    ------
    InputError
        Where a concept has no exemplars, or all of them together are fewer than two.
    """
    shape, kind = gan.settings["architecture"], gan.settings["train"]["latent"]
    classes = shape.get("labels", 0)
    if settings.seeds is not None:
        labels = torch.tensor([each % classes for each in settings.seeds[:-1]]) if classes else None
        said = f"the first samples of the seeds {shortened(settings.seeds)}"
        z = torch.cat([sample_latents(gan, each, 0, 1) for each in settings.seeds])
        return Route(z, labels, said)
    if settings.concepts is not None:
        return _exemplars(gan, settings.concepts, annotations)
    z = draw_latent(settings.points, shape["latent_dim"], kind, torch_stream(seed, "walk"))
    return Route(z, labels_in_turn(len(z) - 1, classes) if classes else None, "drawn at random")


def _exemplars(gan: Weights, concepts: list[str], annotations: dict[str, Any] | None) -> Route:
    known = Annotations.parse_for(annotations, gan).concepts if annotations else {}
    if missing := [name for name in concepts if not known.get(name)]:
        there = f"the annotations of this gan have {shortened(list(known))}" if known else "this gan has no annotations"
        raise InputError(
            f"visualize.latent_walk.concepts must have exemplars, got {shortened(missing)}, and {there}; name others, "
            "annotate samples of this gan, or leave it out"
        )
    chosen = tuple(exemplar for name in concepts for exemplar in known[name])
    if len(chosen) < 2:
        raise InputError(
            f"visualize.latent_walk.concepts must have two exemplars or more, got 1 of {concepts[0]}; name another "
            "concept beside it, or give it more"
        )
    labels = labels_of(chosen)
    said = f"the exemplars of {printable(', '.join(concepts), 80)}"
    return Route(latent_of(chosen), None if labels is None else labels[:-1], said)


def interpolate(points: Tensor, steps: int, path: Path = "straight", latent: str = "uniform") -> Tensor:
    """Join points (n, d) by paths of ``steps`` points each, ends included: (n - 1, steps, d).

    ``straight`` is the paper's. Its middle is nearer to 0 than z are: two independent z have a middle of 0.71 of their
    length. ``spherical`` is a great circle, which keeps the length of normal z, and, where the ends are independent
    draws, their distribution. Uniform z have no such symmetry: a great circle through them leaves the cube that they
    are drawn from. So each number of theirs is taken for the normal number of the same rank, the great circle is one
    of those, and each of its points is as likely a z as its ends are.

    Raises
    ------
    InputError
        Where uniform z lie outside [-1, 1], for ``spherical``.
    """
    share = torch.linspace(0, 1, steps)[:, None]  # (steps, 1)
    if path == "straight":
        return points[:-1, None] * (1 - share) + points[1:, None] * share
    if latent == "uniform" and float(points.abs().max()) > 1:
        raise InputError(
            f"a spherical walk needs z from -1 to 1, as this gan draws them, got {float(points.abs().max()):.3g}; set "
            "visualize.latent_walk.path to straight"
        )
    ends = points.double()
    normal = ends if latent == "normal" else torch.special.ndtri((ends.clamp(-1 + 1e-7, 1 - 1e-7) + 1) / 2)
    circle = _great_circle(normal[:-1, None], normal[1:, None], share.double())
    found = (circle if latent == "normal" else 2 * torch.special.ndtr(circle) - 1).float()
    found[:, 0], found[:, -1] = points[:-1], points[1:]
    return found


def _great_circle(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Turn from start to end, (..., 1, d), while the length goes evenly from the one's to the other's."""
    first, last = start.norm(dim=-1, keepdim=True), end.norm(dim=-1, keepdim=True)
    cosine = (start / first * end / last).sum(-1, keepdim=True).clamp(-1, 1)
    angle = cosine.arccos()  # (..., 1, 1)
    sine = angle.sin()
    turned = (start / first * ((1 - share) * angle).sin() + end / last * (share * angle).sin()) / sine
    turned = turned * (first + (last - first) * share)
    # The same direction is a line already, and opposite ones have no circle of their own.
    return torch.where(sine > 1e-6, turned, start + (end - start) * share)


@dataclass(frozen=True)
class Walk:
    """A walk, and how smooth it is; rows are the lines between two points."""

    images: NDArray[np.uint8]
    """(rows, steps, C, S, S); row i goes from point i to point i + 1, both included."""
    metrics: dict[str, float]
    """See :func:`walk`."""


@torch.no_grad()
def walk(gan: Weights, route: Route, settings: WalkSettings, seed: int, device: torch.device) -> Walk:
    """Generate the images of a walk, and measure its steps.

    A distance is that of :func:`~dcgan_pipeline.visualize.spaces.spaces`. Of each line:

    - ``largest_step``: the largest step between neighbours against the mean. The cross-fade of the two ends, which is a
      straight line in pixels, has 1 there by definition; ``features.cross_fade`` is what it has in D's features. One
      jump and nothing else has as many as there are steps.
    - ``jump``: the largest step is cut in two at its middle z, and the larger half is measured against both: 0.5 for a
      step that is even, 1 for one that is a jump, which is in one of the halves, however often it is cut.

    The metrics are the mean over the lines, ``_std`` their standard deviation, and of ``jump`` the largest.
    ``untrained`` are those of the same walk in the pixels of a G with fresh weights, drawn by the seed: a smooth walk
    rules jumps out, and does not show that anything was learned.
    """
    network, known = load_generator(gan, device), spaces(load_discriminator(gan, device))
    fresh = _untrained(gan, seed, device)
    z = interpolate(route.z, 2 * settings.steps - 1, settings.path, gan.settings["train"]["latent"])
    images, measured = [], []
    for row in range(len(z)):
        label = None if route.labels is None else route.labels[row]
        x = _images(network, z[row], label)  # (2 * steps - 1, C, S, S)
        images.append(to_pixels(x[::2]))
        there = None if label is None else label.to(device)
        found = {name: _smoothness(_described(space, x, there)) for name, space in known.items()}
        found["untrained"] = _smoothness(known["pixels"](_images(fresh, z[row], label)))
        share = torch.linspace(0, 1, len(x), device=x.device)[:, None, None, None]
        found["cross_fade"] = _smoothness(_described(known["features"], x[:1].lerp(x[-1:], share), there))
        measured.append(found)
    return Walk(np.stack(images), _metrics(measured))


def _untrained(gan: Weights, seed: int, device: torch.device) -> Generator | ConditionalGenerator:
    """Make a G of the same architecture with fresh weights, and its statistics over a batch of z."""
    network = build_generator(Architecture.parse(gan.settings["architecture"], "gan.architecture"))
    stream = torch_stream(seed, "untrained generator")
    initialise(network, stream)
    network.to(device).to(memory_format=torch.channels_last)
    z = draw_latent(batch_norm_statistics.BATCH, network.latent_dim, gan.settings["train"]["latent"], stream).to(device)
    labels = (labels_in_turn(len(z), network.labels).to(device),) if isinstance(network, ConditionalGenerator) else ()
    batch_norm_statistics.recompute(network, [(z, *labels) if labels else z])
    return network.eval()


def _images(network: Generator | ConditionalGenerator, z: Tensor, label: Tensor | None) -> Tensor:
    """Images in [-1, 1], (n, C, S, S), all of one class."""
    device = next(network.parameters()).device
    classes = () if label is None else (label.repeat(len(z)),)
    parts = zip(*(whole.split(BATCH) for whole in (z, *classes)), strict=True)
    return torch.cat([network(*(x.to(device) for x in part)).float() for part in parts])


def _described(space: Space, x: Tensor, label: Tensor | None) -> Tensor:
    """Vectors of images of one class, (n, d)."""
    return torch.cat([space(part, *(() if label is None else (label.repeat(len(part)),))) for part in x.split(BATCH)])


def _smoothness(vectors: Tensor) -> dict[str, float] | None:
    """Measure a line whose steps are two vectors of (2 * steps - 1, d) each; none where nothing changes on it."""
    vectors = vectors.double()
    steps = _distance(vectors[:-2:2], vectors[2::2])
    if not float(steps.sum()):
        return None
    k = 2 * int(steps.argmax())
    halves = _distance(vectors[k : k + 2], vectors[k + 1 : k + 3])
    largest = float(steps.max())
    return {
        "largest_step": largest / float(steps.mean()),
        "mean_step": float(steps.mean()),
        "jump": float(halves.max() / halves.sum()),
    }


def _distance(left: Tensor, right: Tensor) -> Tensor:
    return (left - right).square().mean(1).sqrt()


def _metrics(measured: list[dict[str, dict[str, float] | None]]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for space in ("pixels", "features", "untrained"):
        if lines := [line for found in measured if (line := found.get(space))]:
            ratios = [line["largest_step"] for line in lines]
            name = f"latent_walk.{space}"
            metrics |= {
                f"{name}.largest_step": float(np.mean(ratios)),
                f"{name}.largest_step_std": float(np.std(ratios)),
            }
            metrics[f"{name}.mean_step"] = float(np.mean([line["mean_step"] for line in lines]))
            metrics[f"{name}.jump"] = max(line["jump"] for line in lines)
    if fades := [fade["largest_step"] for found in measured if (fade := found.get("cross_fade"))]:
        metrics["latent_walk.features.cross_fade"] = float(np.mean(fades))
    return metrics


def walk_figure(walked: Walk, said: str, settings: WalkSettings, classes: int = 0) -> Figure:
    """Draw the walk, a row a line between two points.

    Parameters
    ----------
    said
        What the points are.
    classes
        Of a conditional G.
    """
    images, numbers = walked.images, walked.metrics
    rows, steps = images.shape[:2]
    how = "in a straight line" if settings.path == "straight" else "on a great circle"
    caption = (
        f"Each row goes {how} from one z to the next, {rows + 1} points in all (paper, figure 4), {said}"
        f"{', with one label a row' if classes else ''}. Smooth changes with a plausible image everywhere are a sign "
        f"of structure learned; sharp jumps, of memory. {_measured(numbers, steps)}"
    )
    width = 7.0
    figure = new_figure(_title(numbers), caption, width, width * rows / steps)
    show(figure.subplots(), tile(images.reshape(-1, *images.shape[2:]), steps))
    return figure


def _title(numbers: dict[str, float]) -> str:
    largest, jump = (numbers.get(f"latent_walk.pixels.{name}") for name in ("largest_step", "jump"))
    if largest is None or jump is None:
        return "A walk that changes nothing"
    return f"A walk {'that jumps' if jump > _JUMP else 'without a jump'}: largest step {largest:.1f} x the mean"


def _measured(numbers: dict[str, float], steps: int) -> str:
    """Say how smooth the walk is, beside what others are."""
    jump = numbers.get("latent_walk.pixels.jump")
    if jump is None:
        return ""

    def said(space: str) -> str:
        name = f"latent_walk.{space}.largest_step"
        return f"{numbers[name]:.2f} ± {numbers[f'{name}_std']:.2f}" if name in numbers else "none"

    inside = ""
    if (fade := numbers.get("latent_walk.features.cross_fade")) is not None:
        inside = f", {said('features')} in D's features (a cross-fade: {fade:.2f})"
    return (
        f"Largest step against the mean of its row: {said('pixels')} in pixels (a cross-fade: 1.00; an untrained G: "
        f"{said('untrained')}; one jump alone: {steps - 1:.2f}){inside}. Of the largest steps, cut in two, the larger "
        f"half is at most {jump:.2f}: 0.50 is even, 1.00 a jump."
    )


def walk_film(gan: Weights, route: Route, walking: WalkSettings, settings: FilmSettings, device: torch.device) -> Film:
    """Film the walk, and back from its last point to its first, so that it can be played in a loop.

    Frames are generated as they are asked for. A conditional G shows each of its classes, 16 at most, all drawn from
    the same z; the labels of the route are for the grid.
    """
    shape = gan.settings["architecture"]
    frames = max(1, round(settings.seconds * settings.rate))
    said = f"From z to z and back to the first, {len(route.z)} points, {route.said}."
    about = {"Title": "A walk through latent space, as a film", "Description": said}
    factor = max(1, settings.side // (shape["image_size"] * (math.isqrt(_tiles(gan) - 1) + 1)))

    def drawn() -> Iterator[NDArray[np.uint8]]:
        network = load_generator(gan, device)
        closed = torch.cat([route.z, route.z[:1]])
        for k in range(len(route.z)):
            line = interpolate(closed[k : k + 2], frames + 1, walking.path, gan.settings["train"]["latent"])[0, :-1]
            for z in line.split(max(1, BATCH // _tiles(gan))):
                yield from _frames(network, z, _tiles(gan), factor)

    return Film(drawn, settings.rate, about)


def _tiles(gan: Weights) -> int:
    return max(1, min(_TILES, gan.settings["architecture"].get("labels", 0)))


@torch.no_grad()
def _frames(
    network: Generator | ConditionalGenerator, z: Tensor, tiles: int, factor: int
) -> Iterator[NDArray[np.uint8]]:
    """Draw one frame a z, uint8 (H, W, 3) with even sides."""
    conditional = isinstance(network, ConditionalGenerator)
    labels = (torch.arange(tiles).repeat(len(z)),) if conditional else ()
    device = next(network.parameters()).device
    inputs = (z.repeat_interleave(tiles, 0), *labels)
    pixels = to_pixels(network(*(x.to(device) for x in inputs)))
    for images in pixels.reshape(len(z), tiles, *pixels.shape[1:]):
        sheet = tile(images, math.isqrt(tiles - 1) + 1, gap=1 if tiles > 1 else 0)
        yield even(sheet.repeat(factor, 0).repeat(factor, 1))
