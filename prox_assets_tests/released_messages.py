"""System messages of the tests' own, in place of the released ones, which no test may need."""

from hashlib import sha256

from prox_assets.refiners.prompts import system_messages
from prox_assets.refiners.prompts.system_messages import ReleasedMessage

MESSAGES = {
    "ultrax": "Answer with calls that take noise out of the numbered lines.",
    "rescraper": "Answer with the decision, the lines to extract from, and the edits of this page.",
}


def released(name: str, text: str) -> ReleasedMessage:
    return ReleasedMessage(
        name=name,
        repository=f"somebody/{name}",
        commit="0" * 40,
        path="prompts/system.txt",
        sha256=sha256(text.encode()).hexdigest(),
    )


def use_own_messages(monkeypatch, cache) -> None:
    """Publish the tests' messages under the released names, and put them into a cache."""
    monkeypatch.setenv("PROX_CACHE", str(cache))
    own = {name: released(name, text) for name, text in MESSAGES.items()}
    monkeypatch.setattr(system_messages, "RELEASED_MESSAGES", own)
    for name, text in MESSAGES.items():
        own[name].put_into_cache(text)
