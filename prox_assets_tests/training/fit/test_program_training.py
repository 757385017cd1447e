"""Fine-tuning a base to write programs: the examples, and a full run of the lab on a tiny Llama."""

import json

import pytest

from prox_assets.programs import RemoveLines, parse
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import load_refiner
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.testing.tiny_models import make_tiny_llama
from prox_assets.training.data.page_annotations import chunk_annotations
from prox_assets.training.data.program_examples import IGNORED, collate, program_examples
from prox_assets.training.fit.program_loss import program_loss
from prox_assets.training.lab.settings import LabFolder
from prox_assets.training.lab.stages import annotate_seeds, build_examples
from prox_assets.training.lab.training import train_refiner
from prox_assets_tests.training.lab.plans import small_plan
from prox_assets_tests.training.synthetic_pages import labelled_page, page, write_pages

CHUNK = {
    "name": "writes",
    "level": "chunk",
    "model": ".",
    "prompt_format": "plain",
    "window": 512,
    "max_new_tokens": 96,
    "keep_call": "untouch_doc",
    "range_keywords": ("start", "end"),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    texts = [labelled_page(**page(number)).text_full for number in range(20)]
    calls = ["remove_lines(start=0, end=12)\nremove_lines(start=13, end=19)", "untouch_doc()", "keep_doc()drop_doc()"]
    folder = tmp_path_factory.mktemp("base")
    return make_tiny_llama(folder, texts=[*texts, *calls * 20], vocab_size=900, max_position_embeddings=512)


def seed_rows(count: int):
    pages = [labelled_page(**page(number)) for number in range(count)]
    return [row for row in chunk_annotations(pages) if row["doc_id"].endswith("#text_full")]


def text_of(tokenizer, ids) -> str:
    return tokenizer._backend.decode(list(ids))


@pytest.mark.parametrize("line_numbers", ["chunk", "document"])
def test_programs_name_the_lines_as_they_are_labelled_in_the_prompt(base, line_numbers):
    config = RefinerConfig.model_validate({**CHUNK, "line_numbers": line_numbers})
    tokenizer = load_tokenizer(base)
    examples = program_examples(config, tokenizer, seed_rows(6), seed=0)
    assert len(examples) > 12
    edited = 0
    for example in examples:
        shown = text_of(tokenizer, example.prompt).split("\n")
        labelled = {line[:5]: line[5:] for line in shown if line.startswith("[") and line[1:4].isdigit()}
        program = text_of(tokenizer, example.answer)
        parsed = parse(program)
        assert not parsed.errors, program
        assert "line_start" not in program
        for call in parsed.operations:
            if isinstance(call, RemoveLines):
                edited += 1
                gone = [labelled[f"[{number:03d}]"] for number in range(call.start, call.end + 1)]
                assert not any("before the morning" in line or "the other side" in line for line in gone)
    assert edited > 6


def test_only_answers_have_a_loss(base):
    config = RefinerConfig.model_validate(CHUNK)
    examples = program_examples(config, load_tokenizer(base), seed_rows(2), seed=0)[:3]
    batch = collate(0, examples)
    for row, example in enumerate(examples):
        learned = batch["labels"][row][batch["labels"][row] != IGNORED].tolist()
        assert learned == list(example.answer)
        assert int(batch["attention_mask"][row].sum()) == len(example.prompt) + len(example.answer)


def test_the_loss_is_the_one_that_transformers_computes(base):
    from transformers import AutoModelForCausalLM

    examples = program_examples(RefinerConfig.model_validate(CHUNK), load_tokenizer(base), seed_rows(2), seed=0)
    batch = collate(0, examples[:3])
    model = AutoModelForCausalLM.from_pretrained(base, dtype="float32")
    expected = float(model(**batch).loss)
    assert float(program_loss(model, batch)) == pytest.approx(expected, rel=1e-5)
    answered = int((batch["labels"] != IGNORED).sum())
    assert float(program_loss(model, batch, 2 * answered)) == pytest.approx(expected / 2, rel=1e-5)


def test_an_open_prompt_format_cannot_be_trained_for(base):
    config = RefinerConfig.model_validate({**CHUNK, "prompt_format": "auto"})
    with pytest.raises(RefinerError, match="not auto"):
        program_examples(config, load_tokenizer(base), seed_rows(1), seed=0)


@pytest.mark.slow
def test_a_base_is_tuned_in_full_and_the_checkpoint_chosen_by_f1(base, tmp_path):
    recipe = {"base": str(base), "epochs": 2, "batch_size": 16, "learning_rate": 0.002, "final_learning_rate": 0.0002}
    recipe |= {"checkpoint_steps": 10, "steps": 40, "bf16": False, "threads": 1, "warmup_steps": 3}
    doc = {"name": "judges", "level": "doc", "prompt_format": "plain", "window": 512}
    plan = small_plan(
        write_pages(tmp_path / "pages.parquet", 40),
        chunk={"refiner": {**CHUNK, "line_numbers": "chunk"}, "recipe": recipe},
        doc={"refiner": doc, "recipe": recipe},
    )
    folder = LabFolder(tmp_path / "lab")
    for level in ("chunk", "doc"):
        annotate_seeds(plan, folder, level)
        build_examples(plan, folder, level)
        shown = train_refiner(plan, folder, level)
        refiner = load_refiner(str(folder.model(level)))
        assert refiner.prompt_format == "plain"
        losses = json.loads((folder.model(level) / "curves.json").read_text())["loss"]
        assert losses[-1][1] < losses[0][1]
        assert shown["chosen_step"] in (10, 20, 30, 40)
