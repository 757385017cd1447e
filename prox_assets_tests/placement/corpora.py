"""A corpus of several shards for tests of placement: its defs.yaml, and its rows as a plain run makes them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from prox_assets.lake.lake import Lake
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.run import silent
from prox_assets.stages.running.pipeline import refine_shards
from prox_assets.stages.settings import RefinementSettings
from prox_assets.testing.comparable_rows import COMPARED, comparable_rows
from prox_assets_tests.stages.shard_runs import write_pages

CORPUS = "harbour"
PROSE = "\n".join(f"The {n}th boat of the day left the harbour with the tide, and that was that." for n in range(12))
PROX = [sys.executable, "-c", "from prox_assets.cli import main; main()"]
ROOT = str(Path(__file__).parent.parent.parent)


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process that imports this checkout."""
    return {**os.environ, "PYTHONPATH": ROOT, "PYTHONWARNINGS": "ignore", **more}


def write_corpus(folder: Path, shards: int = 3, documents: int = 5, **attributes: Any) -> Path:
    """Write raw files and a defs.yaml; return the latter."""
    for shard in range(shards):
        pages = [f"Home | About\n{PROSE}\n{shard}.{n}\nShare on Facebook" for n in range(documents)]
        write_pages(folder / "raw" / f"part-{shard}.jsonl", [*pages, "", "buy " * 300])
    component = {
        "type": "prox_assets.RefinedCorpus",
        "attributes": {"corpus": CORPUS, "urls": [str(folder / "raw" / "*.jsonl")], **attributes},
    }
    path = folder / "defs.yaml"
    path.write_text(yaml.safe_dump(component))
    return path


def settings_in(path: Path) -> RefinementSettings:
    """Return the settings of a defs.yaml that concern refinement."""
    attributes = yaml.safe_load(path.read_text())["attributes"]
    known = RefinementSettings.model_fields
    return RefinementSettings.model_validate({name: value for name, value in attributes.items() if name in known})


def discover(path: Path, lake: str) -> list[str]:
    """Record a corpus's shards in a lake; return their keys."""
    return [shard.key for shard in discover_shards(Lake(lake), settings_in(path).plan, "discovery").shards]


def refine(path: Path, lake: str) -> None:
    """Take all shards through all stages in this process."""
    plan, opened = settings_in(path).plan, Lake(lake)
    shards = discover_shards(opened, plan, "plain").shards
    result = refine_shards(opened, plan, shards, "plain", report=lambda _stage, _shard: silent)
    assert not result.errors


def rows(lake: str, *, without: frozenset[str] = frozenset()) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return every row of a lake that two runs have to agree on, by table and shard."""
    opened = Lake(lake)
    return {
        (table, shard): [
            {name: value for name, value in row.items() if name not in without}
            for row in comparable_rows(opened, CORPUS, table, shard)
        ]
        for table in COMPARED
        for shard in opened.shards(CORPUS, table)
    }


def stage(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `prox stage` to its end."""
    command = [*PROX, "stage", *map(str, arguments)]
    return subprocess.run(command, env=env or environment(), capture_output=True, text=True, check=False)


def events(output: str) -> list[dict[str, Any]]:
    """Read standard output: nothing but events, one a line."""
    return [json.loads(line) for line in output.splitlines()]
