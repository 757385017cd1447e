"""Writes run cards beside the token files: `run_cards/{name}/`."""

from collections.abc import Callable
from typing import NamedTuple

from prox_assets.lake.storage.storage import Storage
from prox_assets.tokens.manifest import TokenManifest
from prox_assets.tokens.run_cards.card import RunCard, make_card
from prox_assets.tokens.run_cards.huggingface import trainer_files
from prox_assets.tokens.run_cards.litgpt import litgpt_files
from prox_assets.tokens.run_cards.megatron import megatron_files
from prox_assets.tokens.run_cards.olmo_core import olmo_core_files
from prox_assets.tokens.run_cards.settings import RunCardSettings, TrainerName
from prox_assets.tokens.run_cards.templating import rendered

FOLDER = "run_cards"
CARD = "card.json"
PAGE = "README.md"


class _Form(NamedTuple):
    title: str
    files: Callable[[RunCard, TokenManifest, Callable[[str], str]], dict[str, str]]
    start: str


_FORMS: dict[TrainerName, _Form] = {
    "trainer": _Form(
        "transformers' Trainer", trainer_files, "`accelerate launch --num_processes {devices} trainer.py`"
    ),
    "olmo_core": _Form("OLMo-core", olmo_core_files, "`torchrun --nproc-per-node {devices} olmo_core_train.py`"),
    "megatron": _Form("Megatron-LM", megatron_files, "`MEGATRON=... bash megatron.sh`"),
    "litgpt": _Form("litgpt", litgpt_files, "`PYTHONPATH=. litgpt pretrain --config litgpt.yaml`"),
}


def write_run_card(folder: Storage, manifest: TokenManifest, settings: RunCardSettings) -> RunCard:
    """Write a card with its files, all at once; those of an earlier card that it does not have are removed.

    Args:
        folder: The folder of the token files.
        manifest: What is in it.
        settings: The recipe, and what is to be other than it says.

    Raises:
        TokensError: The settings do not fit the token files.
        LakeError: The folder cannot be written.
    """
    card = make_card(manifest, settings, folder)
    texts: dict[str, str] = {CARD: card.model_dump_json(indent=1) + "\n"}
    shown = []
    for name in settings.trainers:
        form = _FORMS[name]
        files = {} if name in card.left_out else form.files(card, manifest, folder.uri)
        texts |= files
        start = form.start.format(devices=card.devices) if files else card.left_out[name]
        shown.append({"name": form.title, "files": list(files), "start": start})
    layers = card.shape.layers
    texts[PAGE] = rendered(
        "README.md.jinja",
        card=card,
        start=card.base or f"A Llama with random weights, {layers.layers} layers of width {layers.hidden}",
        layers=layers,
        key_value_heads=card.shape.key_value_heads,
        totals={split: manifest.tokens(split) for split in {source.split for source in card.sources}},
        trainers=shown,
    )
    place = f"{FOLDER}/{card.name}"
    before = folder.list_files(place)
    names = list(texts)
    with folder.new_files([f"{place}/{name}" for name in names]) as paths:
        for name, path in zip(names, paths, strict=True):
            path.write_text(texts[name], encoding="utf-8")
    for name in set(before) - set(names):
        folder.remove(f"{place}/{name}")
    return card
