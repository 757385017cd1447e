"""`prox stage`: what it makes, tells and exits with, started by a shell and by a Pipes client."""

import json
import signal
import subprocess
import time
from pathlib import Path

import dagster as dg
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun
from prox_assets.stages.states.shard_states import STAGES
from prox_assets.testing.ports import free_port
from prox_assets_tests.placement.corpora import (
    CORPUS,
    PROX,
    discover,
    environment,
    events,
    refine,
    rows,
    settings_in,
    stage,
    write_corpus,
)

OUTCOMES = ("done", "failed")


def settled(output: str) -> dict[tuple[str, str], str]:
    return {(e["stage"], e["shard"]): e["event"] for e in events(output) if e["event"] in OUTCOMES}


def test_all_stages_make_the_rows_of_a_plain_run_and_tell_of_each_shard(tmp_path: Path) -> None:
    path, lake = write_corpus(tmp_path), str(tmp_path / "lake")
    keys = discover(path, lake)
    refine(path, str(tmp_path / "plain"))
    listed = tmp_path / "keys.json"
    listed.write_text(json.dumps(keys[1:]))

    ended = stage(*STAGES, "--settings", path, "--keys", keys[0], "--keys", f"@{listed}", "--lake", lake)

    assert ended.returncode == 0, ended.stderr
    assert settled(ended.stdout) == {(name, key): "done" for name in STAGES for key in keys}
    assert rows(lake) == rows(str(tmp_path / "plain"))
    started, finished = events(ended.stdout)[0], events(ended.stdout)[-1]
    assert started["shards"] == keys
    assert finished == {"event": "finished", "exit_code": 0, "done": 3, "failed": 0}
    [programs] = [e for e in events(ended.stdout) if (e.get("stage"), e.get("shard")) == ("doc_programs", keys[0])][-1:]
    assert programs["identity"] == Lake(lake).require(CORPUS, Table.DOC_PROGRAMS, keys[0]).identity
    assert programs["summary"]["documents"] == 7


def test_settings_and_keys_are_taken_as_json(tmp_path: Path) -> None:
    path, lake = write_corpus(tmp_path), str(tmp_path / "lake")
    keys = discover(path, lake)
    attributes = json.dumps({"corpus": CORPUS, "urls": [str(tmp_path / "raw" / "*.jsonl")], "automation": "off"})
    ended = stage("raw_shards", "--settings", attributes, "--keys", json.dumps(keys), "--lake", lake)
    assert ended.returncode == 0, ended.stderr
    assert Lake(lake).shards(CORPUS, Table.DOCUMENTS) == keys


def test_a_shard_that_fails_leaves_the_others_done_and_the_code_says_that_it_would_fail_again(tmp_path: Path) -> None:
    path, lake = write_corpus(tmp_path), str(tmp_path / "lake")
    keys = discover(path, lake)
    for key in (keys[0], keys[2]):
        read_raw_shard(ShardRun(Lake(lake), settings_in(path).plan, key, "read"))
    ended = stage("doc_programs", "chunk_programs", "--settings", path, "--keys", json.dumps(keys), "--lake", lake)
    assert ended.returncode == 3, ended.stderr
    assert settled(ended.stdout) == {
        **{(name, key): "done" for name in ("doc_programs", "chunk_programs") for key in (keys[0], keys[2])},
        ("doc_programs", keys[1]): "failed",
    }
    [failed] = [event for event in events(ended.stdout) if event["event"] == "failed"]
    assert "raw_shards" in failed["error"]
    assert failed["retry"] is False


def test_an_engine_that_does_not_start_fails_every_shard_once_and_is_worth_another_try(
    tmp_path: Path, tiny_llama: Path
) -> None:
    refiner = {"name": "tiny", "level": "doc", "model": str(tiny_llama)}
    engine = {"kind": "server", "base_url": f"http://127.0.0.1:{free_port()}", "max_retries": 0}
    path = write_corpus(tmp_path, shards=2, refiners={"name": "tiny", "doc": refiner}, engine=engine)
    lake = str(tmp_path / "lake")
    keys = discover(path, lake)
    arguments = ["--settings", path, "--keys", json.dumps(keys), "--lake", lake]
    ended = stage("raw_shards", "doc_programs", *arguments)
    assert ended.returncode == 75, ended.stderr
    assert settled(ended.stdout) == {
        **{("raw_shards", key): "done" for key in keys},
        **{("doc_programs", key): "failed" for key in keys},
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--settings", "{defs}"), "name a stage: raw_shards, doc_programs"),
        (("raw_shards", "--settings", "{defs}"), "name the shards with --keys"),
        (("raw_shard", "--settings", "{defs}", "--keys", "a"), "Input should be 'raw_shards'"),
        (("doc_programs", "raw_shards", "--settings", "{defs}", "--keys", "a"), "in this order"),
        (("raw_shards", "--settings", "{defs}", "--keys", "a", "--keys", "a"), "named twice: a"),
        (("raw_shards", "--settings", '{{"corpus": "a"}}', "--keys", "a"), "urls"),
        (("raw_shards", "--settings", "{defs}", "--keys", "a", "--task", "1"), "there is no task 1"),
    ],
)
def test_a_request_that_cannot_be_run_says_why_and_does_nothing(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    path = write_corpus(tmp_path, shards=1)
    ended = stage(*(argument.format(defs=path) for argument in arguments), "--lake", tmp_path / "lake")
    assert ended.returncode == 1, ended.stderr
    assert said in " ".join(ended.stderr.split())
    assert ended.stdout == ""
    assert not (tmp_path / "lake").exists()


def test_a_stage_ended_by_sigterm_keeps_its_windows_and_its_successor_need_not_wait(tmp_path: Path) -> None:
    path = write_corpus(tmp_path, shards=1, documents=150, window_documents=1)
    lake = str(tmp_path / "lake")
    [key] = discover(path, lake)
    common = ["--settings", str(path), "--keys", key, "--lake", lake]
    assert stage("raw_shards", *common).returncode == 0
    command = [*PROX, "stage", "doc_programs", *common]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 200
        while len(list(Path(lake).glob("_resume/*/doc_programs/*/*/*.parquet"))) < 3:
            assert process.poll() is None, "it ended before it could be ended"
            assert time.monotonic() < until
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate()
    assert process.returncode == 143
    assert settled(output) == {}
    assert not list(Path(lake).glob("_leases/**/*.json")), "another process may go on at once"

    again = stage("doc_programs", *common)
    assert again.returncode == 0, again.stderr
    [done] = [event for event in events(again.stdout) if event["event"] == "done"]
    assert done["summary"]["windows_resumed"] >= 3
    assert done["summary"]["documents"] == 152


def test_any_pipes_client_starts_it_for_its_partition_and_receives_every_outcome(tmp_path: Path) -> None:
    """The client of Dagster itself, with messages through a file."""
    path, lake = write_corpus(tmp_path, shards=2), str(tmp_path / "lake")
    keys = discover(path, lake)
    received: list[dict] = []

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(keys))
    def read(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        client = dg.PipesSubprocessClient(env=environment())
        command = [*PROX, "stage", "raw_shards", "--settings", str(path), "--lake", lake]
        completed = client.run(command=command, context=context)
        received.extend(completed.get_custom_messages())
        return completed.get_materialize_result()

    instance = dg.DagsterInstance.ephemeral()
    result = dg.materialize([read], instance=instance, partition_key=keys[1])

    assert result.success
    outcomes = [message["prox"] for message in received if message["prox"]["event"] in OUTCOMES]
    assert [(each["shard"], each["event"]) for each in outcomes] == [(keys[1], "done")]
    info = Lake(lake).require(CORPUS, Table.DOCUMENTS, keys[1])
    assert (info.identity, info.run_id) == (outcomes[0]["identity"], result.run_id)
