"""A corpus's whole configuration: source, refiners, policy, engine. Stages read no other."""

from dataclasses import replace
from functools import cached_property
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prox_assets.corpora.source import CorpusSource
from prox_assets.engines.config import EngineConfig, TransformersEngineConfig
from prox_assets.engines.devices import devices_of
from prox_assets.lake.identity import fingerprint
from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.config import RefinerConfig, RefinerPair
from prox_assets.refiners.folder import LEVELS, require_refiner
from prox_assets.refiners.session import RefinerSession


class InferenceSettings(BaseModel):
    """How models are run, and how inference survives failures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: EngineConfig = Field(
        default_factory=TransformersEngineConfig, description="How models are run: vllm, server or transformers."
    )
    chunk_engine: EngineConfig | None = Field(
        default=None,
        description="How the chunk refiner's model is run, if that differs: a server serves one model, so two models "
        "need two servers.",
    )
    window_documents: int = Field(
        default=256, ge=1, description="Documents per inference checkpoint, the most work that a kill can cost."
    )
    request_attempts: int = Field(
        default=3, ge=1, description="How often a failing document is tried before it is quarantined."
    )


class RefinementPlan(InferenceSettings):
    """Everything that decides what refinement of a corpus does."""

    source: CorpusSource = Field(description="The raw files.")
    refiners: RefinerPair = Field(description="Who judges documents and who edits chunks; a missing level keeps all.")
    policy: ExecutionPolicy = Field(default_factory=ExecutionPolicy, description="How programs are executed.")

    @model_validator(mode="after")
    def _policy_fits_the_refiners(self) -> Self:
        _ = self.execution_policy  # refuses what the chunk refiner's line numbers do not allow
        if self.policy.doc_keep_threshold < self.chunk_floor:
            raise ValueError(
                f"doc_keep_threshold {self.policy.doc_keep_threshold} is below the chunk refiner's chunk_floor "
                f"{self.chunk_floor}: documents in between have no chunk programs. "
                "Raise the threshold, or lower chunk_floor and run chunk_programs again."
            )
        return self

    @property
    def corpus(self) -> str:
        """The corpus's name."""
        return self.source.name

    def refiner(self, level: Literal["doc", "chunk"]) -> RefinerConfig | None:
        """The refiner of a level; None keeps everything."""
        return self.refiners.doc if level == "doc" else self.refiners.chunk

    def require_refiners(self) -> None:
        """Look whether the files and system messages of all levels are there, before anything is read.

        Raises:
            RefinerError: Something is missing, and cannot be downloaded.
        """
        for level in LEVELS:
            config = self.refiner(level)
            if config is not None:
                require_refiner(config)

    def engine_for(self, level: Literal["doc", "chunk"]) -> EngineConfig:
        """How the model of a level is run."""
        return self.chunk_engine if level == "chunk" and self.chunk_engine is not None else self.engine

    def session(self, level: Literal["doc", "chunk"]) -> RefinerSession:
        """Return the refiner of a level with its engine, as a context manager; nothing starts before it is entered."""
        return RefinerSession(self.refiner(level), level, self.engine_for(level), self.devices)

    @property
    def needs_engine(self) -> bool:
        """Whether a model answers at either level."""
        return any(map(self.asks_a_model, LEVELS))

    def asks_a_model(self, level: Literal["doc", "chunk"]) -> bool:
        """Tell whether a model answers at a level."""
        config = self.refiner(level)
        return config is not None and config.needs_engine

    def devices(self) -> int:
        """Return how many devices a process leases that runs both levels, one after the other.

        Raises:
            EngineStartError: The devices cannot be counted.
        """
        return max((devices_of(self.engine_for(level)) for level in LEVELS if self.asks_a_model(level)), default=0)

    @property
    def chunk_floor(self) -> float:
        """Lowest keep probability with which a document reaches the chunk refiner."""
        floor = self.refiners.chunk.chunk_floor if self.refiners.chunk else None
        # When unset, the floor follows only a lowered threshold, which needs more programs; a raised one needs none.
        return min(ExecutionPolicy().doc_keep_threshold, self.policy.doc_keep_threshold) if floor is None else floor

    @cached_property
    def execution_policy(self) -> ExecutionPolicy:
        """The policy, with the dialect and line numbering of the chunk refiner's prompts."""
        chunk = self.refiners.chunk
        if chunk is None:
            return self.policy
        return replace(self.policy, dialect=chunk.dialect, line_numbers=chunk.line_numbers)

    @cached_property
    def ingest_fingerprint(self) -> str:
        """Fingerprint of every setting that can change which documents are read from an unchanged source."""
        columns = self.source.columns.model_dump() if self.source.columns else None
        return fingerprint({"reader": 1, "format": self.source.format, "columns": columns})

    @cached_property
    def execution_fingerprint(self) -> str:
        """Fingerprint of whatever can change a refined shard without new inference: parser, thresholds, executor."""
        return self.execution_policy.fingerprint()

    def refiner_settings_fingerprint(self, level: Literal["doc", "chunk"]) -> str:
        """Return the fingerprint of a refiner's configuration without its weights.

        It is part of an asset's code version, so assets show as stale after a change of the configuration. The
        authority for a shard is the inference fingerprint inside each file, which includes the weights.
        """
        config = self.refiner(level)
        settings = config.model_dump(mode="json", exclude={"name", "keep_threshold"}) if config else "keep-all"
        return fingerprint([settings, self.chunk_floor if level == "chunk" else None])
