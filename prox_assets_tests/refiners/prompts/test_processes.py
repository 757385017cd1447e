"""Prompts made by other processes: the same as those made here, and no fault of a process is lost or waited for."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from prox_assets.engines.config import ServerEngineConfig, TransformersEngineConfig, VllmEngineConfig
from prox_assets.engines.protocol import EngineError, EngineStalledError
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.prompts.makers import prompt_maker
from prox_assets.refiners.prompts.processes import PromptProcesses, process_count
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets.testing.tiny_qwen import make_tiny_qwen3
from prox_assets_tests.refiners.conftest import INLINE_LABELS
from prox_assets_tests.refiners.prompts.test_chat import with_system

PATIENCE = 60.0
CONFIG = RefinerConfig(
    name="chunk", level="chunk", model="tiny", prompt_format="plain", window=160, max_new_tokens=40, probe=False
)
TEXTS = [
    "one\ntwo",
    "\n".join(["The quick brown fox jumps over the lazy dog."] * 40),
    "Home | About | Contact\nShare this: \ud800 A lone surrogate.\n© 2024 All rights reserved",
    "before\n" + "word " * 2000 + "\nafter",
]


def until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def children() -> set[int]:
    """Return this process's living children that make prompts."""
    found: set[int] = set()
    for child in psutil.Process().children():
        try:
            if child.status() != psutil.STATUS_ZOMBIE and any("prompts.processes" in part for part in child.cmdline()):
                found.add(child.pid)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.parametrize("level", ["doc", "chunk"])
@pytest.mark.parametrize("dialect", ["prox", "line-labels"])
def test_prompts_are_those_that_this_process_makes(
    level: str, dialect: str, tiny_folder: Path, inline_folder: Path
) -> None:
    folder = tiny_folder if dialect == "prox" else inline_folder
    config = RefinerConfig.model_validate(
        {
            "name": "refiner",
            "level": level,
            "model": str(folder),
            "dialect": dialect,
            "line_labels": INLINE_LABELS,
            "window": 400,
            "max_new_tokens": 40,
            **({"prompt_format": "plain"} if dialect == "prox" else {}),
        }
    )
    groups = [TEXTS[:1], TEXTS[1:3], [], TEXTS[3:], TEXTS]

    with PromptProcesses(config, folder, 2, PATIENCE) as processes:
        made = list(processes.prompts(groups))

    here = prompt_maker(config, load_tokenizer(folder))
    assert made == [here.make(group) for group in groups]
    assert len(made[-1]) == len(TEXTS)


@pytest.mark.parametrize("name", ["ultrax", "rescraper"])
def test_prompts_of_chat_templates_are_the_same_too(name: str, tmp_path: Path) -> None:
    folder = make_tiny_qwen3(tmp_path)
    config = with_system(name, folder)
    with PromptProcesses(config, folder, 2, PATIENCE) as processes:
        made = list(processes.prompts([TEXTS[:1], TEXTS]))
    here = prompt_maker(config, load_tokenizer(folder))
    assert made == [here.make(TEXTS[:1]), here.make(TEXTS)]
    assert all(made[-1])


def test_a_session_writes_the_same_programs_and_leaves_no_process(tiny_folder: Path) -> None:
    config = CONFIG.model_copy(update={"model": str(tiny_folder)})
    documents = [RefinerInput(str(number), text) for number, text in enumerate([*TEXTS, " \n ", *TEXTS])]
    programs = []
    for processes in (0, 2):
        engine = TransformersEngineConfig(device="cpu", dtype="float32", prompt_processes=processes)
        with RefinerSession(config, "chunk", engine) as session:
            for _ in range(2):  # a session serves many shards
                results = session.chunk_refiner().write_programs(documents)
                programs.append(sorted(results, key=lambda result: int(result.doc_id)))
                assert len(children()) == processes
        assert not children()

    assert programs[0] == programs[1] == programs[2] == programs[3]
    assert [row.finish_reason for row in programs[2][4].rows] == ["skipped"]


def test_batches_larger_than_any_buffer_pass_both_ways(tiny_folder: Path) -> None:
    large = ["a line of some words that go on\n" * 20_000] * 2  # 1.3 MB there, more back

    with PromptProcesses(CONFIG, tiny_folder, 1, PATIENCE) as processes:
        made = list(processes.prompts([large] * 5))

    assert len(made) == 5
    assert all(batch == made[0] for batch in made)


def test_no_more_than_two_batches_a_process_are_read_ahead(tiny_folder: Path) -> None:
    read = 0

    def groups() -> Iterator[list[str]]:
        nonlocal read
        for _ in range(50):
            read += 1
            yield ["a text"]

    with PromptProcesses(CONFIG, tiny_folder, 2, PATIENCE) as processes:
        stream = processes.prompts(groups())
        next(stream)
        assert read == 4
        next(stream)
        assert read == 5


def test_answers_of_a_stream_that_was_given_up_are_not_taken_for_another_ones(tiny_folder: Path) -> None:
    with PromptProcesses(CONFIG, tiny_folder, 2, PATIENCE) as processes:
        given_up = processes.prompts([["of the first stream"]] * 9)
        next(given_up)
        [made] = processes.prompts([["of the second stream"]])

        assert made == prompt_maker(CONFIG, load_tokenizer(tiny_folder)).make(["of the second stream"])
        with pytest.raises(EngineError, match="Another stream"):
            next(given_up)


def test_a_killed_process_is_named_and_the_session_starts_anew(tiny_folder: Path) -> None:
    config = CONFIG.model_copy(update={"model": str(tiny_folder)})
    engine = TransformersEngineConfig(device="cpu", dtype="float32", prompt_processes=1)
    documents = [RefinerInput(str(number), "some words") for number in range(200)]
    with RefinerSession(config, "chunk", engine) as session:
        results = session.chunk_refiner().write_programs(documents)
        next(results)
        [victim] = children()
        os.kill(victim, signal.SIGKILL)
        named = rf"process {victim} ended with exit code -9"
        with pytest.raises(EngineError, match=named), session.restarting_after_engine_errors():
            list(results)

        assert len(list(session.chunk_refiner().write_programs(documents))) == len(documents)
        assert victim not in children()


def test_a_process_that_is_stuck_fails_the_run(tiny_folder: Path) -> None:
    with PromptProcesses(CONFIG, tiny_folder, 1, 1.0) as processes:
        [stuck] = children()
        os.kill(stuck, signal.SIGSTOP)
        with pytest.raises(EngineStalledError, match=str(stuck)):
            list(processes.prompts([["never answered"]]))
    assert until(lambda: not psutil.pid_exists(stuck))


def test_a_process_that_is_stuck_before_it_has_taken_a_batch_fails_the_run(tiny_folder: Path) -> None:
    with PromptProcesses(CONFIG, tiny_folder, 1, 1.0) as processes:
        [stuck] = children()
        os.kill(stuck, signal.SIGSTOP)
        with pytest.raises(EngineStalledError, match=str(stuck)):
            list(processes.prompts([["words that fill every buffer " * 500_000]]))


def test_a_process_that_is_stuck_in_the_middle_of_an_answer_fails_the_run(tiny_folder: Path) -> None:
    large = ["a line of some words that go on\n" * 50_000]
    with PromptProcesses(CONFIG, tiny_folder, 1, 5.0) as processes:
        stream = processes.prompts([["small"], large])
        next(stream)
        [stuck] = children()
        # Nobody reads: it has sent what fits, and waits.
        assert until(lambda: processes._workers[0].connection.poll(0))
        time.sleep(0.5)
        os.kill(stuck, signal.SIGSTOP)
        with pytest.raises(EngineStalledError, match=str(stuck)):
            next(stream)


def test_a_process_that_cannot_begin_is_named(tmp_path: Path) -> None:
    with (
        PromptProcesses(CONFIG, tmp_path / "nothing here", 1, PATIENCE) as processes,
        pytest.raises(EngineError, match="ended with exit code 1"),
    ):
        list(processes.prompts([["a text"]]))


def test_processes_end_with_the_one_that_started_them(tiny_folder: Path) -> None:
    program = f"""
import time
from pathlib import Path
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.prompts.processes import PromptProcesses
config = RefinerConfig.model_validate_json({CONFIG.model_dump_json()!r})
processes = PromptProcesses(config, Path({str(tiny_folder)!r}), 2, 60.0)
list(processes.prompts([["a"], ["b"]]))
print(*(helper.process.pid for helper in processes._workers), flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(psutil.pid_exists, pids))
        parent.kill()
    assert until(lambda: not any(map(psutil.pid_exists, pids)))


def test_only_a_gpu_is_fed_by_other_processes_unless_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert process_count(VllmEngineConfig()) == 0
    assert process_count(VllmEngineConfig(prompt_processes=3)) == 3

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)))
    assert process_count(VllmEngineConfig()) == 6
    assert process_count(VllmEngineConfig(prompt_processes=0)) == 0
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(128)))
    assert process_count(VllmEngineConfig()) == 8
    assert process_count(TransformersEngineConfig()) == 0
    assert process_count(ServerEngineConfig(base_url="http://127.0.0.1:8000")) == 0
