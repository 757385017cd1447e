"""What the families of faults share: raw pages, refiners, lakes of undisturbed runs, and seeded randomness."""

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import yaml

from benchmarks.chaos.lakes import differences, leftovers
from benchmarks.chaos.refinements import Refinement
from benchmarks.support.pages import read_pages
from prox_assets.corpora.sample import page_files
from prox_assets.lake.lake import Lake

CORPUS = "pages"
SHARDS = 2
PAGES_PER_SHARD = 9
WINDOW = 2
# Long enough to have chunks, short enough that a run takes seconds.
PAGE_CHARACTERS = range(400, 4000)
# A run's deadline is ten times an undisturbed run, plus this for a busy machine to start Python.
DEADLINE_SECONDS = 240.0


class WorldError(RuntimeError):
    """The harness cannot do its work, for instance because an undisturbed run fails."""


@dataclass(frozen=True)
class Setting:
    """A configuration of `prox refine`.

    Attributes:
        name: Used in folder names.
        arguments: Arguments other than inputs and lake.
    """

    name: str
    arguments: tuple[str, ...]


def engine_options(*options: str) -> tuple[str, ...]:
    """Return the `--engine-option` arguments for options such as threads=1."""
    return tuple(part for option in options for part in ("--engine-option", option))


RULES = Setting("rules", ("--refiner", "rules", "--window", str(WINDOW)))
# One sequence per batch: batches depend on where a run was killed, and the last bits of a score on the batch.
_ONE_BY_ONE = engine_options("device=cpu", "batch_size=1", "threads=1")
BUNDLED = Setting("bundled", ("--refiner", "bundled", "--window", str(WINDOW), *_ONE_BY_ONE))


def finished_windows(lake: Path, table: str) -> int:
    """Return the windows of an inference stage in the resume ledger."""
    return len(list((lake / "_resume" / CORPUS / table).glob("*/*/*.parquet")))


@dataclass(frozen=True)
class Undisturbed:
    """The lake of an undisturbed run.

    Attributes:
        lake: The lake.
        first_change: Seconds until the run first wrote to it.
        seconds: Seconds the run took.
    """

    lake: Lake
    first_change: float
    seconds: float

    @property
    def deadline(self) -> float:
        """Seconds after which a run counts as hanging."""
        return DEADLINE_SECONDS + 10 * self.seconds


class World:
    """One run of the harness.

    Args:
        folder: An empty folder for everything it writes.
        seed: Seed of all its randomness.
        kills: Number of kills of `prox refine`.
        pages: Parquet file of labelled pages; None for the bundled sample.
    """

    def __init__(self, folder: Path, seed: int, kills: int, pages: Path | None) -> None:
        self.folder = folder
        self.seed = seed
        self.kills = kills
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self._pages = pages
        self.texts = self.sample(SHARDS * PAGES_PER_SHARD)
        self.raw = self.write_raw(folder / "raw", self.texts)
        self._undisturbed: dict[str, Undisturbed] = {}
        self._numbers = 0

    def rng(self, family: str) -> random.Random:
        """Return a generator seeded for one family, so that `--only` does not change its faults."""
        return random.Random(f"{self.seed}/{family}")

    def sample(self, count: int) -> list[tuple[str, str]]:
        """Sample (url, text) of pages of suitable length; the same count gives the same pages."""
        return _texts(self._pages, count, random.Random(f"{self.seed}/pages"))

    def write_raw(self, folder: Path, texts: Sequence[tuple[str, str]]) -> Path:
        """Write pages as shards of JSON lines, each with one malformed row; return the folder."""
        folder.mkdir(parents=True)
        for shard in range(SHARDS):
            lines = [json.dumps({"text": text, "url": url}) for url, text in texts[shard::SHARDS]]
            lines.insert(len(lines) // 2, '{"text": "cut off when its writer di')
            (folder / f"part-{shard}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder

    def path(self, name: str) -> Path:
        """Return an unused path in the folder."""
        self._numbers += 1
        return self.folder / f"{self._numbers:04d}-{name}"

    def start(
        self,
        setting: Setting,
        lake: str | Path,
        *more: str,
        raw: Path | None = None,
        environment: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
    ) -> Refinement:
        """Start `prox refine` on the raw pages.

        Args:
            setting: The configuration.
            lake: Path or URL of the lake.
            more: More arguments.
            raw: Raw pages other than the world's own.
            environment: More environment variables.
            wrapper: Command prefix.
        """
        arguments = [raw or self.raw, "--corpus", CORPUS, "--lake", lake, *setting.arguments, *more]
        settings = {"TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}
        return Refinement(arguments, self.path("log"), {**settings, **(environment or {})}, wrapper)

    def undisturbed(
        self,
        setting: Setting,
        *more: str,
        raw: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Undisturbed:
        """Return the lake of an undisturbed run with these arguments of `start`, made at the first call.

        Raises:
            WorldError: The run fails.
        """
        name = "-".join((setting.name, *more, raw.name if raw else ""))
        if name not in self._undisturbed:
            lake = self.path(f"undisturbed-{setting.name}")
            run = self.start(setting, lake, *more, raw=raw, environment=environment)
            while run.running and not lake.exists():
                time.sleep(0.01)
            first_change = run.seconds
            ended = run.wait(3600)
            if ended.code != 0:
                raise WorldError(f"an undisturbed run ({setting.name}) fails: {ended.output}")
            self._undisturbed[name] = Undisturbed(Lake(str(lake)), first_change, run.seconds)
        return self._undisturbed[name]

    def finish(
        self, start: Callable[[], Refinement], lake: Lake | Callable[[], Lake], wanted: Undisturbed
    ) -> list[str]:
        """Let a run finish undisturbed; return how the lake then differs from that of an undisturbed run.

        Args:
            start: Starts the run.
            lake: The lake, or a function that fetches it after the run.
            wanted: The undisturbed lake.
        """
        run = start()
        ended = run.wait(wanted.deadline)
        if ended.code is None:
            return ["the run that should have finished the work hung"]
        if ended.code != 0:
            return [f"the run that should have finished the work failed with {ended.code}: ...{ended.output[-700:]}"]
        return [*self.compare(lake if isinstance(lake, Lake) else lake(), wanted), *run.survivors()]

    def repeat(
        self, start: Callable[[], Refinement], wanted: Undisturbed, causes: Sequence[str], limit: int
    ) -> tuple[int, list[str]]:
        """Repeat a run that may fail until it succeeds; return how often it failed, and what is wrong.

        Args:
            start: Starts the run.
            wanted: The undisturbed lake, for the deadline.
            causes: Phrases, one of which a failed run must print.
            limit: Maximum runs.
        """
        problems: list[str] = []
        output = ""
        for failed in range(limit):
            ended = start().wait(wanted.deadline)
            problems += ended.failure_problems(*causes)
            if ended.code == 0:
                return failed, problems
            output = ended.output
        return limit, [*problems, f"not finished after {limit} runs; the last one said: ...{output[-500:]}"]

    def compare(self, lake: Lake, wanted: Undisturbed, excluded: Sequence[str] = ()) -> list[str]:
        """Return how a lake differs from the undisturbed one apart from some documents, and leftover files."""
        return [*differences(lake, wanted.lake, CORPUS, excluded), *leftovers(lake, self.temporary)]

    def tiny_refiner(self) -> Path:
        """Return a refiner file with a tiny random model that generates at both levels, made at the first call."""
        from transformers.utils import logging

        from prox_assets.testing.tiny_models import DEFAULT_TEXTS, make_tiny_llama

        logging.disable_progress_bar()
        path = self.folder / "tiny.yaml"
        if not path.exists():
            texts = [*DEFAULT_TEXTS, *(text for _, text in self.texts[:4])]
            model = make_tiny_llama(self.folder / "tiny", texts=texts, max_position_embeddings=1024)
            shared = {
                "model": str(model),
                "prompt_format": "plain",
                "decoding": "complete",
                "window": 1024,
                "max_new_tokens": 24,
                "dtype": "float32",
                "probe": False,  # the model is random
            }
            levels = {level: {"name": f"tiny-{level}", "level": level, **shared} for level in ("doc", "chunk")}
            path.write_text(yaml.safe_dump(levels), encoding="utf-8")
        return path


def _texts(pages: Path | None, count: int, rng: random.Random) -> list[tuple[str, str]]:
    if pages is None:
        all_pages = [(page.url, page.text) for page in page_files.read_pages()]
    else:
        all_pages = [(page.url, page.text) for page in islice(read_pages(pages), 2000)]
    fitting = [(url, text) for url, text in all_pages if len(text) in PAGE_CHARACTERS]
    if len(fitting) < count:
        raise WorldError(
            f"{pages or 'the sample'} has only {len(fitting)} pages of {PAGE_CHARACTERS.start} to "
            f"{PAGE_CHARACTERS.stop} characters, of {count} needed"
        )
    return rng.sample(fitting, count)
