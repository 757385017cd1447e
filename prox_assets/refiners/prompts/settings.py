"""How a refiner's prompts are written where its dialect leaves a choice: the chat's messages, and windows."""

from hashlib import sha256
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prox_assets.programs import DIALECTS
from prox_assets.refiners.prompts.system_messages import RELEASED_MESSAGES, released_message

# Dialects of models that were tuned on their checkpoint's chat template, each with chunk programs only.
CHAT_DIALECTS = frozenset(DIALECTS) - {"prox", "line-labels", "canonical"}


def is_none(value: object) -> bool:
    """Return whether a value is None, so that it is left out of stored configurations."""
    return value is None


class PromptSettings(BaseModel):
    """Settings of prompts; those that are not set are in no stored configuration and no fingerprint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system_message: str | None = Field(
        default=None, exclude_if=is_none, description="Prompt format chat: the system message. None: there is none."
    )
    released_message: str | None = Field(
        default=None,
        exclude_if=is_none,
        description=f"Prompt format chat: the system message that was published with a refiner "
        f"({', '.join(RELEASED_MESSAGES)}), which `prox system-message` fetches; instead of system_message.",
    )
    template_arguments: dict[str, bool | int | str] | None = Field(
        default=None,
        exclude_if=is_none,
        description="Prompt format chat: what the checkpoint's chat template is given beside the messages, such as "
        "enable_thinking: false.",
    )
    window_characters: int | None = Field(
        default=None,
        ge=1,
        exclude_if=is_none,
        description="Most characters of the numbered lines in a prompt. Dialect ultrax: 48000 by default.",
    )
    window_overlap: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        exclude_if=is_none,
        description="Share of a window that the next one shows again. Dialect ultrax: 0.2 by default.",
    )

    @model_validator(mode="after")
    def _has_one_system_message(self) -> Self:
        if self.released_message is None:
            return self
        if self.system_message is not None:
            raise ValueError("system_message and released_message are two ways to say one thing: set one of them")
        if self.released_message not in RELEASED_MESSAGES:
            raise ValueError(f"released_message knows {', '.join(RELEASED_MESSAGES)}, not {self.released_message!r}")
        return self

    @staticmethod
    def with_prompt_defaults(values: dict[str, Any]) -> dict[str, Any]:
        """Return a refiner's settings with what its dialect decides where they do not say it."""
        if values.get("dialect") not in CHAT_DIALECTS:
            return values
        dialect = DIALECTS[values["dialect"]]
        filled = {"line_numbers": dialect.line_numbers, **values}
        if filled.get("prompt_format", "auto") == "auto":
            filled["prompt_format"] = "chat"
        if dialect.overlapping_characters:
            given = {name: value for name, value in filled.items() if value is not None}
            windows = {"window_characters": dialect.window_characters, "window_overlap": dialect.window_overlap}
            filled = {**windows, **given}
        return filled

    def check_prompts(self, dialect: str, level: str, prompt_format: str, line_numbers: str) -> None:
        """Check that these settings fit the other settings of their refiner.

        Raises:
            ValueError: They do not.
        """
        if dialect in CHAT_DIALECTS and level == "doc":
            raise ValueError(f"the dialect {dialect} has programs for chunks only: set level to chunk")
        if not DIALECTS[dialect].shows_blank_lines and line_numbers == "document":
            raise ValueError(f"{dialect} numbers the lines that each chunk shows: leave out line_numbers")
        has_windows = self.window_characters is not None or self.window_overlap is not None
        most = DIALECTS[dialect].overlapping_characters
        if has_windows and not (most and line_numbers == "document"):
            raise ValueError("windows of characters that overlap belong to the dialect ultrax, numbered by document")
        if int((self.window_characters or 0) * (self.window_overlap or 0)) > most:
            raise ValueError(
                f"windows of {self.window_characters} characters that overlap by {self.window_overlap} have more than "
                f"{most} characters in common, and the executor would take their numbers for lines that nobody showed"
            )
        if prompt_format != "chat" and (self.system_message or self.released_message or self.template_arguments):
            raise ValueError("a system message and template arguments belong to the prompt format chat")

    def system_text(self) -> str | None:
        """Return the text of the system message; None if there is none.

        Raises:
            RefinerError: It is a released one that is not in the cache; the message names the command that fetches it.
        """
        if self.released_message is None:
            return self.system_message
        return released_message(self.released_message).of_cache()

    def prompt_fingerprint(self) -> dict[str, object]:
        """Return what the inference fingerprint covers of the settings that are set; of a message, its text."""
        covered: dict[str, object] = {}
        if self.released_message is not None:
            covered["system_message"] = released_message(self.released_message).sha256
        elif self.system_message is not None:
            covered["system_message"] = sha256(self.system_message.encode("utf-8", "replace")).hexdigest()
        if self.template_arguments:
            covered["template_arguments"] = self.template_arguments
        for name in ("window_characters", "window_overlap"):
            if (value := getattr(self, name)) is not None:
                covered[name] = value
        return covered
