"""Scripts of characters and texts: against the Unicode property, and on pages in several scripts."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.monitoring.metrics.languages import SCRIPTS
from prox_assets.programs.scripts import (
    is_mostly_outside,
    letters_by_script,
    main_script,
    script_of,
    unknown_scripts,
)

TEXTS = {
    "latin": "La marée montait, et les pêcheurs rentraient au port.",
    "cyrillic": "Вечером лодки рыбаков вернулись в гавань с уловом.",
    "han": "傍晚，渔船带着当天的收获回到了港口。",
    "kana": "夕方、漁船が一日の獲物を積んで港に戻ってきました。",
    "hangul": "저녁에 어선들이 항구로 돌아왔다.",
    "khmer": "នៅពេលល្ងាច ទូកនេសាទបានត្រឡប់មកកំពង់ផែវិញ។",
    "myanmar": "ညနေခင်းတွင် ငါးဖမ်းလှေများ ဆိပ်ကမ်းသို့ ပြန်လာကြသည်။",
    "tibetan": "དགོང་དྲོར་ཉ་གྲུ་རྣམས་གྲུ་ཁ་ལ་ཕྱིར་ལོག་བྱུང་།",
    "ethiopic": "ምሽት ላይ የዓሣ አጥማጆች ጀልባዎች ወደ ወደቡ ተመለሱ።",
}


def test_letters_belong_to_the_script_that_unicode_gives_them():
    letters = pl.Series([chr(point) for point in range(0x110000) if chr(point).isalpha()])
    found = letters.map_elements(script_of, return_dtype=pl.String)
    for script, pattern in SCRIPTS.items():
        unicode, ours = letters.str.contains(pattern), (found == script).fill_null(False)
        assert (ours & ~unicode).sum() <= 2, script
        # Modifier letters, and signs such as Kelvin and Ohm.
        assert (unicode & ~ours).sum() <= (180 if script == "latin" else 8), script


@pytest.mark.parametrize("script", TEXTS)
def test_a_text_is_outside_every_script_but_its_own(script):
    text = TEXTS[script]
    assert main_script(text) == script
    assert not is_mostly_outside(text, (script,))
    assert is_mostly_outside(text, TEXTS.keys() - {script, "han" if script == "kana" else script})
    # Menus in Latin letters do not make the page Latin, wherever they stand.
    page = "\n".join(["Home | About", *[text] * 40, "Log in", *[text] * 40, "Terms of use"])
    assert main_script(page) == script


@pytest.mark.parametrize("text", ["", " \n", "12 + 30 = 42", "→ © 2020", "𝟙𝟚"])
def test_a_text_without_letters_has_no_script_and_is_outside_of_nothing(text):
    assert main_script(text) is None
    assert not is_mostly_outside(text, ())
    assert not is_mostly_outside(text, ("latin",))


@given(st.text(max_size=3_000), st.sets(st.sampled_from(sorted(TEXTS))))
def test_more_scripts_never_put_a_text_outside(text, scripts):
    if is_mostly_outside(text, {*scripts, "latin"}):
        assert is_mostly_outside(text, scripts)
    assert not is_mostly_outside(text, letters_by_script(text).keys())


def test_half_of_the_letters_may_be_in_another_script():
    assert not is_mostly_outside("abcд" * 3 + "дд", ("latin",))
    assert is_mostly_outside("abcдддд", ("latin",))


def test_names_that_no_letter_has_are_unknown():
    assert unknown_scripts(["latin", "khmer", "Latin", "ohm", "klingon", "han", "kana", "tibetan"]) == [
        "Latin",
        "klingon",
        "ohm",
    ]
