"""`prox publish`: documents of the lake as a folder that a hub takes as it is, and its upload."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import ValidationError

from prox_assets.cli.console import console, errors, fail, plain_errors, say
from prox_assets.cli.options import LakeOption, assignments
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import Export, export_of
from prox_assets.publishing.errors import PublishError
from prox_assets.publishing.manifest import PublishedManifest, read_manifest
from prox_assets.publishing.settings import PublishSettings
from prox_assets.stages.settings import described

# What release checks count, when it is one.
_ONE = {
    "documents": "document",
    "rows": "row",
    "sources": "source",
    "corpora": "corpus",
    "files": "file",
    "shards": "shard",
}


@plain_errors()
def publish(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the data set.")],
    lake: LakeOption = "lake",
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE",
            help="Its settings: the defs.yaml of a PublishedDataset, or its attributes alone. Options overrule it. "
            "Without it, a data set that was written before keeps its settings.",
        ),
    ] = None,
    corpus: Annotated[
        list[str] | None, typer.Option("--corpus", help="A corpus to publish; repeatable. Each is a configuration.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            metavar="NAME=LICENCE",
            help='Where the pages came from, such as "Common Crawl=odc-by"; repeatable.',
        ),
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            "--split", metavar="NAME=SHARE", help="A split beside train, with its share of the sites; repeatable."
        ),
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option("--include", help="`text` (the default), `programs`, or both; repeatable.")
    ] = None,
    proof: Annotated[str | None, typer.Option("--proof", help="A proof whose tables are attached.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Folder or URL to write to, instead of the lake.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing: check the folder that is there.")] = False,
    upload: Annotated[
        str | None, typer.Option("--upload", metavar="OWNER/NAME", help="Upload it as this data set of the hub.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="If the hub does not have it yet, make it private.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Really upload it; nothing is uploaded without.")] = False,
) -> None:
    """Write a data set for a hub: Parquet by configuration and split, card, Croissant, provenance and checksums.

    A folder that is current is left as it is, and a killed run resumes where it stopped. Before it is called ready, and
    again before an upload, the folder is checked: no withdrawn or quarantined document, counts as in the lake, licences
    named, hashes right. Exits with 1 if a check fails.
    """
    opened = Lake(lake)
    given = {
        "corpora": corpus,
        "sources": _sources(source),
        "splits": _splits(split),
        "include": include,
        "proof": proof,
        "to": to,
        "repo_id": upload,
    }
    changed = {key: value for key, value in given.items() if value is not None}
    if not check:
        _write(opened, _settings(opened, name, settings, changed))
    export = export_of(opened, "dataset", name)
    if export is None:
        raise fail(f"there is no data set {name} of the lake {opened.url}: name its corpora and sources to write it")
    _check(opened, export)
    if upload is not None:
        _upload(opened, export, upload, private, yes)


def _splits(options: list[str] | None) -> dict[str, Any] | None:
    try:
        return assignments(options) or None
    except ValueError as error:
        raise fail(f"--split: {error}") from error


def _sources(options: list[str] | None) -> list[dict[str, str]] | None:
    if not options:
        return None
    pairs = [option.rpartition("=") for option in options]
    for option, (name, _, licence) in zip(options, pairs, strict=True):
        if not name or not licence:
            raise fail(f"--source {option!r} is not NAME=LICENCE: no source is published without its licence")
    return [{"name": name, "licence": licence} for name, _, licence in pairs]


def _settings(lake: Lake, name: str, file: Path | None, changed: dict[str, Any]) -> PublishSettings:
    values: dict[str, Any] = {}
    if file is not None:
        try:
            read = yaml.safe_load(file.read_text(encoding="utf-8"))
            values = read.get("attributes", read)
            only_in_dagster = _of_the_component() if "type" in read else frozenset[str]()
            values = {key: value for key, value in values.items() if key not in only_in_dagster}
        except (OSError, ValueError, AttributeError, yaml.YAMLError) as error:
            raise fail(f"{file} cannot be read as settings of a data set: {error}") from error
        if values.setdefault("name", name) != name:
            raise fail(f"{file} is about data set {values['name']}, not {name}")
    elif (export := export_of(lake, "dataset", name)) is not None:
        manifest = _manifest(export)
        values = dict(manifest.settings) if manifest is not None else {}
        values["to"] = None if export.url == lake.storage.uri(f"_published/{name}") else export.url
    try:
        return PublishSettings.model_validate({"name": name, **values, **changed})
    except ValidationError as error:
        raise fail(f"{file or name}: {described(error)}") from error


def _of_the_component() -> frozenset[str]:
    """Return the settings that only Dagster knows; any other that is unknown is misspelled."""
    from prox_assets.orchestration.settings.publishing import PublishedDatasetSettings

    return frozenset(PublishedDatasetSettings.model_fields) - frozenset(PublishSettings.model_fields)


def _manifest(export: Export) -> PublishedManifest | None:
    try:
        return read_manifest(export.open())
    except PublishError:
        return None


def _write(lake: Lake, settings: PublishSettings) -> None:
    from prox_assets.publishing.publish import publish as write

    with console.status(f"publishing {settings.name}") as status:
        done = write(
            lake,
            settings,
            say,
            lambda rows, total: status.update(f"publishing {settings.name}: {rows:,} of {total:,} rows"),
        )
    found = done.manifest
    if not done.changed:
        say("everything was current; nothing was written")
    for config in found.configs:
        say(
            f"{config.name}: {config.documents:,} documents in, {config.dropped:,} dropped, "
            f"{config.outcomes()['quarantined']:,} quarantined, {config.withheld + config.removed:,} withdrawn, "
            f"{config.published:,} published"
        )
    size = sum(file.bytes for file in found.files)
    held = f"files: {len(found.files)}, {size / 1e6:,.1f} MB" if found.files else "programs alone"
    say(f"{found.rows:,} rows, {held}: {done.storage.url}")


def _check(lake: Lake, export: Export) -> None:
    from prox_assets.publishing.release import release_checks

    checks = release_checks(lake, export)
    for each in checks:
        say(f"{'passed' if each.passed else 'FAILED'} {each.name}: {'; '.join(each.problems) or _shown(each.numbers)}")
    if not all(each.passed for each in checks):
        raise fail(f"{export.url} must not be released")
    say(f"{export.url} is ready to be released")


def _shown(numbers: Any) -> str:  # noqa: ANN401
    return ", ".join(f"{value:,} {_ONE.get(name, name) if value == 1 else name}" for name, value in numbers.items())


def _upload(lake: Lake, export: Export, repo_id: str, private: bool, yes: bool) -> None:
    if not yes:
        raise fail(f"{export.url} is not uploaded to {repo_id} without --yes: what is published is hard to take back")
    from prox_assets.publishing.upload import upload as send

    replica = send(lake, export, repo_id, say, private=private)
    say(f"uploaded: {replica.where}, revision {replica.revision}")
    errors.print("withdrawals cannot reach it: upload it again after one", style="dim")
