"""Page F1 of a cascade against the share of tokens that its model reads: `python -m benchmarks.cascade_curve`.

The model reads all chunks of development pages once (`--cache FILE` keeps its answers); then every rule of asking is
tried on these answers. Weights are fitted on the same pages, three numbers for all. `--check` runs the cascade itself
with its default rule, and measures its pages per second.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.support.arguments import command_parser
from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.programs import Chunk, ExecutionPolicy
from prox_assets.refiners.cascade.combining import combined
from prox_assets.refiners.cascade.gains import gains_of_chunks
from prox_assets.refiners.cascade.settings import CascadeSettings
from prox_assets.refiners.config import RefinerConfig, RefinerPair
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import cascade_classifier
from prox_assets.refiners.presets import BUNDLED, LINES, SHIPPED, named_refiners
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms
from prox_assets.refiners.session import RefinerSession
from prox_assets.training.data.pages import REGIMES, LabelledPage, Regime, read_labelled_pages
from prox_assets.training.evaluation.calibration import line_predictions
from prox_assets.training.evaluation.cascade import fit_weights
from prox_assets.training.evaluation.evaluate import NO_FLOOR, chunk_programs, measure_chunks
from prox_assets.training.evaluation.table import markdown

MIN_GAINS = (0.0, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 1e9)
BANDS = (0.02, 0.1, 0.3, 0.4)


@dataclass(frozen=True)
class Answers:
    """The answers of both refiners to the pages of one regime, and the seconds that each took."""

    pages: list[LabelledPage]
    model: list[ChunkPrograms]
    classifier: list[ChunkPrograms]
    model_seconds: float
    classifier_seconds: float

    def keep(self, place: int) -> Sequence[float]:
        """Return the classifier's P(keep) of each line of a page."""
        return self.classifier[place].rows[0].line_keep_probabilities or ()

    @property
    def tokens(self) -> int:
        """Tokens of all chunks."""
        return sum(row.prompt_tokens for answer in self.model for row in answer.rows)


# Tells which chunks of a page are asked about.
Rule = Callable[[str, Sequence[float], list[tuple[Chunk, int]]], list[bool]]


def by_gain(min_gain: float, spread: float) -> Rule:
    """Ask where the expected gain is worth its tokens."""
    return lambda text, keep, chunks: [gain >= min_gain for gain in gains_of_chunks(text, keep, chunks, spread)]


def by_band(low: float) -> Rule:
    """Ask about chunks with a line whose P(keep) lies between `low` and 1 - `low`."""

    def rule(text: str, keep: Sequence[float], chunks: list[tuple[Chunk, int]]) -> list[bool]:
        del text
        return [any(low < keep[line] < 1 - low for line in _lines(chunk)) for chunk, _ in chunks]

    return rule


def _lines(chunk: Chunk) -> range:
    return range(chunk.line_start, chunk.line_end + 1)


def simulate(found: Answers, regime: Regime, rule: Rule, settings: CascadeSettings) -> list[ChunkPrograms]:
    """Return what the cascade would answer to each page."""
    answers = []
    for place, (page, answer) in enumerate(zip(found.pages, found.model, strict=True)):
        keep = found.keep(place)
        chunks = [(Chunk(row.chunk_index, row.line_start, row.line_end), row.prompt_tokens) for row in answer.rows]
        asked = rule(page.text(regime), keep, chunks) if keep else [True] * len(chunks)
        rows = [
            _row(row, keep[row.line_start : row.line_end + 1], is_asked, settings) if keep else row
            for row, is_asked in zip(answer.rows, asked, strict=True)
        ]
        answers.append(replace(answer, rows=tuple(rows)))
    return answers


def _row(row: ChunkProgramRow, keep: Sequence[float], asked: bool, settings: CascadeSettings) -> ChunkProgramRow:
    if row.line_keep_probabilities is None:
        return row
    if not asked:
        return replace(row, line_keep_probabilities=tuple(keep), prompt_tokens=0)
    pairs = zip(keep, row.line_keep_probabilities, strict=True)
    return replace(row, line_keep_probabilities=tuple(combined(*pair, settings) for pair in pairs))


def _ask(config: RefinerConfig, pages: Sequence[LabelledPage], regime: Regime) -> tuple[list[ChunkPrograms], float]:
    labels = config.line_labels.model_copy(update={"inline": None})
    plain = config.model_copy(update={"probe": False, "line_labels": labels})
    with RefinerSession(plain, "chunk", TransformersEngineConfig()) as session:
        refiner = session.chunk_refiner()
        texts = [page.text(regime) for page in pages]
        chunk_programs(refiner, texts[:2])  # warm-up
        begin = time.perf_counter()
        return chunk_programs(refiner, texts), time.perf_counter() - begin


def _cached(
    file: Path | None, config: RefinerConfig, pages: Sequence[LabelledPage], regime: Regime
) -> tuple[list[ChunkPrograms], float]:
    kept = None if file is None else file.with_name(f"{file.name}.{regime}.json")
    if kept is not None and kept.is_file():
        told = json.loads(kept.read_text())
        return [_of_json(answer) for answer in told["answers"]], told["seconds"]
    answers, seconds = _ask(config, pages, regime)
    if kept is not None:
        kept.write_text(json.dumps({"seconds": seconds, "answers": [asdict(answer) for answer in answers]}))
    return answers, seconds


def _of_json(told: dict[str, Any]) -> ChunkPrograms:
    rows: list[ChunkProgramRow] = []
    for row in told["rows"]:
        keep: list[float] | None = row["line_keep_probabilities"]
        rows.append(ChunkProgramRow(**{**row, "line_keep_probabilities": None if keep is None else tuple(keep)}))
    return ChunkPrograms(told["doc_id"], tuple(rows), told["error"])


def _f1(found: Answers, regime: Regime, programs: list[ChunkPrograms], policy: ExecutionPolicy) -> float:
    return measure_chunks(found.pages, regime, programs, policy).word_f1


def curve(answers: dict[Regime, Answers], settings: CascadeSettings, policy: ExecutionPolicy) -> str:
    """Return a table: a row for each rule, with share of tokens, page F1 and pages per second for each regime."""
    rules: list[tuple[str, str, Rule]] = [
        ("expected gain per 1,000 tokens", f"{least:g}", by_gain(least, settings.spread)) for least in MIN_GAINS
    ]
    rules += [("a line in between", f"{low:g} and {1 - low:g}", by_band(low)) for low in BANDS]
    rows = []
    for name, value, rule in rules:
        cells = [name, value]
        for regime, found in answers.items():
            programs = simulate(found, regime, rule, settings)
            share = sum(row.prompt_tokens for answer in programs for row in answer.rows) / found.tokens
            seconds = found.classifier_seconds + share * found.model_seconds
            speed = len(found.pages) / seconds
            cells += [f"{share:.1%}", f"{_f1(found, regime, programs, policy):.4f}", f"{speed:.1f}"]
        rows.append(tuple(cells))
    header = ["asked about a chunk by", "at least"]
    for regime in answers:
        header += [f"{regime}: tokens", "page F1", "pages/s"]
    return markdown(tuple(header), rows)


def main() -> int:
    """Print the curve; return the process's exit code."""
    parser = command_parser("cascade_curve", __doc__)
    parser.add_argument("--model", default=BUNDLED, help=f"preset or folder of a refiner that scores lines ({BUNDLED})")
    parser.add_argument("--classifier", default=SHIPPED[LINES], help="folder of the classifier (the package's)")
    parser.add_argument("--every", type=int, default=1, help="use every n-th page only")
    parser.add_argument("--cache", type=Path, help="keep the model's answers in files of this name")
    parser.add_argument("--spread", type=float, default=CascadeSettings().spread, help="see CascadeSettings")
    parser.add_argument("--check", action="store_true", help="run the cascade itself, too")
    options = parser.parse_args()
    pages = [page for page in read_labelled_pages(options.pages) if page.split == "development" and not page.is_silver]
    pages = pages[:: options.every]
    pair = named_refiners(options.model)
    if pair.chunk is None or pair.chunk.decoding != "score":
        print(f"error: {options.model} scores no lines", file=sys.stderr)
        return 1
    settings = CascadeSettings(classifier=options.classifier, spread=options.spread)
    cascade = pair.chunk.model_copy(update={"kind": "cascade", "cascade": settings})
    answers: dict[Regime, Answers] = {}
    for regime in REGIMES:
        shown = [page for page in pages if page.text(regime).strip()]
        model, seconds = _cached(options.cache, pair.chunk, shown, regime)
        first, own_seconds = _ask(cascade_classifier(cascade), shown, regime)
        answers[regime] = Answers(shown, model, first, seconds, own_seconds)
    weights = fit_weights(
        both
        for regime, found in answers.items()
        for both in zip(
            line_predictions(found.pages, regime, found.classifier),
            line_predictions(found.pages, regime, found.model),
            strict=True,
        )
        if len(both[0]) == len(both[1])
    )
    if weights is None:
        raise RefinerError("no weights can be fitted: too few pages, or the model adds nothing")
    settings = settings.model_copy(update=weights._asdict())
    policy = RefinerPair(name="curve", chunk=pair.chunk).policy(dialect="line-labels", **NO_FLOOR)
    for regime, found in answers.items():
        alone = _f1(found, regime, found.model, policy), _f1(found, regime, found.classifier, policy)
        print(
            f"{regime}: {len(found.pages)} pages, {found.tokens / len(found.pages):,.0f} tokens each; page F1 of the "
            f"model {alone[0]:.4f}, of the classifier {alone[1]:.4f}"
        )
    print(f"weights: {', '.join(f'{name} {value:.3f}' for name, value in weights._asdict().items())}\n")
    print(curve(answers, settings, policy))
    if options.check:
        checked = pair.chunk.model_copy(update={"kind": "cascade", "cascade": settings})
        for regime, found in answers.items():
            programs, seconds = _ask(checked, found.pages, regime)
            tokens = sum(row.prompt_tokens for answer in programs for row in answer.rows)
            print(
                f"the cascade itself, {regime}: {tokens / found.tokens:.1%} of tokens, page F1 "
                f"{_f1(found, regime, programs, policy):.4f}, {len(found.pages) / seconds:.1f} pages/s"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
