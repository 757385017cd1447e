"""The JSON of /v1/chat/completions: requests to a chat server, and its answers.

The server client in `engines` handles HTTP and retries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prox_assets.engines.protocol import EngineError
from prox_assets.engines.server.client import CompletionsClient
from prox_assets.training.annotation.config import AnnotatorConfig, Tokens
from prox_assets.training.annotation.prompts import Message

# Allowances for the chat template: tokens around each message, and around all of them (some add a system message).
_TEMPLATE_TOKENS_PER_MESSAGE = 32
_TEMPLATE_TOKENS = 256


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """The answer to one request, with the server's token counts.

    Attributes:
        text: The text; "" if the server sent none.
        finish_reason: The server's reason: stop, length, content_filter, ...
        refusal: The content of the server's refusal field; None without one.
    """

    text: str
    finish_reason: str
    refusal: str | None
    prompt_tokens: int
    completion_tokens: int

    @property
    def tokens(self) -> Tokens:
        """Both counts."""
        return Tokens(self.prompt_tokens, self.completion_tokens)


class ChatModel:
    """A served chat model, asked with the temperature and extra fields of the configuration."""

    def __init__(self, client: CompletionsClient, name: str, config: AnnotatorConfig) -> None:
        self._client = client
        self.name = name
        self._common = {"model": name, "temperature": config.temperature, **config.extra}

    async def ask(self, messages: Sequence[Message], max_tokens: int) -> ChatAnswer:
        """Return the answer to one conversation.

        Raises:
            RequestRefusedError: The server refuses to run the request.
            RequestFailedError: Every attempt failed.
            EngineError: The server is gone, or is not an OpenAI-compatible chat server.
        """
        return _read(await self._client.chat({**self._common, "messages": messages, "max_tokens": max_tokens}))


def most_prompt_tokens(messages: Sequence[Message]) -> int:
    """Return an upper bound on the prompt tokens of a conversation.

    A text never has more tokens than UTF-8 bytes (byte-level BPE, byte fallback); the chat template adds its own.
    """
    return message_bytes(messages) + _TEMPLATE_TOKENS_PER_MESSAGE * len(messages) + _TEMPLATE_TOKENS


def message_bytes(messages: Sequence[Message]) -> int:
    """Return the size of a conversation in bytes of UTF-8."""
    return sum(len(message["content"].encode()) for message in messages)


def _read(answer: Mapping[str, Any]) -> ChatAnswer:
    try:
        choice = answer["choices"][0]
        message = choice["message"]
        return ChatAnswer(
            text=_encodable(message.get("content") or ""),
            finish_reason=str(choice["finish_reason"]),
            refusal=_encodable(message["refusal"]) if message.get("refusal") else None,
            prompt_tokens=int(answer["usage"]["prompt_tokens"]),
            completion_tokens=int(answer["usage"]["completion_tokens"]),
        )
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise EngineError(
            "The server's answer is not that of an OpenAI-compatible chat endpoint that reports its token usage."
        ) from error


def _encodable(text: str) -> str:
    # JSON can spell lone surrogates, which no UTF-8 file can hold. Replacing them here keeps the table writable.
    return text.encode("utf-8", "replace").decode()
