"""Fills in the files that trainers read."""

from typing import Any

import jinja2

_ENVIRONMENT = jinja2.Environment(  # noqa: S701 (Python, shell and Markdown; what is filled in is quoted there)
    loader=jinja2.PackageLoader("prox_assets.tokens.run_cards"),
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["repr"] = repr


def rendered(template: str, **values: Any) -> str:  # noqa: ANN401 (what the template wants)
    """Return a template of the folder `templates`, filled in."""
    return _ENVIRONMENT.get_template(template).render(**values)
