"""A document's trace as one self-contained HTML page: no scripts, no network, light and dark.

This module prepares the template's data and makes it safe. The page's look is in templates/trace.html.
"""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from prox_assets.catalog.printable import printable
from prox_assets.catalog.trace import sentences
from prox_assets.catalog.trace.record import DocumentTrace


def trace_page(trace: DocumentTrace) -> str:
    """Return the page; text from the web and from models is escaped, and control characters are made visible."""
    return _template().render(trace=trace, sentences=sentences, run_link=lambda _: None)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("prox_assets.catalog.trace"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("trace.html")


def _shown(value: object) -> object:
    """Make every value printable before it is escaped: direction marks and control characters mislead readers."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
