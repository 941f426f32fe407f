"""Numbers that YAML 1.1 reads as others than are written: 064 is 52, in octal, and 1:30 is 90, in minutes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

_MAY_BE = re.compile(r"(^|[\s\[,:{])[-+]?(0[0-9_]+|[0-9_]+:[0-5]?[0-9])")  # or is in quotes
_IS = re.compile(r"[-+]?(0[0-9_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")
_KINDS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def misread(text: str) -> str | None:
    """Say which number in a YAML text is read as another one, and how to write it; None where there is none.

    Raises
    ------
    yaml.YAMLError
        Where it is no YAML.
    """
    if not _MAY_BE.search(text):
        return None
    for node in _scalars(yaml.compose(text, Loader=yaml.SafeLoader)):
        if node.tag in _KINDS and _IS.fullmatch(node.value):
            value = yaml.safe_load(node.value)
            fix = "" if ":" in node.value else f"{int(node.value)}, or "
            read = f"YAML reads {node.value} in line {node.start_mark.line + 1} as {value}"
            return f"{read}; write {fix}'{node.value}' where it is a text"
    return None
    for node in _scalars(yaml.compose(text, Loader=yaml.SafeLoader)):
        if node.tag in _KINDS and _IS.fullmatch(node.value):
            value = yaml.safe_load(node.value)
            fix = "" if ":" in node.value else f"{int(node.value)}, or "
            line = node.start_mark.line + 1
            return (
                f"YAML reads {node.value} in line {line} as {value}; write {fix}'{node.value}', in quotes, for a text"
            )
    return None


def _scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            yield from _scalars(inner)
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            for inner in pair:
                yield from _scalars(inner)
