"""`prox compute`: what refining has cost, against a training of the user's."""

import json
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prox_assets.cli import app
from prox_assets.cli.commands.watching.compute import amount
from prox_assets.compute.flops import training_flops
from prox_assets.compute.parameters import Parameters
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.compute import Attempt, proof_folder, record_attempt
from prox_assets.lake.resume import ResumeLedger, WindowCost
from prox_assets.lake.schemas import Table
from prox_assets.machine.processor import DeviceUse

REFINER = 313_000_000


def record(lake: Lake, folder: str, stage: str, shard: str, refiner: str | None) -> AbstractContextManager[Attempt]:
    return record_attempt(
        lake,
        folder,
        stage,
        shard,
        run_id="run",
        model="xs",
        refiner=refiner,
        device=DeviceUse("NVIDIA H100", 2),
        parameters=Parameters(350_000_000, REFINER),
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """ProX's refining of RedPajama-V2, as if it had been two shards, the second one begun by an attempt that failed."""
    lake = Lake(str(tmp_path / "lake"))
    for shard, tokens in (("a", 40_000_000_000), ("b", 22_500_000_000)):
        with record(lake, "pages", "doc_programs", shard, "refiner") as attempt:
            attempt.prompt_tokens = tokens
    with suppress(RuntimeError), record(lake, "pages", "chunk_programs", "a", "refiner") as attempt:
        attempt.prompt_tokens = 1_900_000_000
        raise RuntimeError("out of memory")
    with record(lake, "pages", "chunk_programs", "a", "refiner") as attempt:
        attempt.prompt_tokens = 17_100_000_000
    return lake


def prox(lake: Lake, *options: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["compute", "--lake", lake.url, *options])
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


def test_stages_with_their_attempts_tokens_and_operations(lake):
    documents, chunks = json.loads(prox(lake, "--format", "json"))
    assert (documents["stage"], documents["attempts"], documents["failed"]) == ("doc_programs", 2, 0)
    assert documents["prompt_tokens"] == 62_500_000_000
    assert documents["flops"] == 2.0 * REFINER * 62_500_000_000
    assert (chunks["attempts"], chunks["failed"], chunks["unfinished"]) == (2, 1, 0)
    assert chunks["prompt_tokens"] == 19_000_000_000
    assert chunks["failed_flops"] == 2.0 * REFINER * 1_900_000_000
    assert chunks["device_seconds"] > 0


def test_refining_against_training(lake):
    said = prox(lake, "--train", "709830144", "--tokens", "26.2B")
    assert "5.1e+19 operations, 2.3% of them in attempts that failed or have not ended" in said
    assert "refining is 45.7" in said
    assert "more than 1.2e+10 tokens" in said
    said = prox(lake, "--train", "709830144", "--tokens", "26.2B", "--models", "2", "--hours", "0.001")
    assert "refining is 22.86% of that if 2 models share it" in said
    assert "in device-hours, refining is" in said
    assert "more than 5.99e+09 tokens" in said


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        ("2.5", "reaches 2.5 after 5e+10 tokens (+2.38e+10): refining pays"),
        ("2.95", "reaches 2.95 after 2.19e+10 tokens (-4.28e+09): refining does not pay"),
        ("2.4", "ends at 5e+10 tokens (+2.38e+10) without a score of 2.4: refining pays"),
    ],
)
def test_the_raw_curve_decides(lake, tmp_path, score, verdict):
    curve = tmp_path / "raw.csv"
    curve.write_text("tokens,score\n1e10,3.2\n2e10,3.0\n5e10,2.5\n")
    options = ("--train", "709830144", "--tokens", "26.2B", "--curve", str(curve), "--score", score)
    assert verdict in prox(lake, *options)


def test_a_curve_that_ends_too_early_decides_nothing(lake, tmp_path):
    curve = tmp_path / "raw.jsonl"
    curve.write_text('{"tokens": 1e10, "score": 0.4}\n{"tokens": 2.8e10, "score": 0.5}\n')
    options = ("--train", "709830144", "--tokens", "26.2B", "--curve", str(curve), "--score", "0.6")
    assert "whether refining pays is not known" in prox(lake, *options, "--higher-is-better")
    curve.write_text('{"tokens": 1e10}\n')
    assert "is no learning curve" in prox(lake, *options, code=1)


def test_trainings_on_record_are_compared_with(lake):
    with record(lake, proof_folder("proof"), "arm_models", "raw", None) as attempt:
        attempt.parameters, attempt.training_tokens = Parameters(10**9, 709_830_144), 26_200_000_000
    training = training_flops(709_830_144, 26_200_000_000)
    assert f"trainings on record: 1, {training:.3g} operations" in prox(lake)
    assert "refining is 45.7" in prox(lake)
    assert "trainings on record" not in prox(lake, "--corpus", "pages")


def test_what_runs_or_was_killed_has_the_tokens_of_its_finished_windows(lake):
    with record(lake, "pages", "doc_programs", "c", "refiner") as running:
        ledger = ResumeLedger(lake, "pages", Table.DOC_PROGRAMS, "c", "identity", 2, {})
        ledger.write_window(0, [], WindowCost(3600.0, 500_000_000, 7, running.name))
        documents, _ = json.loads(prox(lake, "--format", "json"))
    assert (documents["attempts"], documents["unfinished"], documents["failed"]) == (3, 1, 0)
    assert (documents["prompt_tokens"], documents["generated_tokens"]) == (63_000_000_000, 7)
    assert documents["device_seconds"] >= 7200
    assert documents["flops"] == 2.0 * REFINER * 63_000_000_007


def test_options_that_need_each_other_and_numbers_that_are_none(lake, tmp_path):
    assert "belong together" in prox(lake, "--train", "1B", code=1)
    (tmp_path / "raw.csv").write_text("tokens,score\n")
    assert "--curve needs --score" in prox(lake, "--curve", str(tmp_path / "raw.csv"), code=1)
    assert "has no corpus 'other'" in prox(lake, "--corpus", "other", code=1)
    assert "must be a positive number" in prox(lake, "--train", "many", "--tokens", "1B", code=2)
    assert [amount(text) for text in ("1.4B", "350m", "26200000000", "2T")] == [1.4e9, 3.5e8, 2.62e10, 2e12]


def test_a_lake_of_an_earlier_release_has_nothing_to_tell(tmp_path):
    assert prox(Lake(str(tmp_path))) == "no rows"
