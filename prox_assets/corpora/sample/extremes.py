"""The sample's generated pages: shapes that break naive pipelines and would be tedious to write by hand."""

from datetime import datetime, timedelta
from math import sin, tau

from prox_assets.corpora.sample.page_files import Page

_DAY = "2021-09-30"
_SURNAMES = (
    "Abara Birkett Calloway Dreyer Eastwick Fenn Garrity Holm Ibsen Jarrow Kettle Lorimer Mackie Nye Oduya Penhale "
    "Quint Rasmussen Sallow Tarn Underhill Vane Wexley Yarrow Zell Ashdown Brand Coombe Dunmore Ellery"
)
_FIRST_NAMES = (
    "Ada Bram Cora Dirk Edda Finn Greta Hugo Ida Jens Karin Leif Mira Niels Olga Piet Quita Rolf Siri Tove Ulla Vera "
    "Willem Xenia Yngve Zora Alma Bo Clara Dag Elin Frode Gro Hedda Inge Jorun Knut Liv Marit Nora"
)


def extreme_pages() -> list[Page]:
    """Return an empty page, a blank one, one of 1,200 short lines, and one of a single line of 21,600 words."""
    return [
        Page("https://misc.example/empty", "", "en", _DAY),
        Page("https://misc.example/blank", " \n\t\n   \n", "en", _DAY),
        Page("https://registers.example/passengers", _passenger_register(), "en", _DAY),
        Page("https://tides.example/gauge/7/raw", _tide_gauge_log(), "en", _DAY),
    ]


def _passenger_register() -> str:
    """Return 1,200 lines, one name each."""
    return "\n".join(f"{surname}, {name}" for surname in _SURNAMES.split() for name in _FIRST_NAMES.split())


def _tide_gauge_log() -> str:
    """Return fifty days of readings, ten minutes apart, three words each, all on one line."""
    start = datetime(2021, 8, 1)
    readings = []
    for step in range(50 * 144):
        # The two largest constituents of the tide: lunar (12.42 h) and solar (12 h).
        hours = step / 6
        level = 2.6 + 1.3 * sin(tau * hours / 12.42) + 0.4 * sin(tau * hours / 12.0)
        readings.append(f"{start + timedelta(hours=hours):%m-%dT%H:%M} {level:.2f} m")
    return " ".join(readings)
