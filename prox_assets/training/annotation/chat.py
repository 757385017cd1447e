"""What a chat server is asked, and what its answers say.

Belongs here: the JSON of /v1/chat/completions. How it travels, and what is tried again, is the engines' server client.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prox_assets.engines.protocol import EngineError
from prox_assets.engines.server.client import CompletionsClient
from prox_assets.training.annotation.config import AnnotatorConfig
from prox_assets.training.annotation.prompts import Message

# Allowed for the chat template: what it puts around each message, and around all of them (some add a system message).
_TEMPLATE_TOKENS_PER_MESSAGE = 32
_TEMPLATE_TOKENS = 256


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What came back for one request.

    Attributes:
        text: The answer; "" where the server sent none.
        finish_reason: As the server says it: stop, length, content_filter, ...
        refusal: What the server's own field for refusals says, where it has one.
        prompt_tokens: Tokens of the prompt, by the server's count.
        completion_tokens: Tokens of the answer, by the server's count.
    """

    text: str
    finish_reason: str
    refusal: str | None
    prompt_tokens: int
    completion_tokens: int


class ChatModel:
    """One served chat model, asked through a client.

    Args:
        client: The connection.
        name: The served model name.
        config: Temperature and further fields of each request.
    """

    def __init__(self, client: CompletionsClient, name: str, config: AnnotatorConfig) -> None:
        self._client = client
        self.name = name
        self._common = {"model": name, "temperature": config.temperature, **config.extra}

    async def ask(self, messages: Sequence[Message], max_tokens: int) -> ChatAnswer:
        """Return the answer to one conversation.

        Raises:
            RequestRefusedError: The server will not run the request.
            RequestFailedError: Every attempt failed.
            EngineError: The server is gone, or is no OpenAI-compatible chat server.
        """
        return _read(await self._client.chat({**self._common, "messages": messages, "max_tokens": max_tokens}))


def most_prompt_tokens(messages: Sequence[Message]) -> int:
    """Return a number of tokens that the prompt of a conversation will not exceed.

    No tokenizer makes more tokens of a text than it has bytes in UTF-8 (byte-level BPE, byte fallback); the chat
    template's own tokens come on top.
    """
    size = sum(len(message["content"].encode()) for message in messages)
    return size + _TEMPLATE_TOKENS_PER_MESSAGE * len(messages) + _TEMPLATE_TOKENS


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
    # JSON can spell lone surrogates, which no file can hold; they must not surface when the table is written.
    return text.encode("utf-8", "replace").decode()
