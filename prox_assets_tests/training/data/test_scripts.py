"""The scripts of a training set: pages count once, and synthetic documents not at all."""

from prox_assets.training.data.page_annotations import SYNTHETIC_SITE
from prox_assets.training.data.scripts import LEAST_PAGES, pages_by_script, scripts_with_enough

RUSSIAN = "Вечером лодки рыбаков вернулись в гавань с уловом."


def rows(count, text, name):
    return [
        {"doc_id": f"{name}-{number}#{regime}", "site": f"{number}.example", "text": text}
        for number in range(count)
        for regime in ("text_full", "text_main", "gold")
    ]


def test_scripts_with_enough_pages_are_trained():
    made = {"doc_id": f"{SYNTHETIC_SITE}-train-1#spam", "site": f"{SYNTHETIC_SITE}.train", "text": "buy now"}
    examples = [*rows(LEAST_PAGES, "The boats came back.", "en"), *rows(LEAST_PAGES - 1, RUSSIAN, "ru"), made]
    examples.append({"doc_id": "numbers#gold", "site": "a.example", "text": "1 2 3"})
    pages = pages_by_script(examples)
    assert pages == {"latin": LEAST_PAGES, "cyrillic": LEAST_PAGES - 1}
    assert scripts_with_enough(pages) == ("latin",)
    assert scripts_with_enough({**pages, "cyrillic": LEAST_PAGES}) == ("cyrillic", "latin")


def test_a_training_set_that_is_too_small_says_nothing():
    assert scripts_with_enough(pages_by_script(rows(LEAST_PAGES - 1, RUSSIAN, "ru"))) is None
