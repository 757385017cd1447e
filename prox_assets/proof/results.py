"""What a trained model says about itself: `run.json` in its folder, written last."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

RESULT = "run.json"


class TrainedModel(BaseModel):
    """A finished training run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: str = Field(description="Name of the arm.")
    model: str = Field(description="Name of the model.")
    budget: str = Field(description="What is equal between arms: tokens or documents.")
    seed: int = Field(description="0-based number of document order and initial weights.")
    identity: str = Field(description="Hash of settings and inputs: a run with the same one need not be done again.")
    tokens: int = Field(description="Tokens that it was trained on.")
    unique_tokens: int = Field(description="How many of them are not repeats.")
    documents: int = Field(description="Documents that it has seen, each counted once.")
    epochs: float = Field(description="How often it has seen the arm; below 1, a part of it.")
    parameters: int = Field(description="Parameters; for n-gram models, counts that are stored.")
    parameters_without_embeddings: int = Field(description="The same without input and output embeddings.")
    flops: float = Field(description="Floating-point operations, 6 N D; 0 for n-gram models.")
    seconds: float = Field(description="Wall time of training, in seconds, over all attempts.")
    device: str = Field(description="Name of the device.")
    losses: tuple[tuple[int, float], ...] = Field(description="(tokens seen, training loss in nats per token).")
    learned: bool | None = Field(
        default=None, description="Whether it predicts better than a bigram model of its arm; null if unknown."
    )
    resumed_from: int | None = Field(default=None, description="Step from which a killed run went on.")


def read_result(folder: Path) -> TrainedModel | None:
    """Return what a model's folder says, or None while it is not finished."""
    path = folder / RESULT
    return TrainedModel.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def write_result(folder: Path, result: TrainedModel) -> None:
    """Write a model's result atomically."""
    temporary = folder / f".{RESULT}"
    temporary.write_text(result.model_dump_json(indent=1), encoding="utf-8")
    temporary.replace(folder / RESULT)
