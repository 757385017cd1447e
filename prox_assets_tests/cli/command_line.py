"""`prox` in this process, and what several tests of its commands ask of it."""

from pathlib import Path

from typer.testing import CliRunner

from prox_assets.cli import app
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table

PROSE = (
    "The river rises in the hills to the north of the town and runs for forty miles to the sea. "
    "In winter it floods the meadows, and the people who live there have learned to move their cattle early. "
    "A mill stood on its bank for three hundred years, and the stones of the old weir can be seen at low water. "
    "The museum tells the story of the mill and of the families that worked in it until the last war."
)
PAGE = f"Home | About us | Contact\n{PROSE}\n{PROSE[::-1]}\nShare on Facebook"


def prox(*arguments: str | Path, expected: int = 0, columns: int = 80) -> str:
    """Run a command on a terminal of so many columns; return what it printed, both streams."""
    result = CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": str(columns)})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == expected, result.output
    return result.output


def one_line(output: str) -> str:
    return " ".join(output.split())


def snapshot(lake: Path) -> dict[str, int]:
    return {str(path.relative_to(lake)): path.stat().st_mtime_ns for path in lake.rglob("*") if path.is_file()}


def metrics(lake: Path, corpus: str, shard: str) -> dict:
    [row] = Lake(str(lake)).rows(corpus, Table.SHARD_METRICS, shard)
    return row
