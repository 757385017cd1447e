"""The chunk refiner with inline settings: candidates are asked for on the same stream and become the row's program."""

import math
import shutil

import pytest

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import EngineError, Score, ScoreRequest
from prox_assets.programs import ExecutionPolicy, execute
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.model.chunk_refiner import ModelChunkRefiner
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.open import open_chunk_refiner
from prox_assets.refiners.prompts.makers import ChunkPromptMaker
from prox_assets.refiners.protocol import ChunkPrograms, RefinerInput
from prox_assets.refiners.spans.calls import NoiseSpan, normalize_calls
from prox_assets.refiners.spans.candidates import find_candidates
from prox_assets.refiners.spans.config import InlineSettings
from prox_assets.refiners.spans.prompts import InlinePromptBuilder
from prox_assets.refiners.spans.questions import CHUNK_CHARACTERS
from prox_assets.testing.tiny_models import overfit
from prox_assets_tests.refiners.conftest import INLINE_LABELS
from prox_assets_tests.refiners.scripted_engine import ScriptedEngine

CONFIG = RefinerConfig(
    name="inline",
    level="chunk",
    model="tiny",
    dialect="line-labels",
    line_labels=INLINE_LABELS,
    window=300,
    probe=False,
)
KEEP, REMOVE = (-0.1, -2.4), (-2.4, -0.1)
TEXT = "The lake froze.[1] It thawed.[2]\nNothing here.\nThe wall a[1] fell. Read more »"


def refine(tokenizer, engine, *texts: str, config: RefinerConfig = CONFIG) -> list[ChunkPrograms]:
    documents = [RefinerInput(str(number), text) for number, text in enumerate(texts)]
    results = ModelChunkRefiner(config, engine, tokenizer).write_programs(documents)
    return sorted(results, key=lambda result: result.doc_id)


def is_about_a_span(tokenizer, request: ScoreRequest) -> bool:
    return tokenizer.special_token_id("<norm>") in request.prompt_token_ids


def scored(request: ScoreRequest, *rows: tuple[float, float]) -> Score:
    return Score(request.request_id, rows, len(request.prompt_token_ids))


def judging(tokenizer, noise: set[str], seen: list[ScoreRequest] | None = None, group: int = 3) -> ScriptedEngine:
    """Return an engine that keeps every line and calls those spans noise that spell one of some texts."""
    spelled = {tokenizer.encode([text])[0].token_ids for text in noise}
    opens, closes = tokenizer.special_token_id("<span>"), tokenizer.special_token_id("</span>")

    def score(request: ScoreRequest) -> Score:
        if seen is not None:
            seen.append(request)
        ids = request.prompt_token_ids
        if opens not in ids:
            return scored(request, *[KEEP] * len(request.positions))
        return scored(request, REMOVE if ids[ids.index(opens) + 1 : ids.index(closes)] in spelled else KEEP)

    return ScriptedEngine(score=score, group=group)


@pytest.mark.parametrize("group", [1, 2, 50])
def test_spans_that_are_judged_noise_become_the_program_whatever_the_order_of_answers(inline_tokenizer, group):
    seen: list[ScoreRequest] = []
    engine = judging(inline_tokenizer, {"[1]", "[2]", " Read more »"}, seen, group)
    (result,) = refine(inline_tokenizer, engine, TEXT)
    (row,) = result.rows
    assert row.line_keep_probabilities is not None
    assert len(row.line_keep_probabilities) == 3
    assert row.finish_reason == "scored"
    assert row.prompt_tokens == sum(len(request.prompt_token_ids) for request in seen)
    assert [request.positions for request in seen if is_about_a_span(inline_tokenizer, request)] == [
        (len(request.prompt_token_ids) - 1,) for request in seen if is_about_a_span(inline_tokenizer, request)
    ]
    refined = execute(TEXT, [((0, 2), row.program)], ExecutionPolicy(dialect="line-labels"))
    assert refined.text == "The lake froze. It thawed.\nNothing here.\nThe wall a fell."
    assert refined.operations_failed == 0


def test_a_page_with_crlf_gets_the_program_of_the_page_with_lf_and_keeps_its_line_ends(inline_tokenizer):
    noise = {"[1]", "[2]", " Read more »"}
    lines = [*TEXT.split("\n"), "A wall[1] of x[1]a", "fell.[2]"]
    pages = [end.join(lines) for end in ("\n", "\r\n")]
    lf, crlf = refine(inline_tokenizer, judging(inline_tokenizer, noise), *pages)
    assert crlf.rows == lf.rows
    program = crlf.rows[0].program
    assert program is not None
    texts = [execute(page, [((0, 4), program)], ExecutionPolicy(dialect="line-labels")) for page in pages]
    assert texts[1].text == texts[0].text.replace("\n", "\r\n")
    assert [refined.operations_failed for refined in texts] == [0, 0]


def test_the_carriage_return_of_a_line_is_in_no_string():
    lines = ["the end[1]\r", "x[1]a\r", "Read the end\r"]
    [span] = find_candidates(lines[0])
    calls = normalize_calls(lines, [NoiseSpan(0, span)])
    assert [call.source for call in calls] == ["end[1]"]


def test_a_pair_of_controls_across_lines_is_asked_for_no_more_than_one_in_a_line(inline_tokenizer):
    judge = ChunkPromptMaker(CONFIG, inline_tokenizer).judge
    assert judge is not None
    assert judge.questions(["\u2067The wall", "stands[1] today.\u2069", "It \u2069 is old."]) != []
    asked = judge.questions(["\u2067The wall", "stands[1] today.\u2069", "It \u2069 is old."])
    assert [(line, span.kind) for line, span in (question.noise_span for question in asked)] == [
        (1, "citation"),
        (2, "invisible"),
    ]


def test_a_row_has_no_program_where_nothing_is_noise_or_nothing_was_asked(inline_tokenizer):
    results = refine(inline_tokenizer, judging(inline_tokenizer, set()), TEXT, "Plain text.\nMore of it.")
    assert [row.program for result in results for row in result.rows] == [None, None]
    assert all(row.line_keep_probabilities for result in results for row in result.rows)


def test_the_threshold_decides_what_is_noise(inline_tokenizer):
    strict = INLINE_LABELS.model_copy(update={"inline": InlineSettings(remove_threshold=0.95)})
    engine = judging(inline_tokenizer, {"[1]", "[2]", " Read more »"})
    (result,) = refine(inline_tokenizer, engine, TEXT, config=CONFIG.model_copy(update={"line_labels": strict}))
    assert result.rows[0].program is None


def test_chunks_have_their_own_spans(inline_tokenizer):
    lines = [f"Line {number} ends here.[{number}]" for number in range(40)]
    noise = {f"[{number}]" for number in range(0, 40, 2)}
    (result,) = refine(inline_tokenizer, judging(inline_tokenizer, noise), "\n".join(lines))
    assert len(result.rows) == 2
    programs = [((row.line_start, row.line_end), row.program) for row in result.rows]
    refined = execute("\n".join(lines), programs, ExecutionPolicy()).text
    expected = [line.partition("[")[0] if number % 2 == 0 else line for number, line in enumerate(lines)]
    assert refined.split("\n") == expected


@pytest.mark.parametrize("failure", ["refused", None])
def test_one_failed_span_makes_its_document_an_error_and_no_other(inline_tokenizer, failure):
    failed = []

    def score(request: ScoreRequest) -> Score:
        if is_about_a_span(inline_tokenizer, request) and not failed:
            failed.append(request)
            rows = () if failure else ((-math.inf, -math.inf),)
            return Score(request.request_id, rows, 5, error=failure)
        return scored(request, *[KEEP] * len(request.positions))

    results = refine(inline_tokenizer, ScriptedEngine(score=score, group=1), TEXT, TEXT)
    assert [result.error is None for result in results] == [False, True]
    assert "span 0" in (results[0].error or "")
    (row,) = results[0].rows
    assert (row.finish_reason, row.program, row.line_keep_probabilities) == ("error", None, None)


def test_an_engine_that_loses_a_span_is_reported(inline_tokenizer):
    def score(request: ScoreRequest) -> Score | None:
        if is_about_a_span(inline_tokenizer, request):
            return None
        return scored(request, *[KEEP] * len(request.positions))

    with pytest.raises(EngineError, match=r"an answer to \d prompts"):
        refine(inline_tokenizer, ScriptedEngine(score=score), TEXT)


def test_spans_are_asked_for_while_documents_stream_in(inline_tokenizer):
    """With 64 candidates a line, planning a corpus ahead would fill memory."""
    pulled = 0

    def documents():
        nonlocal pulled
        for number in range(500):
            pulled += 1
            yield RefinerInput(str(number), TEXT)

    refiner = ModelChunkRefiner(CONFIG, judging(inline_tokenizer, set()), inline_tokenizer)
    next(iter(refiner.write_programs(documents())))
    assert pulled <= 64


def test_candidates_beyond_the_limits_are_not_asked_for(inline_tokenizer):
    seen: list[ScoreRequest] = []
    few = INLINE_LABELS.model_copy(update={"inline": InlineSettings(max_candidates=2)})
    config = CONFIG.model_copy(update={"line_labels": few})
    refine(inline_tokenizer, judging(inline_tokenizer, set(), seen), TEXT, config=config)
    assert len(seen) == 3
    refine(inline_tokenizer, judging(inline_tokenizer, set(), seen), "It froze.[1] " + "x" * CHUNK_CHARACTERS)
    assert len(seen) == 4


def test_a_trained_model_cleans_inside_lines(inline_folder, tmp_path):
    """The checkpoint is overfitted to call [1] noise behind a full stop, and to keep it elsewhere."""
    folder = tmp_path / "trained"
    shutil.copytree(inline_folder, folder)
    tokenizer = load_tokenizer(folder)
    builder = InlinePromptBuilder(tokenizer, INLINE_LABELS, 299)
    keep, remove = builder.candidates
    lines = ["The lake froze.[1] It thawed.", "Take b[1] and go."]
    pairs = [(line, span) for line in lines for span in find_candidates(line)]
    answers = [(prompt, (label,)) for prompt, label in zip(builder.prompts(pairs), (remove, keep), strict=True)]
    assert overfit(folder, answers, steps=80) < 0.05
    with open_engine(TransformersEngineConfig(device="cpu", dtype="float32"), str(folder)) as engine:
        refiner = open_chunk_refiner(CONFIG, engine, folder)
        (result,) = refiner.write_programs([RefinerInput("d", "\n".join(lines))])
    (row,) = result.rows
    assert execute("\n".join(lines), [((0, 1), row.program)]).text == f"The lake froze. It thawed.\n{lines[1]}"
