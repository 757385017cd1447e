"""A training of seconds; as a program of its own it is killed after a number of steps, or one of several processes."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from prox_assets.proof.pretraining.recipes import LlamaModel
from prox_assets.proof.pretraining.train import train_llama
from prox_assets.proof.results import TrainedModel
from prox_assets.proof.runs import ModelRun
from prox_assets.training.fit.trainer import Progress

RUN = ModelRun(arm="raw", model="small", budget="tokens", seed=0)
VOCABULARY = 512
SHAPE = {"hidden": 32, "heads": 2, "layers": 2, "intermediate": 64, "tied": True, "initial_spread": 0.05}


class CountingStream:
    """Tokens that a model can learn: each is the one before it plus one or two, with jumps; of no file."""

    documents = 40
    epochs = 1.0

    def __init__(self, tokens: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        steps = rng.integers(1, 3, tokens) + (rng.random(tokens) < 0.1) * rng.integers(0, 200, tokens)
        self.ids = (np.cumsum(steps) % 200).astype(np.uint16)
        self.unique_tokens = tokens

    def __len__(self) -> int:
        return len(self.ids)

    def read(self, start: int, stop: int) -> np.ndarray:
        return self.ids[start:stop]


def small_model(**settings: Any) -> LlamaModel:
    return LlamaModel.model_validate(
        {
            "kind": "llama",
            "name": "small",
            "shape": SHAPE,
            "context": 16,
            "batch_tokens": 64,
            "micro_batch": 2,
            "learning_rate": 0.01,
            "final_learning_rate": 0.001,
            "warmup_steps": 3,
            "dtype": "float32",
            "checkpoint_steps": 10,
            "curve": (0.25, 0.5),
            **settings,
        }
    )


def small_training(
    tokenizer: Path, folder: Path, progress: Progress | None = None, steps: int = 36, seed: int = 0, **settings: Any
) -> TrainedModel:
    stream: Any = CountingStream(steps * 64 + 20)
    run = ModelRun(RUN.arm, RUN.model, RUN.budget, seed)
    return train_llama(run, small_model(**settings), stream, tokenizer, folder, progress)


AVERAGED = {"average": 3, "average_over": 0.5}


def killed_after(last: int) -> Progress:
    def progress(step: int, _: int) -> None:
        if step == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


if __name__ == "__main__":
    what, tokenizer, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if what == "killed":
        small_training(tokenizer, folder, killed_after(int(sys.argv[4])), **AVERAGED)
    else:
        small_training(tokenizer, folder / "fsdp", steps=1, distributed="fsdp", curve=())
        small_training(tokenizer, folder / "whole", steps=1, curve=())
