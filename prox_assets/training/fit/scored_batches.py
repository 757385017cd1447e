"""Batches for scored answers: windows of lines, documents, and spans inside lines, as token ids with soft targets.

A batch depends only on the seed and its step number. scored_loss.py computes the loss. For refiners that write programs
see data/program_examples.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from prox_assets.programs import Chunk
from prox_assets.refiners.line_labels.prompts import LineLabelsPlanner, ShownDocument

if TYPE_CHECKING:
    import torch

# Prompts drawn for one batch. The batch takes those of similar length, so that little of it is padding.
POOL = 8
# Six of ten windows are chunks as inference cuts them. The others begin and end anywhere, so that decisions do not
# depend on where a chunk happens to begin.
PLANNED_SHARE = 0.6
MIN_WINDOW_LINES, MAX_WINDOW_LINES = 24, 160


@dataclass(frozen=True, slots=True)
class ScoredPrompt:
    """A prompt with its decisions.

    Attributes:
        token_ids: The tokens that the model sees.
        positions: Positions where decisions are read off.
        targets: Target P(keep) at each position.
        weights: Weight of each decision; the weights sum to 1.
    """

    token_ids: tuple[int, ...]
    positions: tuple[int, ...]
    targets: tuple[float, ...]
    weights: tuple[float, ...]


# Draws a prompt; equal generator states give equal prompts.
PromptSampler = Callable[[random.Random], ScoredPrompt]


@dataclass(frozen=True, slots=True)
class _LabelledLines:
    shown: ShownDocument
    targets: Sequence[float]
    weights: Sequence[float]
    chunks: list[Chunk]


class LinePrompts:
    """Draws windows of lines from labelled texts, each line with its target.

    All lines are tokenized and shortened once.

    Args:
        planner: Builds the prompts, as in inference.
        rows: Rows of TRAINING_CHUNKS.
        row_weights: Relative frequency of each row.
    """

    def __init__(
        self,
        planner: LineLabelsPlanner,
        rows: Sequence[Mapping[str, Any]],
        row_weights: Sequence[float],
    ) -> None:
        self._planner = planner
        self._texts: list[_LabelledLines] = []
        kept_weights: list[float] = []
        for row, weight in zip(rows, row_weights, strict=True):
            targets = row["distilled_targets"] or row["line_targets"]
            line_weights = row["distilled_weights"] or row["line_weights"]
            [shown] = planner.show([row["text"].split("\n")])
            # Blank lines are not shown.
            line_weights = [weight if line else 0.0 for line, weight in zip(shown.lines, line_weights, strict=True)]
            if sum(line_weights) <= 0:
                continue
            self._texts.append(_LabelledLines(shown, targets, line_weights, planner.chunks(shown.lines)))
            kept_weights.append(weight)
        self._cumulative_weights = list(accumulate(kept_weights))

    def __call__(self, rng: random.Random) -> ScoredPrompt:
        """Return a window of a text; windows in which every line has weight 0 are skipped."""
        while True:
            [text] = rng.choices(self._texts, cum_weights=self._cumulative_weights)
            chunk = self._window(text, rng)
            weights = text.weights[chunk.line_start : chunk.line_end + 1]
            if sum(weights) > 0:
                return self._prompt(text, chunk, weights)

    def _window(self, text: _LabelledLines, rng: random.Random) -> Chunk:
        if rng.random() < PLANNED_SHARE:
            return rng.choice(text.chunks)
        count = len(text.shown.lines)
        longest = min(count, MAX_WINDOW_LINES)
        wanted = rng.randint(min(MIN_WINDOW_LINES, longest), longest)
        start = rng.choice((0, count - wanted, rng.randint(0, count - wanted)))
        # Take as many of the wanted lines as fit a prompt.
        first = self._planner.chunks(text.shown.lines[start : start + wanted])[0]
        return Chunk(0, start, start + first.line_end)

    def _prompt(self, text: _LabelledLines, chunk: Chunk, weights: Sequence[float]) -> ScoredPrompt:
        planned = self._planner.prompt(chunk, text.shown)
        targets = text.targets[chunk.line_start : chunk.line_end + 1]
        whole = sum(weights)
        decided = [
            (position, target, weight / whole)
            for position, target, weight in zip(planned.positions, targets, weights, strict=True)
            if weight > 0
        ]
        positions, chosen, shares = zip(*decided, strict=True)
        return ScoredPrompt(planned.prompt_token_ids, positions, chosen, shares)


def single_prompts(
    prompts: Sequence[tuple[int, ...]], targets: Sequence[float], weights: Sequence[float]
) -> PromptSampler:
    """Return a sampler of prompts with one decision, read off after the last token: documents, or spans inside lines.

    Each has a target P(keep), and a weight in proportion to which it is drawn.
    """
    scored = [
        ScoredPrompt(prompt, (len(prompt) - 1,), (target,), (1.0,))
        for prompt, target in zip(prompts, targets, strict=True)
    ]
    cumulative = list(accumulate(weights))
    return lambda rng: rng.choices(scored, cum_weights=cumulative)[0]


@dataclass(frozen=True)
class ScoredBatches:
    """A dataset of batches: batch `i` depends only on the seed and `i`, so a resumed run sees the same batches.

    Attributes:
        sources: The sources of prompts, with the share of batches that each one fills.
        steps: Number of batches.
        batch_tokens: Largest number of tokens in a batch, padding included.
        seed: Seed of everything random.
        token_noise: Share of ordinary tokens replaced with random ones.
        special_tokens: Ids that are never replaced and never used as replacements.
        vocabulary: Number of ids.
        labels: Ids of the keep and the remove token.
    """

    sources: Sequence[tuple[PromptSampler, float]]
    steps: int
    batch_tokens: int
    seed: int
    token_noise: float
    special_tokens: frozenset[int]
    vocabulary: int
    labels: tuple[int, int]

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, number: int) -> list[ScoredPrompt]:
        """Return the prompts of a batch."""
        rng = random.Random(f"{self.seed}-{number}")  # noqa: S311 (nothing secret)
        [source] = rng.choices([source for source, _ in self.sources], [share for _, share in self.sources])
        first = source(rng)
        width = len(first.token_ids)
        room = self.batch_tokens // max(1, width)
        # Short prompts fill a batch by the hundred; long ones are chosen from a pool for their similar length.
        others = [source(rng) for _ in range(max(POOL, room) - 1)]
        fitting = [first]
        for prompt in sorted(others, key=lambda prompt: abs(len(prompt.token_ids) - len(first.token_ids))):
            width = max(width, len(prompt.token_ids))
            if width * (len(fitting) + 1) > self.batch_tokens:
                break
            fitting.append(prompt)
        return [self._with_noise(prompt, rng) for prompt in fitting]

    def _with_noise(self, prompt: ScoredPrompt, rng: random.Random) -> ScoredPrompt:
        if not self.token_noise:
            return prompt
        token_ids = tuple(
            self._ordinary(rng) if token not in self.special_tokens and rng.random() < self.token_noise else token
            for token in prompt.token_ids
        )
        return replace(prompt, token_ids=token_ids)

    def _ordinary(self, rng: random.Random) -> int:
        while (token := rng.randrange(self.vocabulary)) in self.special_tokens:
            pass
        return token

    def collate(self, batches: Sequence[Sequence[ScoredPrompt]]) -> dict[str, torch.Tensor]:
        """Return the tensors of a batch, as `scored_loss` expects them; padding is on the right."""
        import torch

        prompts = [prompt for batch in batches for prompt in batch]
        width = max(len(prompt.token_ids) for prompt in prompts)
        input_ids = torch.zeros((len(prompts), width), dtype=torch.long)
        for row, prompt in enumerate(prompts):
            input_ids[row, : len(prompt.token_ids)] = torch.tensor(prompt.token_ids)
        return {
            "input_ids": input_ids,
            "rows": torch.tensor([row for row, prompt in enumerate(prompts) for _ in prompt.positions]),
            "columns": torch.tensor([position for prompt in prompts for position in prompt.positions]),
            "targets": torch.tensor([target for prompt in prompts for target in prompt.targets]),
            "weights": torch.tensor([weight for prompt in prompts for weight in prompt.weights]) / len(prompts),
            "labels": torch.tensor(self.labels),
        }
