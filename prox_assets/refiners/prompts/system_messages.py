"""The system messages of released refiners: where each was published, and the hash that its text has to have.

The texts are not part of this package. `prox system-message NAME` takes one from its repository into the user's cache;
a text with another hash is refused, because the model was tuned with exactly these words.
"""

import ast
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.user_cache import CACHE_VARIABLE, user_cache

DOWNLOAD_SECONDS = 60.0
DOWNLOADS = "https://raw.githubusercontent.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedMessage:
    """A system message in a public repository.

    Attributes:
        name: What configurations and the command call it.
        repository: The repository on GitHub, owner/name.
        commit: The commit that it is read at, 40 hex digits.
        path: The file's path in the repository.
        sha256: SHA-256 of the text in UTF-8.
        constant: The text is the value of this constant of a Python file; None where it is the whole file, stripped.
    """

    name: str
    repository: str
    commit: str
    path: str
    sha256: str
    constant: str | None = None

    @property
    def url(self) -> str:
        """Where the file can be downloaded."""
        return f"{DOWNLOADS}/{self.repository}/{self.commit}/{self.path}"

    @property
    def place(self) -> Path:
        """Where the text lies once it is in the cache."""
        return user_cache() / "system-messages" / f"{self.sha256}.txt"

    def of_file(self, content: str) -> str:
        """Return the text in the published file.

        Raises:
            RefinerError: The text is not in it, or it is another one.
        """
        text = content.strip() if self.constant is None else _constant(content, self.constant)
        if text is None:
            raise RefinerError(f"the file has no constant {self.constant} with a text: it is not {self.path}")
        self._check(text)
        return text

    def of_cache(self) -> str:
        """Return the text from the cache.

        Raises:
            RefinerError: It is not there, or it was changed.
        """
        command = f"`prox system-message {self.name}`"
        try:
            text = self.place.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RefinerError(
                f"The system message that {self.name} was tuned with is not on this machine: run {command}, which "
                f"fetches it from {self.repository}, or set system_message to a text."
            ) from error
        try:
            self._check(text)
        except RefinerError as error:
            raise RefinerError(f"{self.place} was changed: run {command} again.") from error
        return text

    def put_into_cache(self, text: str) -> Path:
        """Write the text into the cache and return its place.

        Raises:
            RefinerError: It is another text, or the cache cannot be written.
        """
        self._check(text)
        try:
            self.place.parent.mkdir(parents=True, exist_ok=True)
            descriptor, fresh = tempfile.mkstemp(dir=self.place.parent)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            return Path(fresh).replace(self.place)
        except OSError as error:
            raise RefinerError(
                f"The system message needs a cache: {error}. Set {CACHE_VARIABLE} to a folder that can be written."
            ) from error

    def _check(self, text: str) -> None:
        found = sha256(text.encode("utf-8", "replace")).hexdigest()
        if found != self.sha256:
            raise RefinerError(
                f"this is not the system message of {self.name}: its SHA-256 is {found}, that of {self.path} in "
                f"{self.repository} at {self.commit[:7]} is {self.sha256}"
            )


_ALL = (
    ReleasedMessage(
        name="ultrax",
        repository="openbmb/UltraX",
        commit="cb0c2fae44c30b68e5e736a0255eef61e82f026b",
        path="stage2_large_scale_execution/inference/inference.py",
        sha256="ee25baec3b9412fbf47c334c02daa915b0f99b40ac8e4a7fed9dd0d8fc85f32c",
        constant="SYSTEM_INSTRUCTION",
    ),
    ReleasedMessage(
        name="rescraper",
        repository="cxcscmu/ReScraper",
        commit="91fcca0cf32d8385d0dd5889a3f85fd638a2b608",
        path="prompts/student_system_stage2.txt",
        sha256="3683d7f24d307863a879eb1074dfd523fa20e6eb5e3725e5cbcfad725df5e986",
    ),
)

RELEASED_MESSAGES: Mapping[str, ReleasedMessage] = MappingProxyType({message.name: message for message in _ALL})


def released_message(name: str) -> ReleasedMessage:
    """Return where a system message was published.

    Raises:
        RefinerError: There is none of that name; the message lists the names.
    """
    if name not in RELEASED_MESSAGES:
        raise RefinerError(f"there is no released system message {name!r}; there are: {', '.join(RELEASED_MESSAGES)}")
    return RELEASED_MESSAGES[name]


def read_published(message: ReleasedMessage, place: Path) -> str:
    """Return the text from the published file, or from a checkout of its repository.

    Raises:
        RefinerError: It cannot be read, or it is another text.
    """
    file = place / message.path if place.is_dir() else place
    if not file.exists():
        raise RefinerError(
            f"{place} is no checkout of {message.repository}: it has no {message.path}"
            if place.is_dir()
            else f"{place} does not exist: name the file {message.path} of {message.repository}, or a checkout of it"
        )
    try:
        return message.of_file(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise RefinerError(f"{file} is no text: it is not {message.path} of {message.repository}") from error
    except OSError as error:
        raise RefinerError(f"{file} cannot be read: {error}") from error
    except RefinerError as error:
        raise RefinerError(f"{file}: {error}") from error


def download(message: ReleasedMessage) -> str:
    """Return the text from the repository on GitHub.

    Raises:
        RefinerError: It cannot be reached, or it is another text.
    """
    import httpx

    try:
        answer = httpx.get(message.url, timeout=DOWNLOAD_SECONDS, follow_redirects=True)
        answer.raise_for_status()
        return message.of_file(answer.content.decode("utf-8"))
    except (httpx.HTTPError, UnicodeDecodeError) as error:
        raise RefinerError(
            f"{message.url} cannot be fetched: {error}. Fetch the file where there is a network, and name it: "
            f"`prox system-message {message.name} --from FILE`."
        ) from error
    except RefinerError as error:
        raise RefinerError(f"{message.url}: {error}") from error


def _constant(source: str, name: str) -> str | None:
    """Return the text that a Python file assigns to a name at its top level; the file is read, never run."""
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError):
        return None
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(id=found)], value=ast.Constant(value=str(text))) if found == name:
                return text
            case _:
                pass
    return None
