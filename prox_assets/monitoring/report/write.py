"""Writes the report into the lake, where the assets link to it, or into a file."""

from dataclasses import dataclass
from pathlib import Path

from prox_assets.lake.errors import LakeError
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.drift.settings import DriftSettings
from prox_assets.monitoring.report.page import Report, assemble, render


@dataclass(frozen=True)
class WrittenReport:
    """A report that was written.

    Attributes:
        place: Path or URL of the page.
        size: Bytes.
        report: The contents of the page.
    """

    place: str
    size: int
    report: Report


def report_path(corpus: str) -> str:
    """Return the path of a corpus's report, relative to the lake."""
    return f"{corpus}/report/index.html"


def report_place(lake: Lake, corpus: str) -> str:
    """Return the path or URL of a corpus's report, written or not."""
    return lake.storage.uri(report_path(corpus))


def report_is_current(lake: Lake, corpus: str, settings: DriftSettings | None = None) -> bool:
    """Tell whether the page in the lake shows the present measurements, judged by these settings.

    Raises:
        LakeError: The lake cannot be read.
    """
    page = lake.storage.read_bytes(report_path(corpus))
    return page is not None and page.endswith(_mark(_version(lake, corpus, settings)))


def _version(lake: Lake, corpus: str, settings: DriftSettings | None) -> str:
    """Return what decides a page's contents: the files of measurements, and how drift is judged."""
    judged = (settings or DriftSettings()).model_dump(mode="json")
    return fingerprint([lake.storage.list_stamps(f"{corpus}/{Table.SHARD_METRICS_HISTORY}"), judged])


def _mark(version: str) -> bytes:
    return f"\n<!-- measurements {version} -->\n".encode()


def write_report(
    lake: Lake, corpus: str, settings: DriftSettings | None = None, output: Path | None = None
) -> WrittenReport:
    """Write a corpus's report atomically, so a reader sees the old page or the new one.

    Args:
        lake: The lake.
        corpus: The corpus.
        settings: Baseline and thresholds of drift.
        output: A file to write instead of the one in the lake; its folder must exist.

    Raises:
        MissingTableError: Nothing has been measured yet.
        LakeError: A file of the lake is damaged, or the page cannot be written.
    """
    version = _version(lake, corpus, settings)  # before reading, so that a change in between shows
    report = assemble(lake, corpus, settings)
    page = render(report).encode() + _mark(version)
    if output is None:
        lake.storage.write_bytes(report_path(corpus), page)
        return WrittenReport(report_place(lake, corpus), len(page), report)
    write_file(output, page)
    return WrittenReport(str(output), len(page), report)


def write_file(output: Path, data: bytes) -> None:
    """Write a file that somebody named, atomically.

    Raises:
        LakeError: It cannot be written.
    """
    temporary = output.with_name(f".{output.name}.unfinished")
    try:
        temporary.write_bytes(data)
        temporary.replace(output)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise LakeError(f"cannot write {output}: {error}. Name a file in a folder that is there.") from error
