"""The project that an error surfaces in: where its settings are, and what was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dcgan_pipeline.config_loader import ProjectConfigLoader


@dataclass
class Here:
    """What the hooks know of the session that came last; nothing, where none has begun."""

    conf: Path | None = None  # on this machine; none for an archive or an address
    env: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    loader: ProjectConfigLoader | None = None
    catalog: Any = None
    run_params: dict[str, Any] = field(default_factory=dict)

    @property
    def folders(self) -> list[Path]:
        """The folders that settings are read from, the later over the earlier."""
        names = dict.fromkeys(["base", self.env or "local"])
        return [self.conf / name for name in names if (self.conf / name).is_dir()] if self.conf else []


here = Here()
