"""The prompt-format probe: the format that a model was tuned on is accepted, any other is refused."""

from pathlib import Path

import pytest

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import Engine
from prox_assets.programs.execution.document_decision import decide_document
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import ProbeError
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.open import open_chunk_refiner, open_document_refiner
from prox_assets.refiners.probe import FormatTrial, probe
from prox_assets.refiners.probe_pages import PROBE_PAGES
from prox_assets.refiners.prompts.chunk_prompts import ChunkPrompts, ProgramChunkPlanner
from prox_assets.refiners.prompts.document_prompts import DocumentPromptBuilder
from prox_assets.refiners.prompts.formats import prompt_frame
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets.testing.tiny_models import make_tiny_llama, overfit

CHUNK = RefinerConfig(name="chunk", level="chunk", model="tiny", window=1024, max_new_tokens=64)
# The heads of the pages suffice to tell them apart, and make for short training.
DOC = RefinerConfig(name="doc", level="doc", model="tiny", window=1024, max_new_tokens=16, max_prompt_tokens=100)
VOCABULARY = 2000
CHUNK_PAGES = [
    RefinerInput(page.doc_id, "\n".join(line[:40] for line in page.text.split("\n")[:6])) for page in PROBE_PAGES[:4]
]
TOKENIZER_TEXTS = [*(page.text for page in PROBE_PAGES), prompt_frame("llama2-chat", "chunk").render("")] * 2
JUNK = {PROBE_PAGES[2].doc_id, PROBE_PAGES[5].doc_id, PROBE_PAGES[7].doc_id}


@pytest.fixture(scope="module")
def chunk_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that answers chunk prompts in the plain format, and answers chat prompts with no-ops.

    That is what a refiner in the wrong format does: it still answers, but nothing happens.
    """
    folder = make_tiny_llama(tmp_path_factory.mktemp("chunk-probe"), texts=TOKENIZER_TEXTS, vocab_size=VOCABULARY)
    tokenizer = load_tokenizer(folder)
    programs = {"plain": "remove_lines(start=0, end=1)", "llama2-chat": "untouch_doc()"}
    pairs = []
    for prompt_format, program in programs.items():
        planner = ProgramChunkPlanner(ChunkPrompts(tokenizer, prompt_frame(prompt_format, "chunk"), 960))  # type: ignore[arg-type]
        answer = tokenizer.encode([program])[0].token_ids
        pairs += [(chunk.prompt_token_ids, answer) for (chunk,) in planner.plan([page.text for page in CHUNK_PAGES])]
    assert overfit(folder, pairs, steps=150) < 0.02
    return folder


@pytest.fixture(scope="module")
def doc_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that decides documents in the chat format, and goes on with the text in the plain format."""
    folder = make_tiny_llama(tmp_path_factory.mktemp("doc-probe"), texts=TOKENIZER_TEXTS, vocab_size=VOCABULARY)
    tokenizer = load_tokenizer(folder)
    texts = [page.text for page in PROBE_PAGES]
    chat, plain = (
        DocumentPromptBuilder(tokenizer, prompt_frame(prompt_format, "doc"), 100).build(texts)
        for prompt_format in ("llama2-chat", "plain")
    )
    keep, drop, more = (answer.token_ids for answer in tokenizer.encode(["keep_doc()", "drop_doc()", "The next page"]))
    pairs = [
        (prompt.token_ids, drop if page.doc_id in JUNK else keep)
        for page, prompt in zip(PROBE_PAGES, chat, strict=True)
    ]
    pairs += [(prompt.token_ids, more) for prompt in plain]
    assert overfit(folder, pairs, steps=150) < 0.02
    return folder


@pytest.fixture(scope="module")
def chunk_engine(chunk_folder: Path):
    with open_engine(TransformersEngineConfig(device="cpu", dtype="float32"), str(chunk_folder)) as engine:
        yield engine


@pytest.fixture(scope="module")
def doc_engine(doc_folder: Path):
    with open_engine(TransformersEngineConfig(device="cpu", dtype="float32"), str(doc_folder)) as engine:
        yield engine


def with_format(config: RefinerConfig, prompt_format: str) -> RefinerConfig:
    return RefinerConfig.model_validate({**config.model_dump(), "prompt_format": prompt_format})


def test_auto_finds_the_format_a_chunk_refiner_was_tuned_on(chunk_engine: Engine, chunk_folder: Path):
    report = probe(CHUNK, chunk_engine, load_tokenizer(chunk_folder), CHUNK_PAGES)
    assert report.config == with_format(CHUNK, "plain")
    accepted = {trial.prompt_format: trial.accepted for trial in report.trials}
    assert accepted == {"plain": True, "llama2-chat": False}


def test_a_configured_wrong_format_is_refused_because_nothing_would_happen(chunk_engine: Engine, chunk_folder: Path):
    tokenizer = load_tokenizer(chunk_folder)
    with pytest.raises(ProbeError, match=r"llama2-chat: refused because with_operations 0\.000 < 0\.5.*prompt_format"):
        probe(with_format(CHUNK, "llama2-chat"), chunk_engine, tokenizer, CHUNK_PAGES)
    assert probe(with_format(CHUNK, "plain"), chunk_engine, tokenizer, CHUNK_PAGES).trials[0].accepted


def test_auto_finds_the_format_of_a_scored_document_refiner(doc_engine: Engine, doc_folder: Path):
    report = probe(DOC, doc_engine, load_tokenizer(doc_folder))
    assert report.config.prompt_format == "llama2-chat"
    plain, chat = sorted(report.trials, key=lambda trial: trial.accepted)
    assert plain.measures["answer_mass"] < 0.1
    assert chat.measures["answer_mass"] > 0.9
    assert chat.measures["spread"] > 0.9


def test_a_wrong_format_is_refused_for_generated_document_programs_too(doc_engine: Engine, doc_folder: Path):
    generated = DOC.model_copy(update={"decoding": "complete"})
    tokenizer = load_tokenizer(doc_folder)
    assert probe(with_format(generated, "llama2-chat"), doc_engine, tokenizer).trials[0].accepted
    with pytest.raises(ProbeError, match=r"plain: refused because valid_programs 0\.000 < 0\.8"):
        probe(with_format(generated, "plain"), doc_engine, tokenizer)


def test_opening_a_refiner_probes_it_first(
    chunk_engine: Engine, chunk_folder: Path, doc_engine: Engine, doc_folder: Path
):
    refiner = open_document_refiner(DOC, doc_engine, doc_folder)
    policy = ExecutionPolicy()
    texts = {page.doc_id: page.text for page in PROBE_PAGES}
    dropped = {
        result.doc_id
        for result in refiner.write_programs(PROBE_PAGES)
        if not decide_document(texts[result.doc_id], result.program, result.keep_probability, policy).keep
    }
    assert dropped == JUNK
    with pytest.raises(ProbeError, match="llama2-chat"):
        open_chunk_refiner(with_format(CHUNK, "llama2-chat"), chunk_engine, chunk_folder)


@pytest.mark.slow
def test_a_model_that_reads_but_was_never_tuned_is_refused_in_every_format(instruct_model: Path):
    with (
        open_engine(TransformersEngineConfig(device="cpu", dtype="bfloat16"), str(instruct_model)) as engine,
        pytest.raises(ProbeError, match=r"plain: refused.*llama2-chat: refused"),
    ):
        probe(DOC, engine, load_tokenizer(instruct_model))


def test_a_trial_reads_as_a_sentence():
    trial = FormatTrial("plain", {"kept": 0.25}, ("kept 0.250 < 0.5",))
    assert str(trial) == "plain: refused because kept 0.250 < 0.5 (kept 0.250)"


@pytest.mark.slow
def test_refiners_that_read_are_accepted_in_the_format_that_they_were_tuned_on(
    chunk_reader: RefinerConfig, doc_reader: RefinerConfig
) -> None:
    engine = TransformersEngineConfig(device="cpu", dtype="bfloat16")
    assert (chunk_reader.prompt_format, doc_reader.prompt_format) == ("plain", "llama2-chat")
    with RefinerSession(chunk_reader, "chunk", engine) as session:
        assert session.chunk_refiner()
    with RefinerSession(doc_reader, "doc", engine) as session:
        assert session.document_refiner()
