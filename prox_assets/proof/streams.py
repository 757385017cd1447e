"""The stream of tokens that a model of a proof is trained on."""

from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.runs import ModelRun
from prox_assets.proof.settings import NgramModel, ProofSettings
from prox_assets.proof.tokens import ArmTokens, TokenStream


def stream_of(settings: ProofSettings, folder: ProofFolder, run: ModelRun) -> TokenStream:
    """Return the stream of a model: that of its arm, in the order of its seed, as long as its budget says.

    Raises:
        ProofError: The arm's tokens are missing.
    """
    model = settings.model(run.model)
    own_tokenizer = not isinstance(model, NgramModel) and model.base is not None
    tokens = ArmTokens.open(folder.tokens(run.arm, model.name if own_tokenizer else None))
    seed = settings.seed + run.seed
    if run.budget == "documents":
        return TokenStream.of_documents(tokens, seed, settings.documents)
    return TokenStream.of_tokens(tokens, seed, model.tokens or settings.tokens)
