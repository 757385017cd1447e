"""The table `compute`: what every attempt at a shard or a training cost, failed and killed ones included.

An attempt writes a row when it begins, so that one that is killed leaves a trace, and another when it ends, in a file
that replaces the first. Who takes up the work of a killed attempt writes its last row for it (`credit`), as far as its
results say what it has done. The accounts serve nobody but people: no identity or fingerprint knows of them, and if
they cannot be written, the work goes on.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prox_assets.compute.flops import inference_flops, training_flops
from prox_assets.compute.parameters import Parameters
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.appended import append, fold, new_name, read_one, remove_one
from prox_assets.lake.records.proofs import PROOFS
from prox_assets.lake.schemas import Table
from prox_assets.machine.processor import DeviceUse

LABS = "_labs"
"""Folder with a folder for each refiner lab, which may have a table `compute`, as proofs and corpora have."""

KILLED = "killed; what it had finished is counted"

_ERROR_CHARACTERS = 200
_log = logging.getLogger(__name__)


@dataclass
class Attempt:
    """An attempt while it runs; whoever does the work adds up what it costs.

    Attributes:
        lake: The lake.
        folder: Folder that has the table: a corpus's name, or as `proof_folder` says.
        name: Identifies the attempt.
        stage: Step that is attempted.
        shard: Shard, or the name of what is trained.
        run_id: The run, where it has a name.
        model: Name of the refiner or of the model that is trained.
        refiner: Inference fingerprint of the refiner; None for a training.
        device: What it runs on.
        parameters: Size of the model; None if unknown.
        trained_parameters: How many of its parameters without embeddings are trained, where that is not all of them.
        prompt_tokens: Tokens shown to the model so far.
        generated_tokens: Tokens that it generated.
        training_tokens: Tokens that it was trained on.
        engine_seconds: Time that the model worked, where that is told apart.
    """

    lake: Lake
    folder: str
    name: str
    stage: str
    shard: str
    run_id: str | None
    model: str
    refiner: str | None
    device: DeviceUse
    parameters: Parameters | None
    trained_parameters: int | None = None
    prompt_tokens: int = 0
    generated_tokens: int = 0
    training_tokens: int = 0
    engine_seconds: float | None = None

    def credit(self, name: str, seconds: float, prompt_tokens: int, generated_tokens: int) -> None:
        """End an attempt at the same work that was killed; does nothing if it has ended by itself.

        Args:
            name: The attempt.
            seconds: Time that its finished work took.
            prompt_tokens: Tokens that the model was shown for it.
            generated_tokens: Tokens that it generated.
        """
        with _forgiven("what a killed attempt cost"):
            for row in read_one(self.lake, Table.COMPUTE, self.folder, name):
                size = row["parameters_without_embeddings"]
                ended = {
                    **row,
                    "recorded_at": datetime.now(UTC),
                    "seconds": seconds,
                    "engine_seconds": seconds,
                    "prompt_tokens": prompt_tokens,
                    "generated_tokens": generated_tokens,
                    "flops": None if size is None else inference_flops(size, prompt_tokens, generated_tokens),
                    "succeeded": False,
                    "error": KILLED,
                }
                append(self.lake, Table.COMPUTE, self.folder, [ended])
                remove_one(self.lake, Table.COMPUTE, self.folder, name)

    def row(self, started: datetime, **values: Any) -> dict[str, Any]:  # noqa: ANN401 (columns)
        """Return the row as of now, with some columns given."""
        return {
            "corpus": self.folder.rpartition("/")[2],
            "shard": self.shard,
            "attempt": self.name,
            "stage": self.stage,
            "model": self.model,
            "refiner": self.refiner,
            "device": self.device.name,
            "devices": self.device.count,
            "started_at": started,
            "recorded_at": datetime.now(UTC),
            "engine_seconds": self.engine_seconds,
            "prompt_tokens": self.prompt_tokens,
            "generated_tokens": self.generated_tokens,
            "training_tokens": self.training_tokens,
            "parameters": self.parameters and self.parameters.total,
            "parameters_without_embeddings": self.parameters and self.parameters.without_embeddings,
            "trained_parameters": self.trained_parameters,
            "flops": self._flops(),
            "run_id": self.run_id,
            **values,
        }

    def _flops(self) -> float | None:
        if self.parameters is None:
            return None
        size = self.parameters.without_embeddings
        training = training_flops(size, self.training_tokens, self.trained_parameters)
        return inference_flops(size, self.prompt_tokens, self.generated_tokens) + training


def proof_folder(proof: str) -> str:
    """Return the folder of a lake in which the accounts of a proof are."""
    return f"{PROOFS}/{proof}"


def lab_folder(lab: str) -> str:
    """Return the folder of a lake in which the accounts of a refiner lab are."""
    return f"{LABS}/{lab}"


@contextmanager
def record_attempt(
    lake: Lake,
    folder: str,
    stage: str,
    shard: str,
    *,
    run_id: str | None,
    model: str,
    device: DeviceUse,
    parameters: Parameters | None,
    refiner: str | None = None,
) -> Iterator[Attempt]:
    """Account for what the block does; whatever ends it is recorded and goes on its way.

    Args:
        lake: The lake.
        folder: A corpus's name, or what `proof_folder` returns.
        stage: Step that is attempted.
        shard: Shard, or the name of what is trained.
        run_id: The run, where it has a name.
        model: Name of the refiner or of the model that is trained.
        device: What it runs on.
        parameters: Size of the model, `NO_MODEL` without one, or None if it is not known yet.
        refiner: Inference fingerprint of the refiner; None for a training.

    Yields:
        The attempt: the block adds tokens and engine seconds to it, and may set the parameters.
    """
    attempt = Attempt(lake, folder, new_name(), stage, shard, run_id, model, refiner, device, parameters)
    started, clock = datetime.now(UTC), time.monotonic()
    with _forgiven("that an attempt has begun"):
        beginning = attempt.row(started, seconds=None, succeeded=None, error=None)
        append(lake, Table.COMPUTE, folder, [beginning], attempt.name)

    def end(error: BaseException | None) -> None:
        seconds = time.monotonic() - clock
        row = attempt.row(started, seconds=seconds, succeeded=error is None, error=error and _short(error))
        with _forgiven("what an attempt has cost"):
            append(lake, Table.COMPUTE, folder, [row])
            remove_one(lake, Table.COMPUTE, folder, attempt.name)

    try:
        yield attempt
    except BaseException as error:
        end(error)
        raise
    end(None)


def fold_compute(lake: Lake, folder: str) -> int:
    """Merge the files of a folder's attempts into one if there are many; return how many were merged.

    Attempts that have not ended keep their files, by which `credit` finds them.

    Raises:
        LakeError: A file is damaged, or the lake cannot be written.
    """
    return fold(lake, Table.COMPUTE, folder, lambda row: row["succeeded"] is None)


@contextmanager
def _forgiven(what: str) -> Iterator[None]:
    try:
        yield
    except LakeError as error:
        _log.warning("the table compute lacks %s: %s", what, error)


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:_ERROR_CHARACTERS]
