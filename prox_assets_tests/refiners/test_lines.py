"""The classifier in the package: small, whole, sensible on the sample, and independent of torch and scikit-learn."""

import subprocess
import sys

import pytest

from prox_assets.corpora.sample.decisions import sound_pages, worthless_pages
from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.refiners.model.files import model_folder
from prox_assets.refiners.presets import LINES, SHIPPED, named_refiners
from prox_assets.refiners.session import RefinerSession
from prox_assets.training.evaluation.evaluate import chunk_programs, document_programs, refine

REFINERS = named_refiners(LINES)
PROSE = [
    "The tower was finished in 1871 after two winters in which storms had carried the scaffolding away.",
    "Its keeper lit the lamp every evening and wound the clockwork that turned the lens by hand.",
    "When electricity reached the island in 1936, the clockwork was kept as a reserve, and it still works today.",
    "Visitors may wind it themselves on the first Sunday of each month, and many come back to do so again.",
    "The harbour wall was finished in the spring of that year, and the first boats came in soon after the last stone.",
    "Nobody in the village had expected the work to take so long, but the storms of two winters had taken the stones.",
    "When the engineers came back they had brought heavier blocks with them, and a crane that the children liked.",
    "It stood on the quay until the war, and the rails on which it ran can still be seen between the nets.",
]
MENU = ["Home", "About us", "Contact", "Log in", "Sign up"]
FOOTER = ["Privacy policy", "Terms of use", "© 2014 All rights reserved"]


@pytest.fixture(scope="module")
def chunk():
    with RefinerSession(REFINERS.chunk, "chunk", TransformersEngineConfig()) as session:
        yield session.chunk_refiner()


@pytest.fixture(scope="module")
def document():
    with RefinerSession(REFINERS.doc, "doc", TransformersEngineConfig()) as session:
        yield session.document_refiner()


def kept(document, texts):
    answers = document_programs(document, texts)
    return [answer.keep_probability is None or answer.keep_probability >= 0.5 for answer in answers]


def test_the_folder_has_a_few_megabytes_and_a_model_card():
    folder = model_folder(SHIPPED[LINES])
    assert sum(file.stat().st_size for file in folder.rglob("*")) <= 8_000_000
    assert "Licence" in (folder / "MODEL_CARD.md").read_text()


def test_prose_stays_and_the_menu_goes(chunk):
    page, clean = "\n".join([*MENU, *PROSE, *FOOTER]), "\n".join(PROSE)
    policy = REFINERS.policy(dialect="line-labels")
    programs = chunk_programs(chunk, [page, clean])
    assert refine(page, programs[0], policy).text.split("\n") == PROSE
    assert refine(clean, programs[1], policy).text == clean


def test_it_keeps_the_samples_sound_pages_and_drops_most_worthless_ones(document):
    sound = kept(document, [page.text for page in sound_pages()])
    worthless = kept(document, [page.text for page in worthless_pages()])
    assert sum(sound) >= 0.95 * len(sound)
    assert sum(worthless) <= 0.35 * len(worthless)


def test_documents_in_scripts_that_it_was_not_trained_on_stay_as_they_are(chunk, document):
    thai = "\n".join(["ตลาดนัดวันเสาร์เปิดเวลาหกโมงเช้าถึงสิบโมงที่ลานหน้าวัด"] * 5)
    [answer] = document_programs(document, [thai])
    assert (answer.finish_reason, answer.keep_probability) == ("skipped", None)
    [programs] = chunk_programs(chunk, [thai])
    assert refine(thai, programs, REFINERS.policy(dialect="line-labels")).text == thai


WITHOUT = """
import sys
for name in ("torch", "sklearn", "transformers", "tokenizers", "vllm"):
    sys.modules[name] = None
from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.refiners.presets import named_refiners
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.session import RefinerSession
pair = named_refiners("lines")
with RefinerSession(pair.chunk, "chunk", TransformersEngineConfig()) as session:
    [answer] = session.chunk_refiner().write_programs([RefinerInput("a", "Home\\nA sentence that stands alone.")])
    assert len(answer.rows[0].line_keep_probabilities) == 2
with RefinerSession(pair.doc, "doc", TransformersEngineConfig()) as session:
    [answer] = session.document_refiner().write_programs([RefinerInput("a", "404\\nPage not found")])
    assert answer.keep_probability < 0.5
"""


def test_it_runs_without_torch_transformers_and_scikit_learn():
    done = subprocess.run([sys.executable, "-c", WITHOUT], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


HEAVY = """
import sys
import prox_assets.refiners.open, prox_assets.refiners.presets, prox_assets.refiners.session
found = [name for name in ("lightgbm", "scipy", "prox_assets.refiners.classifier.lines") if name in sys.modules]
assert not found, found
"""


def test_nothing_of_it_is_imported_before_it_is_opened():
    done = subprocess.run([sys.executable, "-c", HEAVY], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
