"""Secrets come from the environment and go nowhere else: not into the lake, Dagster's records, output, pages or errors.

A corpus is refined through Dagster, a model server and a lake on S3, with keys that can be recognised; then every byte
that was written or printed is searched for them.
"""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import boto3
import dagster as dg
import pyarrow.parquet as pq
import pytest
from s3fs import S3FileSystem
from typer.testing import CliRunner

from prox_assets.cli import app
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets.orchestration.components.refined_corpus import corpus_definitions
from prox_assets.orchestration.resources import EnginesResource, LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.orchestration.source_sensor import prepare_partitions
from prox_assets.testing.servers.moody_server import Handler, MoodyServer, moody_server

KEYS = {
    "PROX_SERVER_API_KEY": "sk-marked/server+key=31415926",
    "AWS_SECRET_ACCESS_KEY": "marked/storage+secret=2718281828",
    "AWS_SESSION_TOKEN": "markedSessionToken1618033988",
    "HF_TOKEN": "hf_markedHubToken1414213562",
}
CORPUS = "web"
LAKE = "s3://secret-test/lake"
PAGES = ["Menu\nA page that is kept as it is.", "Menu\nREFUSED: the server quotes its caller.", "Menu\nAnother page."]
STEPS = ("raw_shards", "doc_programs", "chunk_programs", "refined_shards", "quality_metrics")


def spellings(secret: str) -> list[bytes]:
    """Return a secret as it is, and as JSON, URLs and basic authentication would hold it."""
    return [
        secret.encode(),
        json.dumps(secret)[1:-1].encode(),
        quote(secret, safe="").encode(),
        base64.b64encode(secret.encode()).rstrip(b"="),
    ]


def found_in(data: bytes) -> list[str]:
    return [name for name, secret in KEYS.items() if any(spelling in data for spelling in spellings(secret))]


def answer(handler: Handler, before: int) -> None:
    """Keep every chunk; to the second request say what no server should: the key that it was called with."""
    if before == 1:
        handler.send_json(400, {"error": f"bad request by {handler.headers['Authorization']}"})
    else:
        choice = {"text": "keep_chunk()", "token_ids": [7, 1], "finish_reason": "stop"}
        handler.send_json(200, {"choices": [choice]})


@pytest.fixture
def server() -> Iterator[MoodyServer]:
    with moody_server() as server:
        server.max_model_len = 2048
        server.behaviour = answer
        yield server


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, secret in KEYS.items():
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    S3FileSystem.clear_instance_cache()
    client = boto3.client("s3")
    client.create_bucket(Bucket="secret-test")
    yield LAKE
    for entry in client.list_objects_v2(Bucket="secret-test").get("Contents", []):
        client.delete_object(Bucket="secret-test", Key=entry["Key"])
    client.delete_bucket(Bucket="secret-test")


def settings(raw: Path, model: Path, server: MoodyServer) -> CorpusSettings:
    chunk = {"name": "c", "level": "chunk", "model": str(model), "prompt_format": "plain", "probe": False}
    return CorpusSettings.model_validate(
        {
            "corpus": CORPUS,
            "urls": [str(raw)],
            "refiners": {"name": "served", "chunk": chunk},
            "engine": {"kind": "server", "base_url": server.base_url, "max_retries": 0},
            "request_attempts": 1,
        }
    )


def objects() -> dict[str, bytes]:
    client = boto3.client("s3")
    keys = [entry["Key"] for entry in client.list_objects_v2(Bucket="secret-test")["Contents"]]
    return {key: client.get_object(Bucket="secret-test", Key=key)["Body"].read() for key in keys}


def readable(folder: Path, name: str, data: bytes) -> bytes:
    """Return a file's bytes, those of Parquet decompressed: values and what the file says about itself."""
    if not name.endswith(".parquet"):
        return data
    path = folder / "one.parquet"
    path.write_bytes(data)
    table = pq.read_table(path)
    return str(pq.read_metadata(path).metadata).encode() + json.dumps(table.to_pylist(), default=str).encode()


def test_a_refinement_through_server_and_object_store_writes_and_prints_no_secret(
    bucket: str,
    server: MoodyServer,
    tiny_llama: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw, home = tmp_path / "pages.jsonl", tmp_path / "home"
    raw.write_text("".join(json.dumps({"text": text, "url": "https://x.example"}) + "\n" for text in PAGES))
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    corpus = settings(raw, tiny_llama, server)
    resources = {"lake": LakeResource(url=bucket), "engines": EnginesResource()}
    definitions = dg.Definitions.merge(corpus_definitions(corpus), dg.Definitions(resources=resources))
    with dg.DagsterInstance.get() as instance:
        prepare_partitions(instance, Lake(bucket), corpus, "test")
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            partition_key="pages.jsonl",
            asset_selection=[corpus.key(step) for step in STEPS],
            raise_on_error=False,
        )
        assert result.success, [event for event in result.all_events if event.is_failure]
    assert server.authorizations == {f"Bearer {KEYS['PROX_SERVER_API_KEY']}"}, "the key was used"
    lake = Lake(bucket)
    outcomes = [row["outcome"] for row in lake.rows(CORPUS, Table.OUTCOMES, "pages.jsonl")]
    assert outcomes.count("quarantined") >= 1, "the server's answer with the key in it became somebody's reason"
    page = tmp_path / "trace.html"
    doc_id = next(lake.rows(CORPUS, Table.DOCUMENTS, "pages.jsonl"))["doc_id"]
    for command in (
        ["shards", "--lake", bucket],
        ["trace", doc_id, "--lake", bucket, "--html", str(page)],
        ["stats", "totals", "--lake", bucket],
        ["sql", "SELECT * FROM outcomes", "--lake", bucket, "--format", "json"],
        ["drift", "--corpus", CORPUS, "--lake", bucket],
        ["report", "--corpus", CORPUS, "--lake", bucket],
        ["replay", "--lake", bucket],
    ):
        shown = CliRunner().invoke(app, command)
        assert shown.exit_code == 0, shown.output
        assert found_in(shown.output.encode()) == []
    printed = "".join(capfd.readouterr())
    assert found_in(printed.encode()) == []

    stored = objects()
    assert {Path(key).parts[2] for key in stored} >= set(SCHEMAS) - {Table.REJECTS, Table.JUDGEMENTS}
    searched = {name: readable(tmp_path, name, data) for name, data in stored.items()}
    searched |= {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert any(b"chunk_programs" in data for name, data in searched.items() if name.startswith(str(home)))
    assert [name for name in stored if name.endswith("report/index.html")], "the report is among them"
    searched["page"] = page.read_bytes()
    assert {name: found for name, data in searched.items() if (found := found_in(data))} == {}


def test_the_search_finds_what_it_looks_for() -> None:
    for name, secret in KEYS.items():
        for spelling in spellings(secret):
            assert found_in(b"before " + spelling + b" after") == [name]


@pytest.mark.parametrize(
    "use",
    [
        lambda url: Lake(url).corpora(),
        lambda url: Lake(url).storage.write_bytes("a", b"b"),
    ],
)
def test_an_object_store_that_does_not_answer_is_named_without_the_keys(
    use: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, secret in {**KEYS, "AWS_ACCESS_KEY_ID": "markedKeyId"}.items():
        monkeypatch.setenv(name, secret)
    # Clients are shared within a process, with the endpoint that they were made with.
    S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with pytest.raises(LakeError, match="s3://nowhere/lake") as caught:
        use("s3://nowhere/lake")
    told: BaseException | None = caught.value
    while told is not None:
        assert found_in(repr(told).encode()) == []
        told = told.__cause__ or told.__context__
    S3FileSystem.clear_instance_cache()


def test_no_setting_can_hold_a_key_where_it_would_be_shown(tmp_path: Path) -> None:
    options = {"key": "marked", "secret": KEYS["AWS_SECRET_ACCESS_KEY"]}
    corpus = CorpusSettings.model_validate({"corpus": "web", "urls": ["x"], "storage_options": options})
    assert found_in(repr(corpus.plan).encode()) == []
