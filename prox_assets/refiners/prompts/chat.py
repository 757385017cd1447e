"""The prompt format `chat`: a checkpoint's own chat template, around a document that cannot end its own prompt.

The template's special tokens are encoded as themselves, those that a document spells as ordinary text. A tokenizer cuts
a text at its added tokens before anything else, so the prompt is the tokens up to the last added token before the
document, one stretch of ordinary text, and the tokens from the next added token on. For a document that spells no added
token this is exactly how the tokenizer encodes the rendered template.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

from prox_assets.engines.extras import packages_of
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.prompts.formats import PromptFrame
from prox_assets.refiners.prompts.settings import PromptSettings

# Texts by which the frame is checked against the tokenizer's own encoding of the whole.
_CHECKED = ("Some text", "[000]a\n\n<lid:2> b", "1 \n x\n")


def chat_frame(settings: PromptSettings, tokenizer: PromptTokenizer) -> tuple[PromptFrame, PromptTokenizer]:
    """Return the frame that a checkpoint's chat template makes, and the tokenizer for what is shown in it.

    Args:
        settings: The system message and the template's arguments.
        tokenizer: The checkpoint's tokenizer, loaded from its folder.

    Raises:
        RefinerError: The checkpoint has no chat template, it does not show the message as it is, it shows the time, or
            the tokenizer does not keep the template's special tokens apart from the text beside them. The system
            message is missing.
    """
    folder = tokenizer.folder
    if folder is None:
        raise RefinerError("The prompt format chat needs the folder of a checkpoint, which has its chat template.")
    system = settings.system_text()
    render = _Template(folder, system, settings.template_arguments or {})
    shown = f"document {sha256((system or '').encode('utf-8', 'replace')).hexdigest()}"
    before, *after = render(shown).split(shown)
    if len(after) != 1:
        raise RefinerError(f"The chat template in {folder} shows the user's message {len(after)} times, not once.")
    spaced = f"\n {shown} \n"
    trims = spaced not in render(spaced)
    opening, closing = tokenizer.encode_marked(before), tokenizer.encode_marked(after[0])
    last = opening.added[-1] if opening.added else None
    next_ = closing.added[0] if closing.added else None
    frame = PromptFrame(
        prefix=before if last is None else before[last.end :],
        suffix=after[0] if next_ is None else after[0][: next_.start],
        ids_before=() if last is None else opening.token_ids[: last.place + 1],
        ids_after=() if next_ is None else closing.token_ids[next_.place :],
        trims=trims,
    )
    plain = tokenizer.as_text_only()
    for text in _CHECKED:
        ids = frame.enclose(plain.encode([frame.render(text)])[0].token_ids)
        if ids != tokenizer.encode_marked(render(text)).token_ids:
            raise RefinerError(
                f"The tokenizer in {folder} does not keep the special tokens of its chat template apart from the text "
                "beside them, so a document could change how its prompt is read: this template cannot be used."
            )
    return frame, plain


class _Template:
    """Renders a checkpoint's chat template with one user message."""

    def __init__(self, folder: Path, system: str | None, arguments: dict[str, bool | int | str]) -> None:
        with packages_of("models", RefinerError):
            from transformers import AutoTokenizer

        self._folder = folder
        self._messages = [] if system is None else [{"role": "system", "content": system}]
        self._arguments: dict[str, Any] = dict(arguments)
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise RefinerError(f"The tokenizer in {folder} cannot be read: {error}.") from error
        if not self._tokenizer.chat_template:
            raise RefinerError(
                f"{folder} has no chat template: neither chat_template.jinja nor one in tokenizer_config.json. Copy it "
                "from where the checkpoint was published, or choose another prompt_format."
            )

    def __call__(self, message: str) -> str:
        from jinja2 import TemplateError

        messages = [*self._messages, {"role": "user", "content": message}]
        try:
            rendered = self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, strftime_now=self._no_clock, **self._arguments
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise RefinerError(f"The chat template in {self._folder} cannot be used: {error}.") from error
        return str(rendered)

    def _no_clock(self, *_: object) -> str:
        """Stand in for the clock that transformers gives to templates."""
        raise RefinerError(
            f"The chat template in {self._folder} shows the time (strftime_now), so the same document would get other "
            "programs tomorrow. Give what it shows in template_arguments, if it takes a date from there."
        )
