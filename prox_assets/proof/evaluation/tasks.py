"""Multiple-choice tasks from local files, run by lm-eval for any ScoredModel, with the hub switched off.

A folder of tasks has a YAML file of lm-eval for each, and its documents as JSON Lines beside it (`data_files` are
relative to the folder, so `lm_eval --include_path .` runs there, too). `prox task-files` makes such a folder. A
document has an `item` that identifies it, and either one `query` and several `choices`, or several `contexts` before
one `continuation`; `gold` is the index of the right one.

Each document gives:

- accuracy: whether the right choice is the most likely one;
- normalised_accuracy: the same by log-likelihood per character of the choice (lm-eval's acc_norm); not where one
  continuation has several contexts;
- bits_per_byte: nats of the right choice, by its bytes. The space that separates it from the question counts in both.
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from prox_assets.engines.extras import packages_of
from prox_assets.proof.errors import ProofError
from prox_assets.proof.evaluation.bits import BITS_PER_BYTE, Progress, Score, weight
from prox_assets.proof.evaluation.model import ScoredModel
from prox_assets.proof.settings import TaskSettings

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

ACCURACY = "accuracy"
NORMALISED_ACCURACY = "normalised_accuracy"
SPLIT = "test"
"""What the documents are called in a task's YAML file."""

_METRICS = {"acc": ACCURACY, "acc_norm": NORMALISED_ACCURACY}
_REQUESTS_PER_CALL = 256
_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")


def score_tasks(
    model: ScoredModel, settings: TaskSettings, tokens: int, progress: Progress | None = None
) -> list[Score]:
    """Return rows of tables.SCORES for the tasks of a folder, up to three for each document.

    Args:
        model: The model.
        settings: The folder, and which tasks and documents of it.
        tokens: Tokens that the model had been trained on.
        progress: Told how many choices have been scored, task by task.

    Raises:
        ProofError: The folder or a task is not there, a file is damaged, or lm-eval is not installed.
    """
    configs = _configs(settings)
    scores: list[Score] = []
    # `datasets` would copy the documents into the user's cache.
    with TemporaryDirectory() as cache, _hub_off():
        with packages_of("proof", ProofError):
            import lm_eval
            from lm_eval.tasks import TaskManager
        wrapped = _wrapped(model, progress)
        manager = TaskManager(include_defaults=False)
        for config in configs:
            config["dataset_kwargs"]["cache_dir"] = cache
            try:
                evaluate: Any = lm_eval.simple_evaluate  # its decorator hides its arguments from type checkers
                found = evaluate(
                    model=wrapped,
                    tasks=[config],
                    task_manager=manager,
                    limit=settings.limit,
                    bootstrap_iters=0,
                    # Global generators are left alone: nothing is drawn here.
                    random_seed=None,
                    numpy_random_seed=None,
                    torch_random_seed=None,
                )
            except (KeyError, TypeError, ValueError, OSError) as error:
                raise ProofError(f"task {config['task']} of {settings.folder} does not run: {error!r}") from error
            for sample in sorted(found["samples"][config["task"]], key=lambda sample: sample["doc_id"]):
                scores += _scores(config["task"], sample, tokens)
    return scores


def _scores(task: str, sample: Mapping[str, Any], tokens: int) -> Iterator[Score]:
    doc = sample["doc"]
    item = str(doc.get("item", sample["doc_id"]))
    row = {"evaluation": task, "item": item, "site": item, "tokens": tokens}
    for metric, measure in _METRICS.items():
        if metric in sample:
            yield {**row, "measure": measure, "value": float(sample[metric]), "weight": 1.0}
    gold = doc.get("gold", sample["target"])
    if not isinstance(gold, int):
        raise ProofError(f"document {item} of task {task} has no `gold`, the index of the right choice: {gold!r}")
    # lm-eval numbers the arguments of a document's requests: gen_args_0, gen_args_1, ...
    answer = sample["arguments"][gold][1]
    log_likelihood = sample["filtered_resps"][gold][0]
    yield {**row, "measure": BITS_PER_BYTE, "value": -float(log_likelihood), "weight": weight(answer)}


def _wrapped(model: ScoredModel, progress: Progress | None) -> Any:  # noqa: ANN401 (lm-eval's LM)
    """Return a ScoredModel as lm-eval's own kind of model."""
    from lm_eval.api.model import LM

    class Wrapped(LM):
        def loglikelihood(self, requests: "list[Instance]") -> list[tuple[float, bool]]:
            answers: list[tuple[float, bool]] = []
            for start in range(0, len(requests), _REQUESTS_PER_CALL):
                part: Sequence[Any] = [request.args for request in requests[start : start + _REQUESTS_PER_CALL]]
                nats = model.negative_log_likelihoods([(context, text) for context, text in part])
                # Whether greedy decoding gives the text enters none of our measures.
                answers += [(-value, False) for value in nats]
                if progress is not None:
                    progress(len(answers), len(requests))
            return answers

        def loglikelihood_rolling(self, requests: "list[Instance]") -> list[float]:
            raise NotImplementedError("texts are scored without lm-eval")

        def generate_until(self, requests: "list[Instance]") -> list[str]:
            raise NotImplementedError("tasks here are multiple choice; maths.py generates")

    return Wrapped()


def _configs(settings: TaskSettings) -> list[dict[str, Any]]:
    """Return the configurations of the wanted tasks, with paths of their data that hold anywhere."""
    folder = Path(settings.folder).expanduser().resolve()
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise ProofError(f"{folder} has no task files (*.yaml); `prox task-files` makes them")
    configs = {config["task"]: config for config in map(_config, files)}
    missing = sorted(set(settings.names) - set(configs))
    if missing:
        raise ProofError(f"{folder} has no task {', '.join(missing)}; it has {', '.join(configs)}")
    return [configs[name] for name in settings.names or configs]


def _config(file: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        data = {split: str(file.parent / name) for split, name in config["dataset_kwargs"]["data_files"].items()}
        multiple_choice = config["output_type"] == "multiple_choice"
        named = isinstance(config["task"], str)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ProofError(f"{file} is no task of lm-eval with local data_files: {error!r}") from error
    if not (multiple_choice and named):
        raise ProofError(f"{file} is no multiple-choice task with a name")
    for path in data.values():
        if not Path(path).is_file():
            raise ProofError(f"{path}, the documents of {file}, is not there")
    return {**config, "dataset_kwargs": {**config["dataset_kwargs"], "data_files": data}}


@contextmanager
def _hub_off() -> Iterator[None]:
    """Keep `datasets` from calling home, which it may do even for local files; also where it is imported already."""
    before = {name: os.environ.get(name) for name in _OFFLINE}
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))
    from huggingface_hub import constants

    was = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    level = logging.getLogger("lm_eval").level
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.getLogger("lm_eval").setLevel(level)
        constants.HF_HUB_OFFLINE = was
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
