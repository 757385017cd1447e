"""A data set is uploaded to a hub that stands on loopback; an upload that fails is gone on with."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner, Result

from prox_assets.cli import app
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawn import Withdrawal, WithdrawnBy, remember
from prox_assets.testing.servers.hub_stand_in import HubStandIn, Repository, hub_stand_in
from prox_assets_tests.publishing.published import NAME, export_in, files_in, published, refined_lake

REPOSITORY = "lab/pages"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    with hub_stand_in() as found:
        # huggingface_hub reads HF_ENDPOINT and HF_HUB_DISABLE_XET once, when it is imported.
        monkeypatch.setattr(constants, "ENDPOINT", found.url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        template = f"{found.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setenv("HF_TOKEN", found.token)
        yield found


def prox_publish(lake: Lake, *options: str) -> Result:
    return CliRunner().invoke(app, ["publish", NAME, "--lake", lake.url, *options], env={"COLUMNS": "200"})


def test_uploads_only_when_told_and_resumes(tmp_path: Path, hub: HubStandIn) -> None:
    lake = refined_lake(tmp_path)
    what = ("--corpus", "web", "--source", "A crawl=odc-by", "--upload", REPOSITORY)
    refused = prox_publish(lake, *what)
    assert refused.exit_code == 1
    assert "without --yes" in refused.output
    assert hub.received == []

    hub.refuse = lambda method, path: "/commit/" in path and len(hub.repositories[REPOSITORY].commits) == 1
    failed = prox_publish(lake, "--upload", REPOSITORY, "--yes", "--private")
    assert failed.exit_code == 1
    assert "Run the same command again" in failed.output
    repository = hub.repositories[REPOSITORY]
    assert repository.private
    assert "manifest.json" not in repository.files
    # A withdrawal must hear of what is there already.
    [begun] = export_in(lake).replicas
    assert (begun.where, begun.revision) == (f"hf://datasets/{REPOSITORY}", repository.revision)

    hub.refuse = lambda method, path: False
    before = len(hub.received)
    assert prox_publish(lake, "--upload", REPOSITORY, "--yes").exit_code == 0
    assert not [place for place in hub.received[before:] if place.startswith("PUT")]
    *_, replica = export_in(lake).replicas
    assert (replica.where, replica.revision) == (f"hf://datasets/{REPOSITORY}", repository.revision)
    found = {f"data/web/{name}" for name in ("train-00000-of-00001.parquet",)}
    assert set(repository.files) == found | {
        "README.md",
        "checksums.txt",
        "croissant.json",
        "manifest.json",
        "provenance.json",
    }


def test_a_new_version_replaces_the_old_one(tmp_path: Path, hub: HubStandIn) -> None:
    lake, _ = published(tmp_path, rows_per_file=2)
    assert prox_publish(lake, "--upload", REPOSITORY, "--yes").exit_code == 0
    theirs = {"LICENSE": b"theirs", "data/other/part.parquet": b"theirs", ".gitattributes": b""}
    left = {"data/web/train-00000-of-00009.parquet": b"of an upload that was cut short"}
    hub.repositories[REPOSITORY].files |= theirs | left
    settings = tmp_path / "settings.yaml"
    settings.write_text("corpora: [web]\nsources: [{name: A crawl, licence: odc-by}]\n")
    assert prox_publish(lake, "--settings", str(settings), "--upload", REPOSITORY, "--yes").exit_code == 0
    repository = hub.repositories[REPOSITORY]
    assert theirs.items() <= repository.files.items()
    for path in theirs:
        del repository.files[path]
    assert [path for path in repository.files if path.endswith(".parquet")] == ["data/web/train-00000-of-00001.parquet"]
    storage = export_in(lake).open()
    assert all(storage.read_bytes(path) == data for path, data in repository.files.items())
    assert len(export_in(lake).replicas) == 2


def test_nothing_is_uploaded_that_must_not_be(tmp_path: Path, hub: HubStandIn) -> None:
    lake, made = published(tmp_path)
    remember(lake, Withdrawal(WithdrawnBy.DOMAIN, "hills.example", "asked for"))
    before = files_in(made)
    refused = prox_publish(lake, "--check", "--upload", REPOSITORY, "--yes")
    assert refused.exit_code == 1
    assert "FAILED documents_allowed" in refused.output
    assert (hub.received, files_in(made)) == ([], before)


@pytest.mark.parametrize("theirs", [{"LICENSE": b"theirs"}, {"manifest.json": b"[]", "checksums.txt": b""}])
def test_a_repository_that_holds_something_else_is_left_alone(
    tmp_path: Path, hub: HubStandIn, theirs: dict[str, bytes]
) -> None:
    lake, _ = published(tmp_path)
    hub.repositories[REPOSITORY] = Repository(files={".gitattributes": b"", **theirs})
    refused = prox_publish(lake, "--upload", REPOSITORY, "--yes")
    assert refused.exit_code == 1
    assert f"such as {min(theirs)}: name a new repository" in refused.output
    assert hub.repositories[REPOSITORY].commits == []
    assert export_in(lake).replicas == ()


def test_settings_of_a_component_are_read_and_misspelled_ones_refused(tmp_path: Path) -> None:
    lake, settings = refined_lake(tmp_path), tmp_path / "defs.yaml"
    text = """
        type: prox_assets.PublishedDataset
        attributes:
          {name: pages, corpora: [web], sources: [{name: A crawl, licence: odc-by}], pool: io, spilts: {v: .5}}
    """
    settings.write_text(text)
    refused = prox_publish(lake, "--settings", str(settings))
    assert refused.exit_code == 1
    assert "spilts" in refused.output
    settings.write_text(text.replace("spilts", "splits"))
    done = prox_publish(lake, "--settings", str(settings))
    assert done.exit_code == 0
    assert "licences_named: 1 source, 1 corpus" in done.output


def test_says_who_is_not_known(tmp_path: Path, hub: HubStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, _ = published(tmp_path)
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    refused = prox_publish(lake, "--upload", REPOSITORY, "--yes")
    assert refused.exit_code == 1
    assert "was not uploaded" in refused.output
    assert hub.repositories == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--corpus", "web"), "sources"),
        (("--corpus", "web", "--source", "A crawl"), "no source is published without its licence"),
        (("--check",), "there is no data set pages"),
        (("--split", "validation"), "--split: 'validation' is not of the form NAME=VALUE"),
    ],
)
def test_says_what_is_missing(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    result = prox_publish(refined_lake(tmp_path), *options)
    assert result.exit_code == 1
    assert message in result.output
