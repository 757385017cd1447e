"""What every family of faults shares: raw pages, refiners, the lakes of undisturbed runs, and seeded randomness."""

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import yaml

from benchmarks.chaos.lakes import differences, leftovers
from benchmarks.chaos.refinements import Ended, Refinement
from benchmarks.support.pages import read_pages
from prox_assets.corpora.sample import page_files
from prox_assets.lake.lake import Lake

CORPUS = "pages"
SHARDS = 2
PAGES_PER_SHARD = 9
WINDOW = 2
# Long enough to have chunks, short enough that a run takes seconds.
PAGE_CHARACTERS = range(400, 4000)
# No run is under ten times the time of an undisturbed one, plus this for what a loaded machine needs to start Python.
DEADLINE_SECONDS = 240.0

# One sequence per batch: what a batch holds depends on where a run was killed, and with it the last bits of a score.
ONE_BY_ONE = ("device=cpu", "batch_size=1", "threads=1")


class WorldError(RuntimeError):
    """The undisturbed run itself fails; nothing can be compared then."""


@dataclass(frozen=True)
class Setting:
    """How pages are refined.

    Attributes:
        name: For folders.
        arguments: What `prox refine` is given beside inputs and lake.
    """

    name: str
    arguments: tuple[str, ...]


RULES = Setting("rules", ("--refiner", "rules", "--window", str(WINDOW)))
BUNDLED = Setting(
    "bundled",
    (
        "--refiner",
        "bundled",
        "--window",
        str(WINDOW),
        *(part for one in ONE_BY_ONE for part in ("--engine-option", one)),
    ),
)


@dataclass(frozen=True)
class Undisturbed:
    """A lake that nothing has disturbed.

    Attributes:
        lake: The lake.
        first_change: Seconds until the run first wrote into it.
        seconds: Seconds that the run took.
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
        folder: An empty folder for everything.
        seed: Of all that is left to chance.
        kills: Kills through `prox refine` in all.
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

    def chance(self, family: str) -> random.Random:
        """Return a source of chance of a family's own, so that `--only` changes nothing."""
        return random.Random(f"{self.seed}/{family}")

    def sample(self, count: int) -> list[tuple[str, str]]:
        """Choose pages of a fitting length by chance, (url, text) each: the same ones for the same count."""
        return _texts(self._pages, count, random.Random(f"{self.seed}/pages"))

    def write_raw(self, folder: Path, texts: Sequence[tuple[str, str]]) -> Path:
        """Write (url, text) as shards of JSON lines, each with a row that is no document; return the folder."""
        folder.mkdir(parents=True)
        for shard in range(SHARDS):
            lines = [json.dumps({"text": text, "url": url}) for url, text in texts[shard::SHARDS]]
            lines.insert(len(lines) // 2, '{"text": "cut off when its writer di')
            (folder / f"part-{shard}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder

    def path(self, name: str) -> Path:
        """Return a path in the folder that has not been used yet."""
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
        """Start `prox refine` of the raw pages into a lake."""
        arguments = [raw or self.raw, "--corpus", CORPUS, "--output", lake, *setting.arguments, *more]
        settings = {"TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}
        return Refinement(arguments, self.path("log"), {**settings, **(environment or {})}, wrapper)

    def undisturbed(
        self,
        setting: Setting,
        *more: str,
        raw: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Undisturbed:
        """Return the lake of an undisturbed run under a setting, made at the first call."""
        name = "-".join((setting.name, *more, raw.name if raw else ""))
        if name not in self._undisturbed:
            lake = self.path(f"undisturbed-{setting.name}")
            run = self.start(setting, lake, *more, raw=raw, environment=environment)
            while run.running and not lake.exists():
                time.sleep(0.01)
            first_change = run.seconds
            ended = run.wait(3600)
            if ended.code != 0:
                raise WorldError(f"an undisturbed run ({setting.name}) fails: {ended.said}")
            self._undisturbed[name] = Undisturbed(Lake(str(lake)), first_change, run.seconds)
        return self._undisturbed[name]

    def finish(
        self, start: Callable[[], Refinement], lake: Lake | Callable[[], Lake], wanted: Undisturbed
    ) -> list[str]:
        """Run until the end without further disturbance; say what is then not as in the undisturbed lake.

        Args:
            start: Starts the run.
            lake: The lake, or what makes it from where it was written.
            wanted: The undisturbed one.
        """
        run = start()
        ended: Ended = run.wait(wanted.deadline)
        if ended.code is None:
            return ["the run that should have finished the work hung"]
        if ended.code != 0:
            return [f"the run that should have finished the work failed with {ended.code}: ...{ended.said[-700:]}"]
        return [*self.compare(lake if isinstance(lake, Lake) else lake(), wanted), *run.survivors()]

    def compare(self, lake: Lake, wanted: Undisturbed) -> list[str]:
        """Say in what a lake differs from the undisturbed one, and what was left behind."""
        return [*differences(lake, wanted.lake, CORPUS), *leftovers(lake, self.temporary)]

    def compare_without(self, lake: Lake, wanted: Undisturbed, doc_ids: Sequence[str]) -> list[str]:
        """Compare as `compare` does, but for some documents."""
        return [*differences(lake, wanted.lake, CORPUS, doc_ids), *leftovers(lake, self.temporary)]

    def tiny_refiner(self) -> Path:
        """Return a refiner file with a random tiny model that generates at both levels; made at the first call."""
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


def _texts(pages: Path | None, count: int, chance: random.Random) -> list[tuple[str, str]]:
    if pages is None:
        all_pages = [(page.url, page.text) for page in page_files.read_pages()]
    else:
        all_pages = [(page.url, page.text) for page in islice(read_pages(pages), 2000)]
    fitting = [(url, text) for url, text in all_pages if len(text) in PAGE_CHARACTERS]
    if len(fitting) < count:
        raise WorldError(
            f"{pages or 'the sample'} has only {len(fitting)} pages of {PAGE_CHARACTERS.start} to "
            f"{PAGE_CHARACTERS.stop} characters; {count} are needed"
        )
    return chance.sample(fitting, count)
