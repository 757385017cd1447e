"""The prompt files: their format, their version, and the messages built from them.

A file is a conversation. A line `=== user`, `=== assistant` or `=== system` begins each turn. Earlier turns are
examples, and the last turn contains `{text}` where the page goes. If an earlier answer was unusable, `retry.txt` is
appended to the last turn, and its `{problem}` says why.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prox_assets.training.annotation.errors import AnnotationError

BUNDLED_PROMPTS = Path(__file__).parent / "prompts" / "v1"

_RETRY = "retry"
_TURN = re.compile(r"^=== (system|user|assistant)\n", re.MULTILINE)
_VERSION_DIGITS = 12

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt file.

    Attributes:
        name: The file's name without its suffix.
        turns: (role, content) of each turn; the last one is the user's and contains `{text}`.
        retry: Text appended to the last turn when the question is asked again; contains `{problem}`.
    """

    name: str
    turns: tuple[tuple[str, str], ...]
    retry: str

    def messages(self, text: str, problem: str | None = None) -> list[Message]:
        """Return the messages of a request.

        Args:
            text: The page or chunk, inserted verbatim: braces and role lines in it have no special meaning.
            problem: Why the previous answer to the same question was unusable, if there was one.
        """
        *examples, (role, content) = self.turns
        # Split rather than replace, because the page may itself contain "{text}".
        before, after = content.split("{text}")
        note = "" if problem is None else self.retry.replace("{problem}", problem)
        turns = [*examples, (role, f"{before}{text}{after}{note}")]
        return [{"role": role, "content": content} for role, content in turns]


@dataclass(frozen=True, slots=True)
class PromptSet:
    """The prompts of one level by name, and their version: folder and content hash, such as "v1-0123456789ab"."""

    version: str
    prompts: Mapping[str, Prompt]


def load_prompts(names: Iterable[str], folder: Path | None = None) -> PromptSet:
    """Read the prompts of these names and `retry.txt`, from the bundled folder unless another is given.

    Raises:
        AnnotationError: A file is missing or does not follow the format.
    """
    folder = (folder or BUNDLED_PROMPTS).resolve()
    retry = _read(folder, _RETRY)
    if "{problem}" not in retry:
        raise AnnotationError(f"{folder / _RETRY}.txt lacks {{problem}}, which stands for what was wrong")
    texts = {name: _read(folder, name) for name in names}
    digest = hashlib.sha256("\0".join([retry, *(f"{name}\0{texts[name]}" for name in sorted(texts))]).encode())
    return PromptSet(
        version=f"{folder.name}-{digest.hexdigest()[:_VERSION_DIGITS]}",
        prompts={name: Prompt(name, _turns(folder / f"{name}.txt", text), retry) for name, text in texts.items()},
    )


def _read(folder: Path, name: str) -> str:
    try:
        return (folder / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise AnnotationError(f"the prompt {folder / name}.txt cannot be read: {error}") from error


def _turns(path: Path, text: str) -> tuple[tuple[str, str], ...]:
    opening, *pieces = _TURN.split(text)
    turns = tuple((role, content.strip("\n")) for role, content in zip(pieces[::2], pieces[1::2], strict=True))
    if opening.strip() or not turns or turns[-1][0] != "user":
        raise AnnotationError(
            f"{path} must consist of turns, each after a line such as `=== user`, and end with a user's"
        )
    if turns[-1][1].count("{text}") != 1 or any("{text}" in content for _, content in turns[:-1]):
        raise AnnotationError(f"{path} must contain {{text}}, the place of the page, exactly once: in its last turn")
    return turns
