"""What is asked of the entry point: stages, shards, and the settings they run with. It travels as JSON."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prox_assets.stages.settings import RefinementSettings
from prox_assets.stages.states.shard_states import STAGES

StageName = Literal["raw_shards", "doc_programs", "chunk_programs", "refined_shards", "quality_metrics"]
Keys = Annotated[list[str], Field(min_length=1)]


class StageRequest(BaseModel):
    """Stages to run over shards, one stage over all shards before the next."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stages: list[StageName] = Field(min_length=1, description="Stages in the order of the pipeline.")
    tasks: list[Keys] = Field(
        min_length=1, description="Shard keys, divided among processes that may run at the same time."
    )
    settings: RefinementSettings = Field(description="The corpus.")
    lake: str = Field(description="Folder or URL of the lake, as the process that runs the stages sees it.")
    force: bool = Field(default=False, description="Do the work again even if the finished files are current.")

    @model_validator(mode="after")
    def _in_order_and_once(self) -> Self:
        order = list(STAGES)
        if self.stages != sorted(set(self.stages), key=order.index):
            raise ValueError(f"name each stage once and in this order: {', '.join(order)}")
        keys = [key for task in self.tasks for key in task]
        if repeated := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"shards are named twice: {', '.join(repeated)}")
        return self
