"""Templates: every text is escaped, and characters that a browser or reader would obey are made visible first."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from prox_assets import __version__
from prox_assets.browser import links
from prox_assets.browser.settings import Browser
from prox_assets.catalog.printable import printable
from prox_assets.catalog.trace import sentences
from prox_assets.lake.schemas import Judgement, Outcome
from prox_assets.monitoring.report.charts import stacked
from prox_assets.monitoring.report.page import number, percent, utc

_ROOMS = ("browser", "catalog.trace", "overview", "monitoring.report")
SAFE_ADDRESSES = ("http://", "https://")


def page(request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
    """Return a page."""
    browser: Browser = request.app.state.browser
    text = environment().get_template(template).render(browser=browser, here=request.url.path, **values)
    return HTMLResponse(text, status)


@cache
def environment() -> Environment:
    """Return the templates' environment; some are shared with `prox trace --html` and `prox overview --html`."""
    made = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader(f"prox_assets.{room}")
                for room in ("browser", "catalog.trace", "overview", "monitoring.report")
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "percent": percent,
        "number": number,
        "utc": utc,
        "printable": printable,
        "count": "{:,}".format,
        "words": lambda name: str(name).replace("_", " "),
        "retention": _retention,
        "title": _title,
        "address": _address,
    }
    made.globals |= {
        "links": links,
        "sentences": sentences,
        "Outcome": Outcome,
        "Judgement": Judgement,
        "version": __version__,
        "stacked": stacked,
    }
    return made


@cache
def style_sheet() -> str:
    """Return the style sheet: the report's, so that both look alike, then the pages' own."""
    report = files("prox_assets.monitoring.report").joinpath("templates", "style.css").read_text(encoding="utf-8")
    own = files("prox_assets.browser").joinpath("static", "browser.css").read_text(encoding="utf-8")
    return f"{report}\n{own}"


@cache
def script() -> str:
    """Return the script of the keys."""
    return files("prox_assets.browser").joinpath("static", "keys.js").read_text(encoding="utf-8")


def _shown(value: object) -> object:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _retention(row: Mapping[str, Any]) -> float | None:
    """Return the share of text that is left, from a row of counts."""
    return row["characters_out"] / row["characters_in"] if row["characters_in"] else None


def _title(opening: str) -> str:
    """Return how a text begins, as one line."""
    return " ".join(opening.split())


def _address(url: str | None) -> str | None:
    """Return a URL that may be followed; None for any other, such as javascript:."""
    return url if url and url.startswith(SAFE_ADDRESSES) else None
