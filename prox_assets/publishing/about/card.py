"""README.md: the card of a data set, with the YAML that a hub reads, rendered from its manifest."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from prox_assets.catalog.printable import printable
from prox_assets.publishing.about.languages import untold
from prox_assets.publishing.manifest import PublishedManifest, Sample

CARD = "README.md"

# Licences of data that the hub knows by an id; any other is written as "other", with its name and address.
_LICENCES = """
    apache-2.0 mit afl-3.0 bsd-2-clause bsd-3-clause c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0
    cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0
    cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 etalab-2.0
    gfdl gpl-2.0 gpl-3.0 lgpl-3.0 agpl-3.0 mpl-2.0 odbl odc-by openrail pddl unlicense wtfpl
"""
HUB_LICENCES = frozenset(_LICENCES.split())
_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
    (10**9, "100M<n<1B"),
    (10**10, "1B<n<10B"),
    (10**11, "10B<n<100B"),
    (10**12, "100B<n<1T"),
)


def size_category(rows: int) -> str:
    """Return the hub's name for a number of rows."""
    return next((name for limit, name in _SIZES if rows < limit), "n>1T")


def render_card(manifest: PublishedManifest) -> str:
    """Return the card: YAML between two lines of dashes, then Markdown."""
    header = yaml.safe_dump(card_metadata(manifest), sort_keys=False, allow_unicode=True, width=120)
    text = _template().render(
        manifest=manifest,
        settings=manifest.written_with,
        said=manifest.written_with.responsible_ai,
        untold=untold,
        scores=_scores(manifest),
        first=manifest.configs[0].name,
    )
    body = re.sub(r"\n{3,}", "\n\n", text).strip()
    return f"---\n{header}---\n\n{body}\n"


def card_metadata(manifest: PublishedManifest) -> dict[str, Any]:
    """Return the YAML part of the card, as docs/datasetcard of the hub describes it."""
    settings = manifest.written_with
    found: dict[str, Any] = {"pretty_name": settings.title}
    if manifest.languages:
        found["language"] = list(manifest.languages)
    licence = settings.own_licence
    if licence.lower() in HUB_LICENCES:
        found["license"] = licence.lower()
    else:
        found |= {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-")}
        if settings.licence_url:
            found["license_link"] = settings.licence_url
    found |= {
        "size_categories": [size_category(manifest.rows)],
        "source_datasets": ["original"],
        "task_categories": list(settings.task_categories),
        "tags": list(dict.fromkeys(["prox", "refined", "pretraining", "croissant", *settings.tags])),
        "configs": [_config(manifest, config, number == 0) for number, config in enumerate(_with_text(manifest))],
        "dataset_info": [_info(manifest, config) for config in _with_text(manifest)],
    }
    if manifest.program_files:
        found["configs"].append({"config_name": "programs", "data_files": _parquet(manifest.program_files)})
    return found


def _with_text(manifest: PublishedManifest) -> list[str]:
    return [config.name for config in manifest.configs if manifest.splits(config.name)]


def _parquet(paths: tuple[str, ...]) -> list[str]:
    return [path for path in paths if path.endswith(".parquet")]


def _config(manifest: PublishedManifest, config: str, default: bool) -> dict[str, Any]:
    files = [{"split": split, "path": f"data/{config}/{split}-*.parquet"} for split in manifest.splits(config)]
    return {"config_name": config, "data_files": files, **({"default": True} if default else {})}


def _info(manifest: PublishedManifest, config: str) -> dict[str, Any]:
    splits = manifest.splits(config)
    shown = [
        {
            "name": split,
            "num_bytes": sum(file.table_bytes for file in files),
            "num_examples": sum(file.rows for file in files),
        }
        for split, files in splits.items()
    ]
    return {
        "config_name": config,
        "features": [{"name": column.name, "dtype": column.dtype} for column in manifest.features],
        "splits": shown,
        "download_size": sum(file.bytes for files in splits.values() for file in files),
        "dataset_size": sum(split["num_bytes"] for split in shown),
    }


def _scores(manifest: PublishedManifest) -> list[dict[str, Any]]:
    """Return a table of scores for each model, budget and evaluation set."""
    tables: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in manifest.proof.scores if manifest.proof else ():
        key = tuple(row[name] for name in ("model", "budget", "evaluation", "measure"))
        table = tables.setdefault(
            key, {"title": f"{row['evaluation']}: {row['measure']}, {row['model']}, equal {row['budget']}", "rows": []}
        )
        table["rows"].append(row)
    for table in tables.values():
        lower = "bits_per_byte" in table["title"]
        table["rows"].sort(key=lambda row: row["score"] if lower else -row["score"])
    return list(tables.values())


def _cell(value: object) -> str:
    """Return text for a cell of a table: names and words of other people must not break it."""
    text = printable(str(value))
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|~" else c for c in text)


def _block(sample: Sample) -> str:
    """Return a sample as a block of code; its fence is longer than any in the text."""
    lines = [f"{line.sign} {line.text}".rstrip() for line in sample.lines]
    ticks = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, ticks + 1)
    return "\n".join([f"{fence}diff", *lines, fence])


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_number(value)}" for name, value in values.items())


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


@cache
def _template() -> Template:
    environment = Environment(  # noqa: S701 - Markdown, not HTML; `cell` and `block` escape what is not ours
        loader=PackageLoader("prox_assets.publishing.about"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cell": _cell, "block": _block, "pairs": _pairs, "number": _number}
    return environment.get_template("card.md.jinja")
