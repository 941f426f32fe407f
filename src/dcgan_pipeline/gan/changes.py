"""Which settings may change while a training is under way, and what is kept of it when they do."""

from __future__ import annotations

import logging
from typing import Any

from dcgan_pipeline.arrays import ID
from dcgan_pipeline.errors import InputError

logger = logging.getLogger(__name__)

CHANGED = "changed:"  # how the event of a row begins that follows a change

# What decides how much is trained and what is said of it, and nothing of what a minibatch does. Not recorded.
REPORTING = {
    *("resume", "log_every", "sample_every", "checkpoint_every", "diagnostics", "quality"),
    *("data", "device_memory"),  # where images wait: batches are the same
    *("preset", "architecture"),  # compared as the shape that they come to
}
LENGTH = ("steps", "epochs")  # but with a decay, which is of the last part of them

# What each minibatch reads anew, so that it can be another for the minibatches to come. Recorded.
MAY_CHANGE = {
    "train.learning_rate": "Adam takes a rate a step",
    "train.decay_epochs": "the rate of a step is computed from the step",
    "train.decay_steps": "likewise",
    "train.beta1": "a moving average may forget faster or slower from now on",
    "train.beta2": "likewise",
    "train.adam_epsilon": "added to a step's denominator",
    "train.weight_decay": "added to a step's gradient",
    "train.batch_size": "Adam's averages are of mean gradients; the order goes on at the same step",
    "train.schedule": "a minibatch updates one network or both, whatever those before did",
    "train.ema": "an average that begins begins at G's weights, one that ends is left out",
    "train.precision": "rounding; weights and optimisers are float32 always",
    "train.fused_adam": "rounding",
    "train.compile": "rounding",
    "train.processes": "rounding; all draw the same numbers",
    "train.batch_norm": "a minibatch is normalised by itself",
    "threads": "rounding, on a CPU",
}
# All others are refused: `seed` names every stream of random numbers, `latent` and `sample_count` what the samples
# through training are drawn from, the architecture and the names of classes what the weights mean, and the rest which
# images were learned from.


def changes(now: dict[str, Any], then: dict[str, Any], file: str) -> list[dict[str, Any]]:
    """Compare the settings of a training with those of the checkpoint that it goes on from.

    Parameters
    ----------
    now, then
        Settings as a checkpoint has them.
    file
        The checkpoint's name, for messages.

    Returns
    -------
    list
        A dictionary a change: step (of the checkpoint), name, from and to.

    Raises
    ------
    InputError
        Where something changed that cannot.
    """
    known = [name for name in _names(now, then) if _value(now, name) != _value(then, name)]
    refused = [name for name in known if name not in MAY_CHANGE]
    if refused:
        said = "; ".join(f"{name} was {_value(then, name)!r} and is {_value(now, name)!r}" for name in refused)
        raise InputError(
            f"train.resume needs the settings of the checkpoint {file}: {said}; change them back, or set train.resume "
            "to false to start anew"
        )
    step = then["step"]
    return [{"step": step, "name": name, "from": _value(then, name), "to": _value(now, name)} for name in known]


def say(found: list[dict[str, Any]]) -> None:
    """Tell which settings are others from here on."""
    for change in found:
        logger.warning("from step %d on, %s", change["step"], described(change))
        if change["name"] == "threads":
            logger.warning(
                "another number of threads adds up in another order: the bits are not those of a training that was "
                "never stopped; threads=%s gives them",
                change["from"],
            )


def described(change: dict[str, Any]) -> str:
    """Say what a setting was and is."""
    return f"{change['name']} is {change['to']}, and was {change['from']}"


def _names(now: dict[str, Any], then: dict[str, Any]) -> list[str]:
    free = REPORTING if _decay_stays(now, then) else REPORTING | set(LENGTH)
    if not now["train"]["initial_gan"]:  # it has done its part: the checkpoint says which one it was
        free = free | {"initial_gan"}
    return [
        *("seed", ID, "training_images"),
        *({"classes"} & then.keys()),  # an earlier version did not keep their names
        *({"threads"} if now.get("threads") and then.get("threads") else ()),  # nor these; a GPU has no use for them
        *(f"architecture.{key}" for key in now["architecture"]),
        *(f"train.{key}" for key in now["train"] if key not in free),
    ]


def _decay_stays(now: dict[str, Any], then: dict[str, Any]) -> bool:
    """Whether the rate falls as it did: to another length it would jump, unless the decay is set anew with it."""
    names = ("decay_epochs", "decay_steps")
    same = all(now["train"][name] == then["train"].get(name) for name in names)
    return same and any(now["train"][name] for name in names)


def _value(settings: dict[str, Any], name: str) -> Any:
    """Look a setting up; a checkpoint of an older version may lack it."""
    found: Any = settings
    for key in name.split("."):
        found = (found or {}).get(key)
    return found
