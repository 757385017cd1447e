"""`prox run-card`: write the settings to train a base model with on token files, for each trainer."""

from typing import Annotated

import typer
from pydantic import ValidationError
from rich.padding import Padding
from rich.table import Table

from prox_assets.cli.console import console, fail, plain_errors, say, warn
from prox_assets.cli.options import LakeOption
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import export_of
from prox_assets.lake.storage.storage import Storage
from prox_assets.proof.pretraining.presets import PRESETS
from prox_assets.stages.settings import described
from prox_assets.tokens.folder import read_manifest
from prox_assets.tokens.run_cards.card import RunCard
from prox_assets.tokens.run_cards.settings import RunCardSettings
from prox_assets.tokens.run_cards.write import FOLDER, PAGE, write_run_card


@plain_errors()
def run_card(
    tokens: Annotated[str, typer.Argument(help="Token files: their name in the lake, or their folder or URL.")],
    recipe: Annotated[
        str, typer.Option("--recipe", help=f"Base model and settings to train it with: {', '.join(PRESETS)}.")
    ],
    lake: LakeOption = "lake",
    name: Annotated[str | None, typer.Option("--name", help="Name of the card; the recipe's by default.")] = None,
    base: Annotated[
        str | None, typer.Option("--base", help="Folder or hub name of the recipe's base, where you keep it elsewhere.")
    ] = None,
    base_tokenizer: Annotated[
        str | None,
        typer.Option(
            "--base-tokenizer",
            help="Folder or tokenizer.json of the base's tokenizer, to compare with; by default the base's own.",
        ),
    ] = None,
    budget: Annotated[
        int | None, typer.Option("--tokens", min=1, help="Tokens to train on; those of the recipe by default.")
    ] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", help="Or how often to pass over the tokens of the split train.")
    ] = None,
    context: Annotated[int | None, typer.Option("--context", min=8, help="Tokens of a sequence.")] = None,
    batch_tokens: Annotated[int | None, typer.Option("--batch-tokens", min=8, help="Tokens of a step.")] = None,
    micro_batch: Annotated[
        int | None, typer.Option("--micro-batch", min=1, help="Sequences that a device holds at once, at most.")
    ] = None,
    devices: Annotated[int, typer.Option("--devices", min=1, help="Devices that share a step.")] = 8,
) -> None:
    """Write a run card: the settings to train a base model with on a set of token files (docs/tokens.md).

    It goes into the folder `run_cards` beside them: a page to read, and files for transformers' Trainer, OLMo-core,
    Megatron-LM and litgpt. Token files of another tokenizer than the base's are refused.
    """
    folder = _folder(tokens, lake)
    manifest = read_manifest(folder)
    if manifest is None:
        raise fail(f"{folder.url} has no manifest.json: write its token files first, or finish them (`prox tokens`)")
    try:
        settings = RunCardSettings(
            recipe=recipe,
            name=name,
            base=base,
            base_tokenizer=base_tokenizer,
            tokens=budget,
            epochs=epochs,
            context=context,
            batch_tokens=batch_tokens,
            micro_batch=micro_batch,
            devices=devices,
        )
    except ValidationError as error:
        raise fail(described(error)) from error
    card = write_run_card(folder, manifest, settings)
    _print(card)
    say(f"written: {folder.uri(f'{FOLDER}/{card.name}/{PAGE}')}")


def _folder(tokens: str, lake: str) -> Storage:
    """Return the folder of token files, given their name in the lake, or the folder itself."""
    export = None if "/" in tokens else export_of(Lake(lake), "tokens", tokens)
    return Storage(tokens) if export is None else export.open()


def _print(card: RunCard) -> None:
    model = card.model
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for label, value in (
        ("starts from", card.base or "random weights"),
        ("tokens", f"{card.tokens:,}, which is {card.epochs:,.2f} epochs of {card.unique_tokens:,}"),
        ("steps", f"{card.steps:,} of {card.sequences:,} sequences of {model.context:,} tokens"),
        ("learning rate", f"{model.learning_rate:g} to {model.final_learning_rate:g}, {model.schedule}"),
        ("schedule", f"{card.schedule_steps:,} steps, {model.warmup_steps:,} of them warm-up"),
        ("devices", f"{card.devices}, each {card.accumulation} times {card.micro_batch} sequences"),
        ("tokenizer", card.tokenizer_check),
    ):
        table.add_row(label, value)
    console.print(Padding(table, (0, 0, 0, 2)))
    for remark in card.remarks:
        warn(remark)
    for trainer, reason in card.left_out.items():
        warn(f"nothing for {trainer}: {reason}")
