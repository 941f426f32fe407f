"""What `--params` makes of awkward names, paths and numbers: by the project's own parser, and as the catalog gets it.

Run it from the repository: python benchmarks/params.py
"""

from __future__ import annotations

from pathlib import Path

from dcgan_pipeline.config_loader import ProjectConfigLoader
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.parameters import flat, read_params
from dcgan_pipeline.settings import CONFIG_LOADER_ARGS

CASES = (  # what is typed after --params=, as the program gets it from the shell
    "source=010",
    "source=2024_01",
    "source=1e3",
    "source=on",
    "source=null",
    "source=/pics/my #1",
    "source=/pics/a: b",
    "source=/pics/a=b",
    '"source=/pics/a, b",seed=1',
    '"source=/pics/a ""b"""',
    "source=/pics/${x}",
    "source=~/pics",
    "source=???",
    "checkpoints=~/ck",
    "sample.classes=001",
    "sample.classes=010+1e+5",
    'sample.classes="a+b"+c',
    "sample.classes=null",
    "train.preset=on",
    "evaluate.protocol=2024-01-31",
    "dedup.always_keep=a b/007.png+c#1.png",
    "train.steps=1e3",
    "train.steps=on",
    "train.steps=1_000",
    "train.learning_rate=.inf",
    "train.fused_adam=on",
    "train.fused_adam=true",
    "seed=abc",
    "seed=007",
    "seed=1,seed=2",
    "source=/pics/a, b",
    "evaluate.curve=1+10+all",
)
PLACES = {"source": "raw_images", "checkpoints": "checkpoints"}  # entries that read them
CONF = Path(__file__).parents[1] / "conf"


def main() -> None:
    """Print a table in Markdown."""
    print("| typed after `--params=` | what arrives |\n|---|---|")
    for text in CASES:
        print(f"| `{text}` | {arrives(text)} |")


def arrives(text: str) -> str:
    """Say what the settings, or the catalog's places, get; or why the run is refused."""
    try:
        given = read_params([text])
        loader = ProjectConfigLoader(str(CONF), env="base", runtime_params=given, **CONFIG_LOADER_ARGS)
        parameters, catalog = loader["parameters"], loader["catalog"]
        found = flat(parameters)
        checked(given, parameters)
        found |= {name: catalog[entry]["filepath"] for name, entry in PLACES.items()}
        values = {name: found[name] for name in flat(given)}
    except InputError as error:
        return f"refused: {error}"
    return ", ".join(f"`{value!r}`" for value in values.values()).replace(str(Path.home()), "<home>")


def checked(given: dict, parameters: dict) -> None:
    """Parse what was given, as a run does before its first node."""
    from dcgan_pipeline.parameters import SharedSettings
    from dcgan_pipeline.stages import stage_settings

    SharedSettings.parse({name: value for name, value in given.items() if name in SharedSettings.model_fields}, "")
    for name in given:
        if name in stage_settings() and name != "evaluate":  # which is completed by its protocol
            stage_settings()[name].parse(parameters[name], name)


if __name__ == "__main__":
    main()
