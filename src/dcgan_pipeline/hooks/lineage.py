"""What a ``gan`` led to says so."""

from __future__ import annotations

from typing import Any

from kedro.framework.hooks import hook_impl

from dcgan_pipeline.weights import Weights

GAN = "gan"  # the attribute that holds the digest, and the kind of weights that it is of


class LineageHooks:
    """Mark figures, films, tables and arrays with the ``gan`` that they are of, so that a report mixes no two.

    A node's outputs are of the gan among its inputs or outputs, or of the one that its inputs are marked with. Where
    those are several they stay unmarked, and so does whatever has no ``attrs``.
    """

    @hook_impl
    def after_node_run(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Mark the outputs, before they are saved."""
        found = {gan for data in [*inputs.values(), *outputs.values()] if (gan := _gan_of(data))}
        if len(found) == 1:
            for data in outputs.values():
                attrs = getattr(data, "attrs", None)
                if isinstance(attrs, dict) and not isinstance(data, Weights):
                    attrs.setdefault(GAN, *found)


def _gan_of(data: Any) -> str | None:
    if isinstance(data, Weights) and data.settings.get("kind") == GAN:
        return data.digest()
    attrs = getattr(data, "attrs", None)
    return attrs.get(GAN) if isinstance(attrs, dict) else None
