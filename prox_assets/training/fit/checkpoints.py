"""The checkpoints that Hugging Face's Trainer leaves in a folder, and which of them a killed run can resume from."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CHECKPOINT = "checkpoint-"
# The Trainer writes this file last: a checkpoint without it was still being written when the run was killed.
LAST_FILE = "trainer_state.json"


def checkpoints_in(folder: Path) -> dict[int, Path]:
    """Return the folders of checkpoints by step, in order."""
    found = {
        int(path.name.removeprefix(CHECKPOINT)): path
        for path in folder.glob(f"{CHECKPOINT}*")
        if path.name.removeprefix(CHECKPOINT).isdigit()
    }
    return dict(sorted(found.items()))


def remove_torn_checkpoints(folder: Path) -> dict[int, Path]:
    """Remove what a killed run left half written or half removed; return the rest by step, in order."""
    found = checkpoints_in(folder)
    whole = {step: path for step, path in found.items() if _is_whole(path)}
    for step in found.keys() - whole.keys():
        shutil.rmtree(found[step])
    return whole


def losses_of(history: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """Return (step, mean loss since the previous entry) from the Trainer's history."""
    return [(int(entry["step"]), float(entry["loss"])) for entry in history if "loss" in entry]


def history_of(checkpoint: Path) -> list[dict[str, Any]]:
    """Return the Trainer's history up to a checkpoint."""
    return json.loads((checkpoint / LAST_FILE).read_text(encoding="utf-8"))["log_history"]


def _is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / LAST_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    # A checkpoint whose deletion was interrupted lacks other files. The optimiser's file is .pt, or .bin under FSDP.
    return all(any(checkpoint.glob(pattern)) for pattern in ("*.safetensors", "optimizer.*", "scheduler.pt"))
