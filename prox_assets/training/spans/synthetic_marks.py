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


def _domain(draw: random.Random) -> str:
    name = draw.choice(WORDS) + draw.choice(
        ("", "-" + draw.choice(WORDS), draw.choice(WORDS), str(draw.randint(1, 99)))
    )
    return f"{name}.{draw.choice(_TOPLEVEL)}"


def _url(draw: random.Random) -> str:
    path = "".join(
        "/"
        + draw.choice((draw.choice(WORDS), f"{draw.choice(WORDS)}-{draw.choice(WORDS)}", str(draw.randint(1, 2030))))
        for _ in range(draw.choice((0, 1, 1, 2, 3)))
    )
    path += draw.choice(("", "", "/", ".html", f"?id={draw.randint(1, 9999)}", f"?utm_source={draw.choice(WORDS)}&p=2"))
    code = "".join(draw.choices("abcdefghkmnpqrstwxyzABCDEFGHKLMNPQRSTWXYZ23456789", k=10))
    url = draw.choice(
        (
            f"https://{_domain(draw)}{path}",
            f"https://www.{_domain(draw)}{path}",
            f"http://www.{_domain(draw)}{path}",
            f"http://{_domain(draw)}{path}",
            f"www.{_domain(draw)}{path}",
            f"https://t.co/{code}",
            f"pic.twitter.com/{code}",
            f"https://youtu.be/{code}",
            f"https://bit.ly/{code[:7]}",
        )
    )
    return draw.choice(("{}", "{}", "({})", "[{}]", "<{}>")).format(url)


def _email(draw: random.Random) -> str:
    first, last = draw.choice(WORDS), draw.choice(WORDS)
    address = (
        draw.choice(("info", "editor", "press", first, f"{first}.{last}", f"{first[0]}{last}")) + "@" + _domain(draw)
    )
    return draw.choice(("{}", "({})", "<{}>", "[{}]")).format(draw.choice((address, address, "[email protected]")))


def _citation(draw: random.Random) -> str:
    first = draw.randint(1, draw.choice((9, 60, 300)))
    number = f"[{first}]"
    return draw.choice(
        (
            number,
            number,
            number,
            number + f"[{first + 1}]",
            f"[{first}, {first + draw.randint(1, 9)}]",
            f"[{first}–{first + 2}]",
            f"[{draw.choice('abcdefgh')}]",
            f"[note {draw.randint(1, 9)}]",
            "[citation needed]",
            "[edit]",
            draw.choice(("[who?]", "[when?]", "[clarification needed]", "[page needed]", "[better source needed]")),
            draw.choice(("¹", "²", "³", "⁴", "¹²", "⁷")),
        )
    )


def _separator(draw: random.Random) -> str:
    mark, count = draw.choice("-=*~–—•·"), draw.randint(4, draw.choice((6, 40)))
    spaced = draw.choice("|•·»›-*")
    return draw.choice(
        (
            mark * count,
            mark * count,
            "." * draw.randint(5, 30),
            "…" * draw.randint(2, 6),
            " ".join(spaced * draw.randint(4, 9)),
            " ".join("|" * draw.randint(2, 5)),
            "|" * draw.randint(3, 8),
            "* * *",
        )
    )


def _link_note(draw: random.Random) -> str:
    where = draw.choice(("window", "tab"))
    return draw.choice(
        (
            f"(opens in new {where})",
            f"(opens in a new {where})",
            f"(Opens in a new {where})",
            f"(link opens in a new {where})",
            "(external link)",
            "(link is external)",
            f"(PDF, {draw.randint(1, 900)} KB)",
            "[PDF]",
            "[link]",
            f"Opens in a new {where}",
            "[external link]",
            draw.choice(("[image]", "[embed]", "[video]", "[hide]", "[show]")),
        )
    )


def _invisible(draw: random.Random) -> str:
    mark = draw.choice(("\u200b", "\u200b", "\u200e", "\ufeff", "\u00ad", "\u2060", "\u200d", "\ufffd\ufffd"))
    return mark * draw.choice((1, 1, 1, 2, 5))


MARKS: dict[NoiseKind, Callable[[random.Random], str]] = {
    NoiseKind.URL: _url,
    NoiseKind.EMAIL: _email,
    NoiseKind.CITATION: _citation,
    NoiseKind.SEPARATOR: _separator,
    NoiseKind.LINK_NOTE: _link_note,
    NoiseKind.INVISIBLE: _invisible,
}
