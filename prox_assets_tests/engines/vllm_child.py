"""A program for tests: runs vLLM with its core in a child process, and does what the test says on standard input.

Usage: `python vllm_child.py MODEL_FOLDER STALL_TIMEOUT_SECONDS`. Prints one JSON line per command.
"""

import json
import sys
import threading
from typing import Any

from prox_assets.engines.config import VllmEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import CompletionRequest, Engine, EngineError


def say(**values: object) -> None:
    print(json.dumps(values), flush=True)


def complete(engine: Engine) -> dict[str, Any]:
    try:
        results = list(engine.complete(CompletionRequest(f"r{i}", (5, 6, 7 + i), 3) for i in range(4)))
    except EngineError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {"results": len(results)}


def main() -> None:
    config = VllmEngineConfig(
        dtype="float32",
        enforce_eager=True,
        core_process="child",
        max_num_seqs=4,
        stall_timeout_seconds=float(sys.argv[2]),
    )
    with open_engine(config, sys.argv[1]) as engine:
        say(**complete(engine))
        for line in sys.stdin:
            if line.strip() == "close":
                break
            say(**complete(engine))
    say(threads=[thread.name for thread in threading.enumerate() if thread.name == "prox-vllm"])


if __name__ == "__main__":
    main()
