"""`prox refine` with tiny models that write programs of UltraX and ReScraper: run, traced and replayed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prox_assets.engines.config import VllmEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.open import open_chunk_refiner
from prox_assets.refiners.presets import named_refiners
from prox_assets.refiners.probe_pages import PROBE_PAGES
from prox_assets.refiners.prompts.makers import ChunkPromptMaker
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.testing.tiny_models import overfit
from prox_assets.testing.tiny_qwen import make_tiny_qwen3
from prox_assets_tests.cli.command_line import prox
from prox_assets_tests.released_messages import use_own_messages
from prox_assets_tests.stages.shard_runs import write_pages

pytestmark = pytest.mark.timeout(600)  # a model is trained for half a minute of a free core

NOISY = "Home\nLog in\nA ferry crosses the strait.\n\nIt takes an hour | Share\nSubscribe"
WORTHLESS = "404\nNot found"
CLEAN = "The harbour froze in March.\nIt thawed in May."
THIN = "Buy now\nThe lens floats on a ring of mercury."
PAGES = [NOISY, WORTHLESS, CLEAN, THIN]

# What the overfitted model writes, and what becomes of each page.
ANSWERS = {
    "ultrax": [
        "remove_lines(1, 2)\nreplace_str(5, ' | Share', '.')\nadd_line(3, 1, 'It is old.')\nremove_lines(6, 6)",
        "remove_all()",
        "keep_all()",
        "remove_lines(1, 1)",
    ],
    "rescraper": [
        '<edit>\n<extract>\nrm 1-2\nrm 5\n<edit>\nsub 4: " | Share"',
        "<delete>\n<extract>\n<delete>",
        "<keep>\n<extract>\n<keep>",
        "<rewrite>\n<extract>\nrm 1\n<rewrite>\nA lens floats on mercury.",
    ],
}
PROBED = {"ultrax": "remove_lines(1, 1)", "rescraper": "<keep>\n<extract>\nrm 1\n<keep>"}
REFINED = {
    "ultrax": [
        "A ferry crosses the strait.\nIt is old.\n\nIt takes an hour.",
        None,
        CLEAN,
        "The lens floats on a ring of mercury.",
    ],
    "rescraper": [
        "A ferry crosses the strait.\n\nIt takes an hour",
        None,
        CLEAN,
        "The lens floats on a ring of mercury.",
    ],
}


@pytest.fixture(scope="module")
def own_messages(tmp_path_factory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_own_messages(monkeypatch, tmp_path_factory.mktemp("cache"))
        yield


@pytest.fixture(scope="module")
def overfitted(own_messages, tmp_path_factory) -> Path:
    """One model for both dialects: the system message says which one to write."""
    answers = [answer for each in ANSWERS.values() for answer in each]
    probed = [page.text for page in PROBE_PAGES]
    # With whole words as tokens, prompts are short and training takes seconds.
    texts = [*PAGES, *answers, *probed] * 3
    folder = make_tiny_qwen3(tmp_path_factory.mktemp("overfitted"), texts=texts, vocab_size=1500)
    tokenizer = load_tokenizer(folder)
    pairs = []
    for name, programs in ANSWERS.items():
        chunk = named_refiners(f"{name}={folder}").chunk
        assert chunk is not None
        made = ChunkPromptMaker(chunk, tokenizer).make([*PAGES, *probed])
        wanted = tokenizer.encode([*programs, *[PROBED[name]] * len(probed)])
        pairs += [
            (chunks[0].planned.prompt_token_ids, answer.token_ids) for chunks, answer in zip(made, wanted, strict=True)
        ]
    assert overfit(folder, pairs, steps=80) < 0.05
    return folder


@pytest.fixture(scope="module", params=["ultrax", "rescraper"])
def refined(request, overfitted, tmp_path_factory) -> tuple[str, Path]:
    """A lake that a dialect's refiner was run on, and the dialect."""
    folder = tmp_path_factory.mktemp(request.param)
    pages = write_pages(folder / "pages.jsonl", PAGES)
    prox("refine", pages, "--lake", folder / "lake", "--refiner", f"{request.param}={overfitted}")
    return request.param, folder / "lake"


def stored(lake: Path, table: Table) -> list[dict]:
    return list(Lake(str(lake)).rows("pages", table, "pages.jsonl"))


def test_the_programs_are_executed(refined):
    name, lake = refined
    assert [row["program"] for row in stored(lake, Table.CHUNK_PROGRAMS)] == ANSWERS[name]
    texts = {row["source_row"]: row["text"] for row in stored(lake, Table.REFINED)}
    assert [texts.get(row) for row in range(len(PAGES))] == REFINED[name]
    dropped = stored(lake, Table.OUTCOMES)[1]
    assert (dropped["outcome"], dropped["reason"]) == ("dropped_by_chunks", "judged_worthless")


def test_a_trace_shows_the_program_and_its_replay_is_equal(refined):
    name, lake = refined
    outcomes = stored(lake, Table.OUTCOMES)
    trace = prox("trace", outcomes[0]["doc_id"], "--lake", lake, columns=200)
    for line in ANSWERS[name][0].split("\n"):
        assert line in trace
    assert "applied" in trace
    assert f"dialect {name}" in trace
    if name == "rescraper":
        assert "A lens floats on mercury." in prox("trace", outcomes[3]["doc_id"], "--lake", lake, columns=200)
    replayed = prox("replay", "--lake", lake)
    assert ["equal", str(len(PAGES))] in [line.split() for line in replayed.splitlines()]


@pytest.mark.vllm
def test_vllm_writes_the_same_programs(overfitted):
    config = VllmEngineConfig(dtype="bfloat16", enforce_eager=True, core_process="same", max_num_seqs=4)
    documents = [RefinerInput(str(number), text) for number, text in enumerate(PAGES)]
    with open_engine(config, str(overfitted)) as engine:
        for name, programs in ANSWERS.items():
            chunk = named_refiners(f"{name}={overfitted}").chunk
            assert chunk is not None
            refiner = open_chunk_refiner(chunk, engine, overfitted)
            found = {each.doc_id: each.rows[0] for each in refiner.write_programs(documents)}
            assert [found[str(number)].program for number in range(len(PAGES))] == programs
            assert {row.finish_reason for row in found.values()} == {"stop"}


def test_a_model_that_does_not_answer_in_its_dialect_is_refused_and_without_the_probe_its_pages_stay(
    own_messages, tmp_path
):
    random = make_tiny_qwen3(tmp_path / "random", seed=1)
    pages = write_pages(tmp_path / "pages.jsonl", PAGES)
    file = tmp_path / "random.yaml"
    for dialect, system in (("ultrax", "Clean."), ("rescraper", "Clean."), ("refinex", None), ("dataorchestra-np", "")):
        settings = {"name": "random", "level": "chunk", "model": str(random), "dialect": dialect, "max_new_tokens": 24}
        settings |= {"window": 1024} | ({} if system is None else {"system_message": system})
        file.write_text(f"chunk: {settings}\n")
        output = prox("refine", pages, "--lake", tmp_path / "probed", "--refiner", file, expected=1)
        assert "did not answer the 8 sample pages properly" in " ".join(output.split())
        file.write_text(f"chunk: { ({**settings, 'probe': False}) }\n")
        lake = tmp_path / dialect
        prox("refine", pages, "--lake", lake, "--refiner", file)
        assert [row["text"] for row in stored(lake, Table.REFINED)] == PAGES
        outcomes = stored(lake, Table.OUTCOMES)
        assert all(row["outcome"] == "kept_unchanged" for row in outcomes)
        assert all(row["operations_failed"] for row in outcomes)
        assert {row["verdict"] for row in stored(lake, Table.CHUNK_OUTCOMES)} <= {"refused", "cut_off"}
        assert all(row["program"] for row in stored(lake, Table.CHUNK_PROGRAMS))


def test_without_the_system_message_the_error_says_the_command_that_fetches_it(overfitted, tmp_path, monkeypatch):
    monkeypatch.setenv("PROX_CACHE", str(tmp_path / "empty"))
    pages = write_pages(tmp_path / "pages.jsonl", PAGES)
    output = prox("refine", pages, "--lake", tmp_path / "lake", "--refiner", f"ultrax={overfitted}", expected=1)
    assert "run `prox system-message ultrax`" in " ".join(output.split())
