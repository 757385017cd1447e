"""The simulated web of `drift_simulation`: corpora that vary from week to week as real ones do.

Pages are built from templates: a site's menu and footer, lines of noise, and paragraphs in one of five languages with
Zipf-distributed words. Even without a fault, much varies: the number of pages (some weeks have only a fifth), the
sites' shares (a random walk), the languages' shares (seasonal), page lengths (heavy-tailed, with a weekly effect), page
quality, and the design of sites, which change at random weeks.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np

WEEKS = 52
VOCABULARY = 3_000

# Common words of each language; they make up four tenths of running text.
COMMON = {
    "english": "the of and to a in is that for it with was are on as be this have from or by not but at they which you "
    "all one had we can will there their what out about who if would when up more so",
    "german": "der die und das in den von zu mit ist nicht ein auf sich dem des im es für an auch als eine er hat aus "
    "wird bei sind noch nach wie einen oder nur über wenn man so aber vor zum war",
    "french": "le de la les et des est en que dans une un pour qui pas sur du il au ne se plus par avec ce son mais on "
    "aux nous ont été comme cette ou sont elle tout leur deux même sans entre après",
    "spanish": "el de la que y en los las del se por un con una para es no su al lo como más o pero sus le ya ha este "
    "entre cuando muy sin sobre también hasta hay donde desde todo nos durante uno",
    "russian": "и в не на что с по как это но из у за от его к для все был так он то или мы же бы вы они при есть до "
    "если уже только год когда их может время были этого",
}
SYLLABLES = {
    "english": (
        "com er tion pre st ing ment ta con ver al ound ish ter pro en li ble re ough ness ma dis per tle "
        "ster ard low sha ture"
    ),
    "german": (
        "ge ver schaft ung be ein stel lich heit ten zu auf krei sch ger wer ber stadt lei nung kon tig aus hal "
        "mit trag zeit wirt fahr bund"
    ),
    "french": (
        "tion ment eur con par ré pro eau que tou ver mai jou cha sé lan ten cour ré vie phi gra mon sau dé "
        "ble ique elle oir pen"
    ),
    "spanish": (
        "ción ado mente con per tra es ca do re po lla ma sa ven cia to ri na go ter mi ba cer lo fue nu pie ción dad"
    ),
    "russian": "ста про ре ко ва ния ть ни по ра го ми ло де но вра те ки за ле пре со на ду ро ку ме ци ну сть",
}


@dataclass(frozen=True)
class CorpusKind:
    """The parameters of a corpus.

    Attributes:
        name: Its name.
        documents: Pages in a normal week.
        sites: Number of sites.
        languages: Share of each language.
        words: Median words per page.
        spread: Standard deviation of log(words per page).
        quality: Mean logit of P(keep).
        scored: Whether the document refiner scores, rather than writing keep_doc() or drop_doc().
    """

    name: str
    documents: int
    sites: int
    languages: dict[str, float]
    words: float
    spread: float
    quality: float
    scored: bool


CORPORA = (
    CorpusKind("web", 260, 40, {"english": 0.9, "german": 0.05, "french": 0.05}, 170, 0.8, 1.0, scored=True),
    CorpusKind(
        "forum",
        200,
        25,
        {"english": 0.55, "german": 0.25, "spanish": 0.15, "russian": 0.05},
        110,
        0.6,
        0.4,
        scored=True,
    ),
    CorpusKind("news", 160, 15, {"english": 0.75, "french": 0.25}, 230, 0.5, 1.8, scored=False),
)


@dataclass(frozen=True)
class SimulatedPage:
    """A page and its hidden ground truth.

    Attributes:
        text: The text in the corpus.
        url: Its address.
        logit: Logit of P(keep) from a good refiner.
        kinds: Per line: "b" boilerplate, "n" noise, "c" content.
        known: Per line: whether the refiner was trained on its template; true for all lines but boilerplate.
    """

    text: str
    url: str
    logit: float
    kinds: str
    known: tuple[bool, ...]


@dataclass
class Site:
    """A site with its current templates."""

    name: str
    menu: list[str]
    footer: list[str]
    known: dict[str, bool]
    quality: float
    length: float


@dataclass(frozen=True)
class NewSite:
    """A new site whose templates no refiner has seen.

    Attributes:
        share: Its share of the pages.
        lines: Lines of its menu and footer together.
    """

    share: float
    lines: int


@dataclass
class SimulatedCorpus:
    """One corpus over a year.

    Attributes:
        kind: Its parameters.
        seed: Seed of all its randomness.
    """

    kind: CorpusKind
    seed: int
    _sites: list[Site] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng([self.seed, CORPORA.index(self.kind)])
        self._sites = [self._site(f"site{number}.example") for number in range(self.kind.sites)]
        self._weights = self._rng.lognormal(0, 0.7, self.kind.sites)  # the largest site has 10 to 20 % of the pages
        self._phase = self._rng.uniform(0, 2 * math.pi)
        self._new: Site | None = None

    def week(
        self, week: int, new_site: NewSite | None = None, extra_language: tuple[str, float] | None = None
    ) -> list[SimulatedPage]:
        """Return the pages of a week. Must be called for every week in order, from week 0.

        Args:
            week: Number of the week.
            new_site: A new site with a share of this week's pages.
            extra_language: A language, and the share of all pages it gains.
        """
        rng = self._rng
        self._weights *= np.exp(rng.normal(0, 0.06, self.kind.sites))  # shares drift slowly
        for number in np.flatnonzero(rng.random(self.kind.sites) < 1 / 80):
            redesigned = self._site(self._sites[number].name)
            redesigned.quality, redesigned.length = self._sites[number].quality, self._sites[number].length
            self._sites[number] = redesigned
        if new_site is None:
            self._new = None
        elif self._new is None:
            self._new = self._site("brand-new.example", lines=new_site.lines, recognised=0.0)
            self._new.quality = 0.5  # good enough to be kept, or its boilerplate would never get through
        count = int(self.kind.documents * math.exp(rng.normal(0, 0.15)) * (0.2 if rng.random() < 0.05 else 1))
        season = math.sin(2 * math.pi * week / WEEKS + self._phase)
        mood, stretch = rng.normal(0, 0.12) + 0.15 * season, rng.normal(0, 0.04) + 0.06 * season
        languages, shares = language_mix(self.kind.languages, self._rng, season, extra_language)
        numbers = rng.choice(self.kind.sites, count, p=self._weights / self._weights.sum())
        pages = []
        for number in numbers:
            site = self._sites[number]
            if new_site is not None and self._new is not None and rng.random() < new_site.share:
                site = self._new
            language = str(rng.choice(languages, p=shares))
            pages.append(self._page(site, language, mood, stretch))
        return pages

    def _site(self, name: str, lines: int | None = None, recognised: float = 0.9) -> Site:
        rng = self._rng
        total = lines or int(rng.integers(4, 14))
        words = vocabulary("english")[0]
        template = [template_line(rng, words, int(rng.integers(2, 6))) for _ in range(total)]
        cut = max(1, total * 2 // 3)
        return Site(
            name,
            template[:cut],
            template[cut:],
            {line: bool(rng.random() < recognised) for line in template},
            float(rng.normal(0, 0.7)),
            float(rng.normal(0, 0.25)),
        )

    def _page(self, site: Site, language: str, mood: float, stretch: float) -> SimulatedPage:
        rng = self._rng
        logit = self.kind.quality + site.quality + mood + float(rng.normal(0, 1.3))
        median = self.kind.words * math.exp(site.length + stretch)
        words = median * math.exp(rng.normal(0, self.kind.spread))
        if rng.random() < 0.02:
            words *= 1 + rng.pareto(1.5)
        lines: list[tuple[str, str]] = [(line, "b") for line in site.menu]
        lines.append((" ".join(sentence(rng, language, int(rng.integers(4, 9)))), "c"))
        left = int(min(max(words, 12), 3_000))
        while left > 0:
            length = min(left, int(rng.integers(25, 90)))
            lines.append((paragraph(rng, language, length), "c"))
            left -= length
            if rng.random() < 0.25:
                lines.append((_noise(rng), "n"))
        lines += [(line, "b") for line in site.footer]
        return SimulatedPage(
            text="\n".join(line for line, _ in lines),
            url=f"https://{site.name}/{int(rng.integers(1 << 40)):x}",
            logit=logit,
            kinds="".join(kind for _, kind in lines),
            known=tuple(site.known.get(line, True) for line, _ in lines),
        )


@cache
def vocabulary(language: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a language's words, common ones then made-up ones, and their cumulative Zipf probabilities."""
    rng = np.random.default_rng(sum(map(ord, language)))
    common = COMMON[language].split()
    syllables = SYLLABLES[language].split()
    made = list(
        dict.fromkeys(
            "".join(rng.choice(syllables, rng.choice([2, 3, 4], p=[0.5, 0.35, 0.15]))) for _ in range(VOCABULARY)
        )
    )
    ranks = np.concatenate([np.arange(1, len(common) + 1), np.arange(1, len(made) + 1)])
    weights = 1 / (ranks + 2.7)
    weights[: len(common)] *= 0.42 / weights[: len(common)].sum()
    weights[len(common) :] *= 0.58 / weights[len(common) :].sum()
    return np.array(common + made, dtype=object), weights.cumsum()


def sentence(rng: np.random.Generator, language: str, length: int) -> list[str]:
    """Return the words of a sentence, the first one capitalised."""
    words, cumulated = vocabulary(language)
    chosen = words[np.minimum(np.searchsorted(cumulated, rng.random(length)), len(words) - 1)].tolist()
    chosen[0] = chosen[0].capitalize()
    return chosen


def template_line(rng: np.random.Generator, words: np.ndarray, length: int) -> str:
    """Return a line of a menu or footer: capitalised words, drawn with equal probabilities."""
    return " ".join(str(word).capitalize() for word in rng.choice(words, length))


def paragraph(rng: np.random.Generator, language: str, length: int) -> str:
    """Return a paragraph of so many words, in sentences."""
    words = sentence(rng, language, length)
    end = 0
    while end < length - 1:
        start, end = end, min(length - 1, end + 4 + int(rng.integers(18)))
        words[start] = words[start].capitalize()
        words[end] += "."
        end += 1
    if not words[-1].endswith("."):
        words[-1] += "."
    return " ".join(words)


def _noise(rng: np.random.Generator) -> str:
    who = sentence(rng, "english", 1)[0]
    when = f"{rng.integers(1, 29)}.{rng.integers(1, 13)}.{rng.integers(2015, 2027)}"
    return (f"Posted by {who} on {when}", f"Share this | {rng.integers(2, 400)} comments", f"[{who}] {when} reply")[
        int(rng.integers(3))
    ]


def language_mix(
    languages: Mapping[str, float], rng: np.random.Generator, season: float, extra: tuple[str, float] | None
) -> tuple[list[str], np.ndarray]:
    """Return the languages of a shard and their shares, which sum to 1.

    Args:
        languages: Usual shares; the first language takes what the others leave.
        rng: Varies the shares from shard to shard.
        season: From -1 to 1; moves the shares of all languages but the first by up to a fifth.
        extra: A language that takes this share of the shard, as a fault does.
    """
    shares = dict(languages)
    first = next(iter(shares))
    for language in list(shares)[1:]:
        shares[language] *= max(0.0, 1 + 0.2 * season + rng.normal(0, 0.08))
    shares[first] = max(0.05, 1 - sum(share for language, share in shares.items() if language != first))
    if extra is not None:
        shares = {language: share * (1 - extra[1]) for language, share in shares.items()}
        shares[extra[0]] = shares.get(extra[0], 0.0) + extra[1]
    values = np.array(list(shares.values()))
    return list(shares), values / values.sum()
