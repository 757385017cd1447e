"""The bundled refiner: small, accepted by the probe, and the same on both engines."""

import pytest

from prox_assets.corpora.sample.page_files import read_pages
from prox_assets.engines.config import EngineConfig, TransformersEngineConfig, VllmEngineConfig
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.model.files import model_folder
from prox_assets.refiners.presets import BUNDLED_PLACE, named_refiners
from prox_assets.refiners.prompts.formats import Level
from prox_assets.refiners.session import RefinerSession
from prox_assets.training.evaluation.evaluate import chunk_programs, document_programs, refine

BUNDLED = named_refiners("bundled")
ENGINE: EngineConfig = TransformersEngineConfig()


def sample_texts() -> list[str]:
    return [page.text for page in read_pages()]


def test_the_folder_has_at_most_twelve_megabytes_and_a_model_card():
    folder = model_folder(BUNDLED_PLACE)
    assert sum(file.stat().st_size for file in folder.rglob("*")) <= 12_000_000
    assert "Licence" in (folder / "MODEL_CARD.md").read_text()


def test_the_probe_accepts_both_levels():
    levels: tuple[tuple[Level, RefinerConfig | None], ...] = (("doc", BUNDLED.doc), ("chunk", BUNDLED.chunk))
    for level, config in levels:
        with RefinerSession(config, level, ENGINE) as session:
            assert session.document_refiner() if level == "doc" else session.chunk_refiner()


def test_prose_stays_and_most_of_a_menu_goes():
    prose = [
        "The tower was finished in 1871 after two winters in which storms had carried the scaffolding away.",
        "Its keeper lit the lamp every evening and wound the clockwork that turned the lens by hand.",
        "When electricity reached the island in 1936, the clockwork was kept as a reserve, and it still works today.",
        "Visitors may wind it themselves on the first Sunday of each month, and many come back to do so again.",
    ]
    menu = ["Home", "About us", "Contact", "Log in", "Sign up"]
    footer = ["Privacy policy", "Terms of use", "© 2014 All rights reserved"]
    with RefinerSession(BUNDLED.chunk, "chunk", ENGINE) as session:
        [page, clean] = chunk_programs(
            session.chunk_refiner(), ["\n".join([*menu, *prose, *footer]), "\n".join(prose * 3)]
        )
    policy = BUNDLED.policy(dialect="line-labels")
    refined = refine("\n".join([*menu, *prose, *footer]), page, policy).text.split("\n")
    assert [line for line in refined if line in prose] == prose
    assert len(refined) - len(prose) <= (len(menu) + len(footer)) / 2
    assert refine("\n".join(prose * 3), clean, policy).text == "\n".join(prose * 3)


HARBOUR = [
    "The harbour wall was finished in the spring of that year, and the first boats came in soon after the last stone.",
    "Nobody in the village had expected the work to take so long, but the storms of two winters had taken the stones.",
    "When the engineers came back they had brought heavier blocks with them, and a crane that the children liked.",
]
CRLF_PAGES = {
    "footer": [*HARBOUR, "Share | Tweet | Email", "", "Log in"],
    "header": ["Home | About | Contact", "Skip to content", "", *HARBOUR],
    "noise inside lines": [f"{HARBOUR[0]}[1]", "", f"{HARBOUR[1]} Read more »", HARBOUR[2]],
}


@pytest.mark.parametrize("level", ["doc", "chunk"])
def test_a_page_with_crlf_gets_the_decisions_of_the_page_with_lf(level):
    policy = BUNDLED.policy(dialect="line-labels")
    pages = [end.join(lines) for lines in CRLF_PAGES.values() for end in ("\n", "\r\n")]
    with RefinerSession(BUNDLED.doc if level == "doc" else BUNDLED.chunk, level, ENGINE) as session:
        if level == "doc":
            keep = [answer.keep_probability for answer in document_programs(session.document_refiner(), pages)]
            assert keep[1::2] == pytest.approx(keep[::2], abs=1e-5)
            return
        answers = chunk_programs(session.chunk_refiner(), pages)
    texts = [refine(page, answer, policy).text for page, answer in zip(pages, answers, strict=True)]
    for lf, crlf, page in zip(texts[::2], texts[1::2], pages[::2], strict=True):
        assert [line.removesuffix("\r") for line in crlf.split("\n")] == lf.split("\n")
        assert all(line.endswith("\r") for line in crlf.split("\n")[:-1])
        assert lf != page


def test_joiners_that_spell_and_pairs_of_controls_stay():
    pages = [
        "കപ്പല്\u200d തുറമുഖത്തിന്റെ മതില്\u200d ആ വര്\u200dഷത്തെ വസന്തത്തില്\u200d പൂര്\u200dത്തിയായി. ആദ്യ ബോട്ടുകള്\u200d വന്നു.",
        "\n".join(f"\u2066{line}\u2069" for line in HARBOUR),
        "\u202b" + "\n".join(HARBOUR) + "\u202c",
    ]
    with RefinerSession(BUNDLED.chunk, "chunk", ENGINE) as session:
        answers = chunk_programs(session.chunk_refiner(), pages)
    policy = BUNDLED.policy(dialect="line-labels")
    assert [refine(page, answer, policy).text for page, answer in zip(pages, answers, strict=True)] == pages


@pytest.mark.vllm
@pytest.mark.parametrize(
    ("dtype", "every"), [("float32", 3), ("bfloat16", 4), pytest.param("float32", 1, marks=pytest.mark.trial)]
)
def test_vllm_and_transformers_give_the_same_labels(dtype, every):
    """In bfloat16 another order of sums rounds differently, which decides lines at the cutoff."""
    policy = BUNDLED.policy(dialect="line-labels")
    texts = sample_texts()[::every]
    found = []
    for engine in (
        TransformersEngineConfig(dtype=dtype),
        VllmEngineConfig(dtype=dtype, enforce_eager=True, core_process="child"),
    ):
        with RefinerSession(BUNDLED.chunk, "chunk", engine) as session:
            programs = chunk_programs(session.chunk_refiner(), texts)
        found.append([refine(text, answer, policy).text for text, answer in zip(texts, programs, strict=True)])
    lines = sum(text.count("\n") + 1 for text in texts)
    differing = sum(len(set(one.split("\n")) ^ set(other.split("\n"))) for one, other in zip(*found, strict=True))
    assert differing <= (0 if dtype == "float32" else 0.01 * lines)
