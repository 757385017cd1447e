"""The tokens that a model of a proof is trained on, and the tokenizer that made them."""

from pathlib import Path

from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.runs import ModelRun
from prox_assets.proof.settings import ModelSettings, NgramModel, ProofSettings
from prox_assets.proof.tokens.arm_tokens import ArmTokens, TokenStream


def tokens_of(settings: ProofSettings, folder: ProofFolder, run: ModelRun) -> ArmTokens:
    """Return the tokens of a model's arm, by the model's tokenizer.

    Raises:
        ProofError: They are missing.
    """
    model = settings.model(run.model)
    return ArmTokens.open(folder.tokens(run.arm, model.name if has_tokenizer(model) else None))


def tokenizer_of(settings: ProofSettings, folder: ProofFolder, run: ModelRun) -> Path:
    """Return the folder of a model's tokenizer: its own, or that of the proof."""
    model = settings.model(run.model)
    return folder.own_tokenizer(model.name) if has_tokenizer(model) else folder.tokenizer()


def has_tokenizer(model: ModelSettings) -> bool:
    """Tell whether a model has a tokenizer of its own."""
    return not isinstance(model, NgramModel) and model.has_tokenizer


def stream_of(settings: ProofSettings, folder: ProofFolder, run: ModelRun) -> TokenStream:
    """Return the stream of a model: that of its arm, in the order of its seed, as long as its budget says.

    Raises:
        ProofError: The arm's tokens are missing.
    """
    model = settings.model(run.model)
    tokens = tokens_of(settings, folder, run)
    seed = settings.seed + run.seed
    if run.budget == "documents":
        return TokenStream.of_documents(tokens, seed, settings.documents)
    return TokenStream.of_tokens(tokens, seed, model.tokens or settings.tokens)
