"""Rows as a table for people, or as CSV, JSON or Parquet for programs: the options --format and --output.

Corpus text is hostile: tables make control characters visible, and the other formats escape them by their own rules.
"""

import json
import sys
import textwrap
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import typer
from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from prox_assets.catalog.printable import printable
from prox_assets.cli.console import console, fail

Format = Literal["table", "csv", "json", "parquet"]
FormatOption = Annotated[Format, typer.Option("--format", help="How rows are printed; parquet needs --output.")]
OutputOption = Annotated[Path | None, typer.Option("--output", help="File to write the rows to, instead of printing.")]
LIMIT_HELP = "Maximum number of rows to show."

CELL_CHARACTERS = 200
# Nobody reads more rows in a terminal; the other formats have no such limit.
TABLE_ROWS = 200
# Between two columns of a table.
GAP = 2
_NUMERIC = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)


def show_rows(rows: pa.Table, form: Format, output: Path | None, *, verbatim: bool = False) -> None:
    """Print rows or write them to a file; exit with an error if that fails.

    Args:
        rows: The rows.
        form: The format.
        output: The file; None prints.
        verbatim: In tables, show column names and numbers as they are rather than as people like to read them.
    """
    try:
        if form == "table":
            _print_table(rows, output, _verbatim if verbatim else _readable, verbatim)
        elif form == "json":
            _write(json.dumps(rows.to_pylist(), default=_plain, ensure_ascii=False, indent=1) + "\n", output)
        elif form == "csv":
            sink = pa.BufferOutputStream()
            pyarrow.csv.write_csv(_flat(rows), sink)
            _write(sink.getvalue().to_pybytes().decode(), output)
        elif output is None:
            raise fail("--format parquet needs --output FILE")
        else:
            pyarrow.parquet.write_table(rows, output)
    except OSError as error:
        raise fail(f"cannot write {output}: {error}") from error


def _print_table(rows: pa.Table, output: Path | None, cell: Callable[[str, object], str], verbatim: bool) -> None:
    names = [printable(name) if verbatim else printable(name).replace("_", " ") for name in rows.column_names]
    shown = [[cell(name, value) for name, value in row.items()] for row in rows.slice(0, TABLE_ROWS).to_pylist()]
    if output is not None:
        with output.open("w", encoding="utf-8") as file:
            _draw(type(console)(file=file, width=console.width), rows.schema, names, shown, verbatim)
        return
    if not shown:
        console.print("no rows")
        return
    _draw(console, rows.schema, names, shown, verbatim)
    if rows.num_rows > TABLE_ROWS:
        console.print(
            f"{TABLE_ROWS} of {rows.num_rows:,} rows; --format csv, json or parquet gives all", highlight=False
        )


def _draw(place: Console, schema: pa.Schema, names: list[str], shown: list[list[str]], verbatim: bool) -> None:
    """Draw rows as a table, as one turned on its side, or as blocks: the first that breaks nothing people copy."""
    longest = cell_len if verbatim else _longest_word
    columns = [
        max((longest(name), *map(longest, column)))
        for name, column in zip(names, _columns(shown, len(names)), strict=True)
    ]
    rows = [max(map(longest, row)) for row in shown]
    if _width(columns) <= place.width:
        table = _table()
        for field, name, width, column in zip(schema, names, columns, _columns(shown, len(names)), strict=True):
            numeric = any(kind(field.type) for kind in _NUMERIC)
            # rich takes room from any column that may wrap, whatever its minimum.
            whole = all(cell_len(text) <= width for text in column)
            heading = "\n".join(textwrap.wrap(name, width)) if whole and cell_len(name) > width else name
            table.add_column(Text(heading), justify="right" if numeric else "left", no_wrap=whole, min_width=width)
        for row in shown:
            table.add_row(*map(Text, row))
        place.print(table)
    elif len(shown) > 1 and _width([max(map(cell_len, names)), *rows]) <= place.width:
        table = _table(show_header=False)
        table.add_column(no_wrap=True, style="dim")
        for width in rows:
            table.add_column(justify="right", min_width=width)
        for name, column in zip(names, _columns(shown, len(names)), strict=True):
            table.add_row(Text(name), *map(Text, column))
        place.print(table)
    else:
        _draw_blocks(place, names, shown)


def _columns(shown: list[list[str]], count: int) -> list[tuple[str, ...]]:
    return list(zip(*shown, strict=True)) if shown else [()] * count


def _width(columns: list[int]) -> int:
    return sum(columns) + GAP * len(columns)


def _longest_word(text: str) -> int:
    """Return the width of what has to stay in one line: prose and headings may wrap between words."""
    return max(map(cell_len, text.split()), default=0)


def _table(**settings: Any) -> Table:  # noqa: ANN401 (rich's own)
    return Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False, **settings)


def _draw_blocks(place: Console, names: list[str], shown: list[list[str]]) -> None:
    width = max(map(cell_len, names)) + GAP
    for number, row in enumerate(shown):
        if number:
            place.print()
        for name, text in zip(names, row, strict=True):
            # The terminal wraps long values, so they are copied whole.
            place.print(Text.assemble((set_cell_size(name, width), "dim"), text), soft_wrap=True)


def _verbatim(_: str, value: object) -> str:
    """Return a value as SQL gave it; only long texts are cut."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | int | Decimal):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat(*(" ",) if isinstance(value, datetime) else ())
    return _text(value)


def _readable(name: str, value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.1%}" if _is_share(name) else f"{value:,.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return _text(value)


def _text(value: object) -> str:
    text = printable(value if isinstance(value, str) else json.dumps(value, default=_plain, ensure_ascii=False))
    return text if len(text) <= CELL_CHARACTERS else text[:CELL_CHARACTERS] + "…"


def _is_share(name: str) -> bool:
    return name in ("share", "retention") or name.endswith(("_share", "_retention", "_rate"))


def _plain(value: Any) -> str:  # noqa: ANN401 (whatever JSON does not know)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _flat(rows: pa.Table) -> pa.Table:
    """Return the rows with lists and structs as JSON, because CSV has neither."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_nested(field.type):
            texts = [
                None if value is None else json.dumps(value, default=_plain, ensure_ascii=False)
                for value in rows.column(place).to_pylist()
            ]
            rows = rows.set_column(place, field.name, pa.array(texts, pa.string()))
    return rows


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")
