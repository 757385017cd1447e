"""The report as a browser would read it."""

from html.parser import HTMLParser

from prox_assets.lake.lake import Lake
from prox_assets.monitoring.report.page import assemble, render
from prox_assets_tests.monitoring.report.lakes import (
    CORPUS,
)


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(lake: Lake) -> Page:
    return Page(render(assemble(lake, CORPUS)))


def assert_harmless(page: Page) -> None:
    assert not page.tags & {"script", "img", "iframe", "object", "embed", "link", "form", "base", "video", "audio"}
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    links = [value for name, value in page.attributes if name in ("href", "src", "xlink:href", "action")]
    assert links
    assert all(value is not None and value.startswith("#") for value in links)
