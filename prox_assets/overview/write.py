"""Writes the overview's page, into the lake where the asset links to it, or into a file."""

from pathlib import Path
from urllib.parse import quote

from prox_assets.lake.lake import Lake
from prox_assets.monitoring.report.write import report_path, report_place, write_file
from prox_assets.overview.contents import CorpusOverview, LakeOverview
from prox_assets.overview.page import LinksOf, render

FOLDER = "_overview"
PAGE = f"{FOLDER}/index.html"
NUMBERS = f"{FOLDER}/overview.json"


def write_overview(lake: Lake, overview: LakeOverview, links_of: LinksOf | None = None) -> str:
    """Write page and numbers into the lake, each atomically; return the page's path or URL.

    Args:
        lake: The lake.
        overview: What they say.
        links_of: Where the pages about a corpus are; by default, links lead to the reports in the lake.

    Raises:
        LakeError: The lake cannot be written.
    """
    lake.storage.write_bytes(PAGE, render(overview, links_of or _beside).encode())
    lake.storage.write_bytes(NUMBERS, overview.model_dump_json(indent=1).encode())
    return lake.storage.uri(PAGE)


def write_page(lake: Lake, overview: LakeOverview, output: Path) -> None:
    """Write the page to a file, atomically; its links lead to the reports in the lake.

    Raises:
        LakeError: The file cannot be written.
    """

    def links_of(corpus: CorpusOverview) -> list[tuple[str, str]]:
        place = report_place(lake, corpus.corpus)
        return [("Report", Path(place).as_uri() if lake.storage.is_local else place)] if corpus.has_report else []

    write_file(output, render(overview, links_of).encode())


def _beside(corpus: CorpusOverview) -> list[tuple[str, str]]:
    return [("Report", f"../{quote(report_path(corpus.corpus))}")] if corpus.has_report else []
