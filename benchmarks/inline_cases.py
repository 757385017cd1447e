"""Print inline removals for a person to judge.

    python -m benchmarks.inline_cases --pages FILE [--count 200] [--seed 0]

Samples noise spans inside lines of validation pages that are not labelled boilerplate, evenly over the kinds of noise
while spans last. Prints each span in its line, between ⟦ and ⟧, with the bundled refiner's decision: R for removed, K
for kept. Nothing is scored; whether a decision is right is for the reader to say.
"""

import math
import random
import sys
from collections.abc import Collection
from pathlib import Path

from benchmarks.support.arguments import command_parser, positive
from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import ScoreRequest
from prox_assets.refiners.model.find import find_model
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.presets import named_refiners
from prox_assets.refiners.spans.candidates import Candidate, find_candidates
from prox_assets.refiners.spans.patterns import NoiseKind
from prox_assets.refiners.spans.prompts import InlinePromptBuilder
from prox_assets.training.data.pages import read_labelled_pages
from prox_assets.training.lab.evaluation import validation_pages

CONTEXT_CHARACTERS = 60


def main() -> int:
    """Print the cases; return the process's exit code."""
    parser = command_parser("inline_cases", __doc__)
    parser.add_argument("--count", type=positive, default=200, help="spans to print (200)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (0)")
    arguments = parser.parse_args()
    config = named_refiners("bundled").chunk
    if config is None or config.line_labels.inline is None or config.model is None:
        print("inline_cases: the bundled refiner has no inline model", file=sys.stderr)
        return 1
    settings = config.line_labels.inline
    folder = find_model(config.model).path
    tokenizer = load_tokenizer(folder)
    cases = _cases(arguments.pages, settings.kinds, arguments.count, arguments.seed)
    builder = InlinePromptBuilder(tokenizer, config.line_labels, config.prompt_budget)
    with open_engine(TransformersEngineConfig(dtype=config.dtype), str(folder)) as engine:
        requests = [
            ScoreRequest(str(number), prompt, (len(prompt) - 1,), builder.candidates)
            for number, prompt in enumerate(builder.prompts(cases))
        ]
        scores = {int(score.request_id): score.log_probabilities[0] for score in engine.score(requests)}
    for number, (line, span) in enumerate(cases):
        keep, remove = (math.exp(value) for value in scores[number])
        decision = "R" if remove / (keep + remove) > settings.remove_threshold else "K"
        left, right = line[: span.start][-CONTEXT_CHARACTERS:], line[span.end :][:CONTEXT_CHARACTERS]
        print(f"{number:3d} {decision} {span.kind.value:13s} {left}⟦{line[span.start : span.end]}⟧{right}")
    return 0


def _cases(pages: Path, kinds: Collection[NoiseKind], count: int, seed: int) -> list[tuple[str, Candidate]]:
    """Sample (line, span), taking the kinds of noise in turn while spans last."""
    rng = random.Random(seed)
    by_kind: dict[str, list[tuple[str, Candidate]]] = {}
    for page in validation_pages(list(read_labelled_pages(pages))):
        lines = page.text_full.split("\n")
        for line, label in zip(lines, page.labels("text_full"), strict=True):
            for span in find_candidates(line, kinds) if label != 0 else ():
                by_kind.setdefault(span.kind.value, []).append((line, span))
    for spans in by_kind.values():
        rng.shuffle(spans)
    chosen: list[tuple[str, Candidate]] = []
    while len(chosen) < count and any(by_kind.values()):
        chosen += [spans.pop() for spans in by_kind.values() if spans]
    return chosen[:count]


if __name__ == "__main__":
    sys.exit(main())
