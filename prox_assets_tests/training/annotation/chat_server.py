"""The moody server as a chat server: what it says depends on what it is asked, and on how often."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prox_assets.testing.servers.moody_server import Handler, MoodyServer, moody_server

ChatBehaviour = Callable[["ChatHandler", int], None]

GOOD_ANSWERS = {
    "Educational score": "It explains something.\nEducational score: 3",
    "Format score": "It is clean.\nFormat score: 4",
    "Remove navigation": "A menu.\n```python\nremove_lines(line_start=0, line_end=0)\n```",
    "Take away web addresses": "None.\n```python\nkeep_chunk()\n```",
    "Remove footers": "A footer.\n```python\nremove_lines(line_start=2, line_end=2)\n```",
}
PROMPT_TOKENS = 40
COMPLETION_TOKENS = 10


class ChatServer:
    """A MoodyServer whose requests are conversations.

    Attributes:
        moody: The server.
        payloads: All chat requests, in the order in which they came.
        models: What is served, as hosted services list it: without a context window.
    """

    def __init__(self, moody: MoodyServer) -> None:
        self.moody = moody
        self.payloads: list[dict[str, Any]] = []
        self.models = [{"id": "moody-chat"}]
        moody.RequestHandlerClass = ChatHandler
        moody.chat = self  # type: ignore[attr-defined]
        self.behave(lambda handler, _: handler.answer_well())

    @property
    def base_url(self) -> str:
        return self.moody.base_url

    @property
    def requests(self) -> int:
        return len(self.payloads)

    def behave(self, behaviour: ChatBehaviour) -> None:
        """Do this with every chat request, given how often its question was asked before, in any wording."""
        self.moody.behaviour = behaviour  # type: ignore[assignment]


class ChatHandler(Handler):
    # Headers and body in one packet: otherwise each answer waits 40 ms for the acknowledgement of its headers.
    wbufsize = 1 << 16

    def do_GET(self) -> None:  # noqa: N802 (the base class's name)
        self.server.authorizations.add(self.headers["Authorization"])
        self.send_json(200, {"data": self.server.chat.models})  # type: ignore[attr-defined]

    def do_POST(self) -> None:  # noqa: N802
        self.payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        question = hash(self.text.split("\n\nNote: an earlier answer")[0])
        with server.lock:
            server.chat.payloads.append(self.payload)  # type: ignore[attr-defined]
            before = server.seen[question]
            server.seen[question] += 1
            server.arrivals.append(time.monotonic())
            server.authorizations.add(self.headers["Authorization"])
        server.behaviour(self, before)

    @property
    def text(self) -> str:
        """The last message."""
        return self.payload["messages"][-1]["content"]

    @property
    def shown(self) -> str:
        """The page or chunk in the last message."""
        return self.text.split("[doc]\n")[1].split("\n[/doc]")[0]

    def answer_well(self) -> None:
        self.say(next(answer for mark, answer in GOOD_ANSWERS.items() if mark in self.text.split("[/doc]")[-1]))

    def say(self, text: str | None, finish_reason: str = "stop", **message: Any) -> None:
        choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish_reason}
        usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS}
        self.send_json(200, {"choices": [choice], "usage": usage})


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    """Serve on a free port of 127.0.0.1 until the `with` block ends."""
    with moody_server() as moody:
        yield ChatServer(moody)
