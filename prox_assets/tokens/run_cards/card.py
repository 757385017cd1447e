"""A run card: everything that a training of a base on token files is set up with, worked out from recipe and manifest.

`write_run_card` (write.py) puts it into the forms of the trainers.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from prox_assets.lake.storage.storage import Storage
from prox_assets.proof.pretraining.recipes import LlamaModel
from prox_assets.tokens.errors import TokensError
from prox_assets.tokens.manifest import TokenManifest
from prox_assets.tokens.run_cards.bases import ModelShape, shape_of
from prox_assets.tokens.run_cards.data import NEEDED, PACKED, splits_of, validation_split
from prox_assets.tokens.run_cards.settings import RunCardSettings, TrainerName
from prox_assets.tokens.run_cards.tokenizers import compare

TOKENIZER = "tokenizer/tokenizer.json"
REPEATS_WORTH = 4
"""Passes over the same text that teach nearly as much as new text (Muennighoff et al. 2023, arXiv 2305.16264)."""


class SourceTokens(BaseModel):
    """What a source gives to a split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    split: str
    corpus: str
    documents: int
    tokens: int


class RunCard(BaseModel):
    """All of it; card.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    recipe: str
    token_files: str = Field(description="Name of the token files.")
    folder: str = Field(description="Where they were when the card was made.")
    written_at: str = Field(description="When the token files were written, in UTC: they are those of this card.")
    model: LlamaModel = Field(description="The recipe.")
    base: str | None = Field(description="Folder or hub name of the weights to start from; None: random ones.")
    vocabulary: int = Field(description="Rows of the model's embeddings.")
    tokenizer: str
    tokenizer_hash: str
    tokenizer_check: str = Field(description="How the tokenizer relates to the base's.")
    end_of_text_id: int
    beginning_of_text_id: int | None
    dtype: Literal["uint16", "uint32"] = Field(description="Of the token files.")
    sources: tuple[SourceTokens, ...]
    validation: str | None = Field(description="The split that a trainer measures itself on.")
    unique_tokens: int = Field(description="Tokens of the split train.")
    epochs: float = Field(description="How often the training passes over them.")
    steps: int = Field(description="Steps that are trained.")
    schedule_steps: int = Field(description="Steps that the schedule of the learning rate is made for.")
    sequences: int = Field(description="Sequences of a step.")
    devices: int
    micro_batch: int = Field(description="Sequences that a device holds at once.")
    accumulation: int = Field(description="Micro-batches of a step on each device.")
    save_steps: int = Field(description="Steps between two checkpoints; a divisor of the steps where one is near.")
    left_out: dict[TrainerName, str] = Field(description="Trainers without files, and why.")
    remarks: tuple[str, ...] = Field(description="What to know before starting.")

    @property
    def tokens(self) -> int:
        """Tokens that are trained on, repeats included."""
        return self.steps * self.model.batch_tokens

    @property
    def shape(self) -> ModelShape:
        """Shape of the model."""
        return shape_of(self.model, self.vocabulary)

    @property
    def final_learning_rate(self) -> float:
        """Learning rate at the end of the schedule, without the noise of a division."""
        return float(f"{self.model.final_learning_rate:.9g}")

    @property
    def final_share(self) -> float:
        """The same as a share of the highest."""
        return float(f"{self.model.final_learning_rate / self.model.learning_rate:.9g}")

    @property
    def decay_steps(self) -> int:
        """Steps of the schedule in which warmup_stable_decay lets the learning rate fall."""
        return max(1, round(self.model.decay * self.schedule_steps))


def make_card(manifest: TokenManifest, settings: RunCardSettings, folder: Storage) -> RunCard:
    """Work out a card.

    Args:
        manifest: The token files.
        settings: The recipe, and what is to be other than it says.
        folder: The folder of the token files.

    Raises:
        TokensError: The tokenizer is not the base's, there is no training token, the budget is shorter than a step,
            or a step cannot be divided among the devices.
    """
    model = settings.model
    unique = manifest.tokens()
    if not unique:
        raise TokensError(f"{folder.url} has no token to train on: its split train is empty")
    steps = _steps(model, settings, unique)
    sequences = model.batch_tokens // model.context
    share, rest = divmod(sequences, settings.devices)
    if rest or not share:
        raise TokensError(
            f"{sequences} sequences of a step cannot be divided among {settings.devices} devices: choose another "
            "number of devices, or another batch_tokens"
        )
    micro = max(size for size in range(1, min(model.micro_batch, share) + 1) if share % size == 0)
    shape = shape_of(model, manifest.tokenizer.vocabulary)
    if manifest.tokenizer.vocabulary > shape.vocabulary:
        raise TokensError(
            f"the tokens have ids up to {manifest.tokenizer.vocabulary - 1}, and {model.base} has embeddings for "
            f"{shape.vocabulary}: write them with the base's own tokenizer"
        )
    base = settings.base or model.base
    check = "The model starts from random weights and learns this tokenizer."
    if base is not None:
        check = compare(manifest.tokenizer, folder.read_bytes(TOKENIZER), settings.base_tokenizer or base)
    left_out = _left_out(manifest, model, settings)
    splits = splits_of(manifest.shards)
    epochs = steps * model.batch_tokens / unique
    schedule_steps = round(steps / model.stop)
    return RunCard(
        name=settings.card_name,
        recipe=settings.recipe,
        token_files=manifest.name,
        folder=folder.root if folder.is_local else folder.url,
        written_at=manifest.written_at,
        model=model,
        base=base,
        vocabulary=shape.vocabulary,
        tokenizer=manifest.tokenizer.source,
        tokenizer_hash=manifest.tokenizer.hash,
        tokenizer_check=check,
        end_of_text_id=manifest.tokenizer.end_of_text_id,
        beginning_of_text_id=manifest.tokenizer.beginning_of_text_id,
        dtype="uint16" if manifest.dtype == "uint16" else "uint32",
        sources=_sources(manifest, splits),
        validation=validation_split(splits),
        unique_tokens=unique,
        epochs=epochs,
        steps=steps,
        schedule_steps=schedule_steps,
        sequences=sequences,
        devices=settings.devices,
        micro_batch=micro,
        accumulation=share // micro,
        save_steps=_save_steps(model.checkpoint_steps, steps),
        left_out=left_out,
        remarks=tuple(_remarks(model, check, epochs, steps, schedule_steps, splits)),
    )


def _steps(model: LlamaModel, settings: RunCardSettings, unique: int) -> int:
    if settings.epochs is not None:
        tokens, said = round(settings.epochs * unique), f"{settings.epochs:g} epochs of {unique:,} tokens"
    elif settings.tokens is not None:
        tokens, said = settings.tokens, f"{settings.tokens:,} tokens"
    else:
        # A size without a budget of its own sees all of the tokens once.
        tokens = model.tokens or unique
        said = f"{tokens:,} tokens"
    steps = model.steps(tokens)
    if not steps:
        raise TokensError(
            f"{said} are fewer than a step of {settings.recipe}, which has {model.batch_tokens:,}: give more tokens or "
            "epochs, or lower batch_tokens"
        )
    return steps


def _save_steps(wanted: int, steps: int) -> int:
    """Return a number of steps between checkpoints such that the last step is one, if there is any near the wanted."""
    fitting = [size for size in range(max(1, wanted // 2), 2 * wanted + 1) if steps % size == 0]
    return min(fitting, key=lambda size: abs(size - wanted), default=min(wanted, steps))


def _sources(manifest: TokenManifest, splits: Sequence[str]) -> tuple[SourceTokens, ...]:
    corpora = dict.fromkeys(shard.corpus for shard in manifest.shards)
    return tuple(
        SourceTokens(
            split=split,
            corpus=corpus,
            documents=sum(
                shard.documents for shard in manifest.shards if (shard.split, shard.corpus) == (split, corpus)
            ),
            tokens=manifest.tokens(split, corpus),
        )
        for split in splits
        for corpus in corpora
    )


def _left_out(manifest: TokenManifest, model: LlamaModel, settings: RunCardSettings) -> dict[TrainerName, str]:
    formats = {file.format for shard in manifest.shards for file in shard.files}
    formats |= set(manifest.settings.get("formats", ()))
    length = manifest.settings.get("sequence_length")
    found: dict[TrainerName, str] = {}
    for trainer in settings.trainers:
        needed = NEEDED[trainer]
        if needed not in formats:
            found[trainer] = f"it reads {needed}, which was not written: add it to the formats of the token files"
        elif needed in PACKED and length != model.context:
            found[trainer] = (
                f"the sequences of {needed} have {length} tokens and the recipe's {model.context}: write the token "
                f"files with sequence_length: {model.context}, or give the card a context of {length}"
            )
        elif trainer == "litgpt" and model.schedule != "cosine":
            found[trainer] = f"it has no schedule {model.schedule}"
    return found


def _remarks(
    model: LlamaModel, check: str, epochs: float, steps: int, schedule_steps: int, splits: Sequence[str]
) -> list[str]:
    remarks = []
    if check.startswith("Not compared"):
        remarks.append(check)
    if epochs > REPEATS_WORTH:
        remarks.append(
            f"The training passes over the tokens {epochs:,.1f} times. Up to about {REPEATS_WORTH} times, repeats "
            "teach nearly as much as new text; beyond, ever less (arXiv 2305.16264). Train on "
            "fewer tokens, or refine more."
        )
    elif epochs < 1:
        remarks.append(f"The training sees {epochs:.1%} of the tokens.")
    if steps < schedule_steps:
        remarks.append(
            f"The training stops at step {steps:,} of a schedule of {schedule_steps:,}, so the learning rate has not "
            "come to its end: the recipe did so."
        )
    if model.rope_base is not None:
        remarks.append(
            f"The recipe sets the base of the rotary position embeddings to {model.rope_base:g}, other than the "
            "published model has it. Whoever uses the trained model needs it, too."
        )
    unused = [name for name in splits if name not in ("train", "test", validation_split(splits))]
    if unused:
        remarks.append(f"No trainer is given the splits {', '.join(unused)}.")
    return remarks
