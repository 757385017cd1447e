"""The configuration of a refiner lab, and the paths of its files."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.annotation import AnnotatorConfig
from prox_assets.training.classifier.recipe import ClassifierRecipe
from prox_assets.training.fit.recipe import TrainingRecipe

# A refiner has no folder until it is trained.
NO_MODEL = "."


class RefinerSpec(BaseModel):
    """A refiner to train: its configuration and its training recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    refiner: RefinerConfig = Field(description="Its configuration, without a model.")
    recipe: TrainingRecipe = Field(
        default_factory=TrainingRecipe, description="Hyperparameters of a language model; a classifier reads none."
    )
    classifier: ClassifierRecipe | None = Field(
        default=None,
        # Left out where it is not set: the assets of language models keep their versions.
        exclude_if=lambda value: value is None,
        description="Hyperparameters of a refiner of kind classifier, and of the classifiers that distillation asks.",
    )
    start_from: Literal["chunk"] | None = Field(
        default=None, description="Start from the lab's own model of this level, which must be trained first."
    )

    @model_validator(mode="after")
    def _has_one_start(self) -> Self:
        if self.refiner.kind == "classifier":
            if (self.start_from is not None) != (self.refiner.level == "doc"):
                raise ValueError("a document classifier needs start_from: chunk, and a line classifier starts anew")
            return self
        recipe = self.recipe
        starts = (recipe.base, recipe.adapter, recipe.shape, self.start_from)
        if sum(start is not None for start in starts) != 1:
            raise ValueError(
                "a refiner needs exactly one of recipe.base, recipe.adapter, recipe.shape and start_from to start from"
            )
        return self

    @property
    def classifier_recipe(self) -> ClassifierRecipe:
        """The hyperparameters of classifiers, given or not."""
        return self.classifier or ClassifierRecipe()

    @model_validator(mode="before")
    @classmethod
    def _no_model_yet(cls, values: Any) -> Any:  # noqa: ANN401 (pydantic hands over whatever the caller gave)
        if isinstance(values, dict) and isinstance(values.get("refiner"), dict):
            own = {"classifier": {}} if values["refiner"].get("kind") == "classifier" else {}
            return {**own, **values, "refiner": {"model": NO_MODEL, **values["refiner"]}}
        return values


class LabPlan(BaseModel):
    """All settings of a lab."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="refiner_lab", pattern=r"^[a-z][a-z0-9_]*$", description="Name of the lab.")
    pages: tuple[str, ...] = Field(
        default=(), description="Parquet files of labelled pages; pages without gold text are used only for training."
    )
    annotator: AnnotatorConfig | None = Field(
        default=None,
        description="A strong language model that annotates seed documents, with or without labelled pages.",
    )
    seed_documents: tuple[str, ...] = Field(
        default=(),
        description="What the language model annotates: Parquet files with the columns doc_id, site, url, text. "
        "Without them, the full text of the labelled pages.",
    )
    doc: RefinerSpec = Field(description="The document refiner.")
    chunk: RefinerSpec = Field(description="The chunk refiner.")
    previous: str | None = Field(
        default="bundled", description="Refiners to compare the new ones with: a preset or a folder; null for none."
    )
    distillation: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="For refiners that score lines: the weight of an ensemble of classical classifiers in a line's "
        "target, against its label; 0 turns it off.",
    )
    seed: int = Field(default=0, description="Seed of synthetic documents and synthetic noise.")

    @model_validator(mode="after")
    def _levels_match(self) -> Self:
        for level in ("doc", "chunk"):
            if self.spec(level).refiner.level != level:
                raise ValueError(f"the {level} refiner of {self.name} has level {self.spec(level).refiner.level!r}")
        return self

    def spec(self, level: Level) -> RefinerSpec:
        """Return the refiner specification of a level."""
        return self.doc if level == "doc" else self.chunk


DEFAULT_LAB = "lab"
"""Folder of all labs, in the working directory."""


class LabFolder:
    """The paths of a lab, with one folder per level."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def level(self, level: Level) -> Path:
        """Return the folder of a level; it is created if missing."""
        folder = self.root / level
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def annotations(self, level: Level) -> Path:
        """Return the path of the table of seed annotations."""
        return self.level(level) / "seed_annotations.parquet"

    def annotator(self, level: Level) -> Path:
        """Return the folder of the language model's answers."""
        return self.level(level) / "annotator"

    def training_set(self, level: Level) -> Path:
        """Return the path of the table of training examples."""
        return self.level(level) / "training_set.parquet"

    def span_examples(self) -> Path:
        """Return the path of the table of spans inside lines."""
        return self.level("chunk") / "inline_examples.parquet"

    def statistics(self, level: Level) -> Path:
        """Return the path of the training set's statistics."""
        return self.level(level) / "training_set.json"

    def training(self, level: Level) -> Path:
        """Return the folder of checkpoints."""
        return self.level(level) / "training"

    def model(self, level: Level) -> Path:
        """Return the folder of the finished refiner."""
        return self.level(level) / "model"

    def evaluation(self, level: Level) -> Path:
        """Return the path of the evaluation's numbers."""
        return self.level(level) / "evaluation.json"
