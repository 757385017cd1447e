"""Rows as a table for people, or as CSV, JSON or Parquet for programs: the options --format and --output.

Corpus text is hostile: tables make control characters visible, and the other formats escape them by their own rules.
"""

import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import typer
from rich import box
from rich.table import Table
from rich.text import Text

from prox_assets.catalog.printable import printable
from prox_assets.cli.console import console, fail

Format = Literal["table", "csv", "json", "parquet"]
FormatOption = Annotated[Format, typer.Option("--format", help="How rows are printed; parquet needs --output.")]
OutputOption = Annotated[Path | None, typer.Option("--output", help="File to write the rows to, instead of printing.")]
LIMIT_HELP = "Maximum number of rows to show."

CELL_CHARACTERS = 100
# Nobody reads more rows in a terminal; the other formats have no such limit.
TABLE_ROWS = 200
WIDE_COLUMNS, TALL_ROWS = 10, 4
_IDS = ("doc_id", "doc_id_second", "example")


def show_rows(rows: pa.Table, form: Format, output: Path | None) -> None:
    """Print rows or write them to a file; exit with an error if that fails."""
    try:
        if form == "table":
            _print_table(rows, output)
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


def _print_table(rows: pa.Table, output: Path | None) -> None:
    shown = rows.slice(0, TABLE_ROWS).to_pylist()
    tall = rows.num_columns > WIDE_COLUMNS and len(shown) <= TALL_ROWS
    table = _tall_table(shown) if tall else _wide_table(rows.schema, shown)
    if output is not None:
        with output.open("w", encoding="utf-8") as file:
            type(console)(file=file, width=console.width).print(table)
        return
    if not shown:
        console.print("no rows")
        return
    console.print(table)
    if rows.num_rows > TABLE_ROWS:
        console.print(
            f"{TABLE_ROWS} of {rows.num_rows:,} rows; --format csv, json or parquet gives all", highlight=False
        )


def _wide_table(schema: pa.Schema, shown: list[dict[str, Any]]) -> Table:
    table = _table()
    for field in schema:
        numeric = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        # People copy ids, so they are never wrapped.
        is_id = field.name in _IDS
        table.add_column(_heading(field.name), justify="right" if numeric else "left", overflow="fold", no_wrap=is_id)
    for row in shown:
        table.add_row(*(Text(_cell(name, value)) for name, value in row.items()))
    return table


def _tall_table(shown: list[dict[str, Any]]) -> Table:
    """Return a table with one line per column, for rows that are too wide for a terminal."""
    table = _table(show_header=False)
    table.add_column(no_wrap=True, style="dim")
    for _ in shown:
        table.add_column(justify="right", overflow="fold")
    for name in shown[0] if shown else ():
        table.add_row(_heading(name), *(Text(_cell(name, row[name])) for row in shown))
    return table


def _table(**settings: Any) -> Table:  # noqa: ANN401 (rich's own)
    return Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False, **settings)


def _heading(name: str) -> Text:
    """Return a column's name with spaces, so it wraps between words."""
    return Text(printable(name).replace("_", " "))


def _cell(name: str, value: object) -> str:
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
