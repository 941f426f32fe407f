"""``python -m dcgan_pipeline`` in a project's folder is ``kedro run`` there; ``... annotate`` is ``kedro annotate``."""

import sys
from pathlib import Path
from typing import Any

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main(*args: Any, **kwargs: Any) -> Any:
    """Run the project in the working directory; the arguments are those of ``kedro run``, or of ``kedro``."""
    package_name = Path(__file__).parent.name
    configure_project(package_name)
    # click would otherwise end the interpreter, which an interactive session does not want.
    kwargs["standalone_mode"] = not hasattr(sys, "ps1")
    return _command(package_name, args[0] if args else sys.argv[1:])(*args, **kwargs)


def _command(package_name: str, arguments: Any) -> Any:
    from dcgan_pipeline.cli import cli

    named = isinstance(arguments, list | tuple) and len(arguments) > 0 and arguments[0] in cli.commands
    return cli if named else find_run_command(package_name)


if __name__ == "__main__":
    main()
