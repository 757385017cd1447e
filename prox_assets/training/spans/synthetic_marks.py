"""Templates of synthetic marks: URLs, e-mail addresses, citations, separators, link notes, invisible characters."""

import random
from collections.abc import Callable

from prox_assets.refiners.spans.patterns import NoiseKind

WORDS = (
    *("garden", "travel", "market", "health", "winter", "kitchen", "election", "budget"),
    *("climate", "museum", "river", "coach", "school", "battery", "island", "engine"),
    *("recipe", "harvest", "theatre", "league", "camera", "bridge", "forest", "planet"),
    "summit",
)
_TOPLEVEL = ("com", "org", "net", "co.uk", "io", "de", "fr", "edu", "gov", "info", "tv", "com.au")


def _domain(rng: random.Random) -> str:
    name = rng.choice(WORDS) + rng.choice(("", "-" + rng.choice(WORDS), rng.choice(WORDS), str(rng.randint(1, 99))))
    return f"{name}.{rng.choice(_TOPLEVEL)}"


def _url(rng: random.Random) -> str:
    path = "".join(
        "/" + rng.choice((rng.choice(WORDS), f"{rng.choice(WORDS)}-{rng.choice(WORDS)}", str(rng.randint(1, 2030))))
        for _ in range(rng.choice((0, 1, 1, 2, 3)))
    )
    path += rng.choice(("", "", "/", ".html", f"?id={rng.randint(1, 9999)}", f"?utm_source={rng.choice(WORDS)}&p=2"))
    code = "".join(rng.choices("abcdefghkmnpqrstwxyzABCDEFGHKLMNPQRSTWXYZ23456789", k=10))
    url = rng.choice(
        (
            f"https://{_domain(rng)}{path}",
            f"https://www.{_domain(rng)}{path}",
            f"http://www.{_domain(rng)}{path}",
            f"http://{_domain(rng)}{path}",
            f"www.{_domain(rng)}{path}",
            f"https://t.co/{code}",
            f"pic.twitter.com/{code}",
            f"https://youtu.be/{code}",
            f"https://bit.ly/{code[:7]}",
        )
    )
    return rng.choice(("{}", "{}", "({})", "[{}]", "<{}>")).format(url)


def _email(rng: random.Random) -> str:
    first, last = rng.choice(WORDS), rng.choice(WORDS)
    address = (
        rng.choice(("info", "editor", "press", first, f"{first}.{last}", f"{first[0]}{last}")) + "@" + _domain(rng)
    )
    return rng.choice(("{}", "({})", "<{}>", "[{}]")).format(rng.choice((address, address, "[email protected]")))


def _citation(rng: random.Random) -> str:
    first = rng.randint(1, rng.choice((9, 60, 300)))
    number = f"[{first}]"
    return rng.choice(
        (
            *(number, number, number),
            number + f"[{first + 1}]",
            f"[{first}, {first + rng.randint(1, 9)}]",
            f"[{first}–{first + 2}]",
            f"[{rng.choice('abcdefgh')}]",
            f"[note {rng.randint(1, 9)}]",
            *("[citation needed]", "[edit]"),
            rng.choice(("[who?]", "[when?]", "[clarification needed]", "[page needed]", "[better source needed]")),
            rng.choice(("¹", "²", "³", "⁴", "¹²", "⁷")),
        )
    )


def _separator(rng: random.Random) -> str:
    mark, count = rng.choice("-=*~–—•·"), rng.randint(4, rng.choice((6, 40)))
    spaced = rng.choice("|•·»›-*")
    return rng.choice(
        (
            *(mark * count, mark * count),
            "." * rng.randint(5, 30),
            "…" * rng.randint(2, 6),
            " ".join(spaced * rng.randint(4, 9)),
            " ".join("|" * rng.randint(2, 5)),
            "|" * rng.randint(3, 8),
            "* * *",
        )
    )


def _link_note(rng: random.Random) -> str:
    where = rng.choice(("window", "tab"))
    return rng.choice(
        (
            f"(opens in new {where})",
            f"(opens in a new {where})",
            f"(Opens in a new {where})",
            f"(link opens in a new {where})",
            *("(external link)", "(link is external)"),
            f"(PDF, {rng.randint(1, 900)} KB)",
            *("[PDF]", "[link]"),
            f"Opens in a new {where}",
            "[external link]",
            rng.choice(("[image]", "[embed]", "[video]", "[hide]", "[show]")),
        )
    )


def _invisible(rng: random.Random) -> str:
    mark = rng.choice(("\u200b", "\u200b", "\u200e", "\ufeff", "\u00ad", "\u2060", "\u200d", "\ufffd\ufffd"))
    return mark * rng.choice((1, 1, 1, 2, 5))


MARKS: dict[NoiseKind, Callable[[random.Random], str]] = {
    NoiseKind.URL: _url,
    NoiseKind.EMAIL: _email,
    NoiseKind.CITATION: _citation,
    NoiseKind.SEPARATOR: _separator,
    NoiseKind.LINK_NOTE: _link_note,
    NoiseKind.INVISIBLE: _invisible,
}
