"""Reads the authored pages in `pages/*.txt` and puts each page's text between its site's header and footer.

A page file is a sequence of sections, each introduced by a line that starts with "%% ":

    %% site BASE_URL LANGUAGE     a new site; its header and footer follow, and are empty until given
    %% top                        lines that every page of the site begins with
    %% bottom                     lines that every page of the site ends with
    %% page PATH DATE             one page's own lines
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGES_FOLDER = Path(__file__).parent / "pages"
_MARK = "%% "


@dataclass(frozen=True, slots=True)
class Page:
    """A page as a crawler's text extractor would return it.

    Attributes:
        url: Its address.
        text: All of its text.
        language: Its language.
        date: An ISO 8601 day.
        own: Its own lines, without the site's header and footer; empty for pages that are not in page files.
    """

    url: str
    text: str
    language: str
    date: str
    own: str = ""


def read_pages(folder: Path = PAGES_FOLDER) -> list[Page]:
    """Return all pages, ordered by file name and then by section.

    Raises:
        ValueError: A section has an unknown kind.
    """
    return [page for path in sorted(folder.glob("*.txt")) for page in _read_file(path)]


def _read_file(path: Path) -> Iterator[Page]:
    base_url = language = top = bottom = ""
    for kind, arguments, body in _sections(path.read_text(encoding="utf-8")):
        match kind:
            case "site":
                base_url, language = arguments
                top = bottom = ""
            case "top":
                top = body
            case "bottom":
                bottom = body
            case "page":
                address, day = arguments
                yield Page(base_url + address, "\n".join(filter(None, (top, body, bottom))), language, day, body)
            case _:
                message = f"{path}: unknown section {kind!r}"
                raise ValueError(message)


def _sections(text: str) -> Iterator[tuple[str, list[str], str]]:
    """Yield (kind, arguments, body) of each section."""
    for section in f"\n{text}".split(f"\n{_MARK}")[1:]:
        header, _, body = section.partition("\n")
        kind, *arguments = header.split()
        yield kind, arguments, body.rstrip("\n")
