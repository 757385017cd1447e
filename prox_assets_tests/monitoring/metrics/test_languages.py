"""Signatures of texts in languages whose words and letters are not the module's own examples."""

import polars as pl
import pytest

from prox_assets.monitoring.metrics.languages import language_of

TEXTS = {
    "english": "We walked down to the harbour in the evening, and the boats of the fishermen came back.",
    "german": "Am Abend gingen wir zum Hafen, und die Boote der Fischer lagen mit dem Fang des Tages am Kai.",
    "french": "Le soir, les bateaux des pêcheurs sont dans le port et la mer est calme pour une fois.",
    "spanish": "Por la tarde los barcos de los pescadores volvieron al puerto con la pesca del día.",
    "italian": "La sera le barche dei pescatori sono nel porto e il mare non è mosso, per una volta.",
    "portuguese": "À tarde os barcos dos pescadores voltaram ao porto com a pesca do dia e sem vento.",
    "dutch": "In de avond lagen de boten van de vissers in het dok en het was niet koud voor de tijd van het jaar.",
    "cyrillic": "Вечером лодки рыбаков вернулись в гавань с уловом.",
    "greek": "Το βράδυ οι βάρκες γύρισαν στο λιμάνι.",
    "arabic": "عادت القوارب إلى الميناء في المساء.",
    "han": "傍晚，渔船带着当天的收获回到了港口。",
    "kana": "夕方、漁船が一日の獲物を積んで港に戻ってきました。",
    "hangul": "저녁에 어선들이 항구로 돌아왔다.",
    "unknown": "x1 9 -- 77 ### qwrt",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_text_is_counted_for_its_language(language: str) -> None:
    frame = pl.DataFrame({"text": [TEXTS[language], TEXTS[language].upper()]})
    assert frame.select(found=language_of())["found"].to_list() == [language] * 2


def test_a_text_without_letters_is_unknown() -> None:
    assert pl.DataFrame({"text": ["", "1 2 3", "\n\n"]}).select(x=language_of())["x"].to_list() == ["unknown"] * 3
