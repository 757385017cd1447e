"""Prompts for document refiners: the whole document, or the longest head of it that fits the token budget.

The line-labels dialect shortens lines instead; see line_labels/prompts.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from prox_assets.refiners.cascade.opinions import DocumentOpinion
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.tokenization import EncodedText, PromptTokenizer
from prox_assets.refiners.prompts.formats import PromptFrame

# A token is about four characters of English. A head with this many characters per token of the budget is encoded
# first, and a longer head only if the first did not fill the budget. Starting with 16 gave the same prompts for 1,569
# real pages, at 1.9 times the processor time with a budget of 512 tokens and 1.4 times with one of 2,000.
FIRST_LOOK_CHARACTERS_PER_TOKEN = 6


@dataclass(frozen=True, slots=True)
class DocumentPrompt:
    """The prompt for one document.

    Attributes:
        token_ids: Exactly the tokens that the model will see; none where a cascade does not ask it.
        truncated: Whether they show only the head of the document.
        opinion: In a cascade, what its classifier says.
    """

    token_ids: tuple[int, ...]
    truncated: bool
    opinion: DocumentOpinion | None = None


class DocumentPromptBuilder:
    """Builds document prompts of at most `budget` tokens, beginning-of-sequence token included.

    The document is cut, never the frame, so the end of the template, where the model answers, always survives. The
    whole rendered prompt is tokenized at once, because tokens can merge across the joints of separate pieces.
    """

    def __init__(self, tokenizer: PromptTokenizer, frame: PromptFrame, budget: int) -> None:
        """Prepare for one frame and budget.

        Raises:
            RefinerError: The frame alone fills the budget.
        """
        self._tokenizer = tokenizer
        self._frame = frame
        fixed = len(tokenizer.opening) + frame.fixed_tokens
        self._budget = budget - fixed
        overhead = len(tokenizer.encode([frame.render("")])[0])
        if overhead >= self._budget:
            raise RefinerError(
                f"The prompt template alone takes {overhead + fixed} of {budget} tokens: raise window or "
                "max_prompt_tokens."
            )

    def build(self, texts: Sequence[str]) -> list[DocumentPrompt]:
        """Return one prompt per text."""
        prompts: list[DocumentPrompt | None] = [None] * len(texts)
        heads = dict.fromkeys(range(len(texts)), self._budget * FIRST_LOOK_CHARACTERS_PER_TOKEN)
        while heads:
            # The released template strips the message, so a document's trailing white space is never shown.
            shown = {index: texts[index][:length].rstrip() for index, length in heads.items()}
            encoded = self._tokenizer.encode([self._frame.render(head) for head in shown.values()])
            for (index, head), encoding in zip(shown.items(), encoded, strict=True):
                whole = heads[index] >= len(texts[index])
                if len(encoding) > self._budget:
                    prompts[index] = self._cut(head, encoding)
                elif whole:
                    prompts[index] = self._prompt(encoding, truncated=False)
                else:
                    heads[index] *= 4
                    continue
                del heads[index]
        return [prompt for prompt in prompts if prompt is not None]

    def _cut(self, head: str, encoding: EncodedText) -> DocumentPrompt:
        """Cut the excess tokens off a head whose prompt is too long, and repeat until the prompt fits."""
        while (excess := len(encoding) - self._budget) > 0:
            start, end = len(self._frame.prefix), len(self._frame.prefix) + len(head)
            # Always shorter than before, even where one character takes many tokens.
            token = encoding.tokens_before(end) - excess
            head = head[: encoding.start(token) - start] if token >= encoding.tokens_before(start + 1) else ""
            head = head.rstrip()
            encoding = self._tokenizer.encode([self._frame.render(head)])[0]
        return self._prompt(encoding, truncated=True)

    def _prompt(self, encoding: EncodedText, *, truncated: bool) -> DocumentPrompt:
        return DocumentPrompt(self._tokenizer.opening + self._frame.enclose(encoding.token_ids), truncated)
