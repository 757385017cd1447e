"""Model servers that are busy, broken, silent or talk nonsense; one that stalls; and a document that always fails.

The server's good answers depend on the prompt alone, so the rows of an undisturbed run are known.
"""

import random
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.chaos.verdicts import Finding
from benchmarks.chaos.world import CORPUS, WINDOW, Setting, Undisturbed, World
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Outcome, Table
from prox_assets.testing.moody_server import Handler, MoodyServer, moody_server

FAULT, STALL, POISON = "server engine misbehaving", "engine that stalls", "document whose request always fails"
LAKES = 3
STALLS = 3
RATE = 0.25
RUNS_AT_MOST = 20
STALL_SECONDS = 4
REQUEST_SECONDS = 2
# The last one is cut off.
CHUNK_PROGRAMS = ("keep_chunk()", "remove_lines(line_start=0, line_end=0)", "remove_lines(line_start=1, line_e")
MARK = "Zyzzogeton 7391"
_BUSY, _BROKEN = 429, 500

Fault = Callable[[Handler], None]


def run(world: World) -> Iterator[Finding]:
    """Let servers misbehave."""
    with ExitStack() as servers:
        doc, chunk = (servers.enter_context(moody_server()) for _ in range(2))
        doc.max_model_len = chunk.max_model_len = 1024
        _behave(doc, chunk)
        setting = _setting(world, doc, chunk)
        wanted = world.undisturbed(setting)
        for number in range(LAKES):
            yield _misbehave(world, setting, wanted, (doc, chunk), world.chance(f"server/{number}"))
        for number in range(STALLS):
            yield _stall(world, setting, wanted, (doc, chunk), world.chance(f"stall/{number}"))
        for level in ("doc", "chunk"):
            yield _poison(world, setting, (doc, chunk), level, world.chance(f"poison/{level}"))


def _setting(world: World, doc: MoodyServer, chunk: MoodyServer) -> Setting:
    options = (
        f"stall_timeout_seconds={STALL_SECONDS}",
        f"request_timeout_seconds={REQUEST_SECONDS}",
        "max_retries=2",
        "concurrency=4",
        "look_ahead=4",
    )
    return Setting(
        "server",
        (
            *("--refiner", str(world.tiny_refiner()), "--window", str(WINDOW)),
            *("--engine", f"server:{doc.base_url}", "--chunk-engine", f"server:{chunk.base_url}"),
            *(part for option in options for part in ("--engine-option", option)),
        ),
    )


def _behave(doc: MoodyServer, chunk: MoodyServer) -> None:
    doc.behaviour = lambda handler, _: answer(handler, "doc")
    chunk.behaviour = lambda handler, _: answer(handler, "chunk")


def answer(handler: Handler, level: str, text: str | None = None) -> None:
    """Answer a request well: with the text given, or with a program that depends on the prompt alone."""
    number = zlib.crc32(repr(handler.payload["prompt"]).encode())
    if text is not None:
        pass
    elif level == "doc":
        text = "drop_doc()" if number % 4 == 0 else "keep_doc()"
    else:
        text = CHUNK_PROGRAMS[number % len(CHUNK_PROGRAMS)]
    choice = {"text": text, "token_ids": [7, 1], "finish_reason": "stop"}
    handler.send_json(200, {"choices": [choice]})


def _busy(handler: Handler) -> None:
    handler.send_json(_BUSY, {"error": "slow down"}, {"Retry-After": "0"})


def _broken(handler: Handler) -> None:
    handler.send_json(_BROKEN, {"error": "out of luck"})


def _garbage(handler: Handler) -> None:
    handler.send_bytes(200, b'{"choices": [{"text": \x00\xff')


def _other_json(handler: Handler) -> None:
    handler.send_json(200, {"error": {"message": "upstream is away"}})


def _half(handler: Handler) -> None:
    handler.send_bytes(200, b'{"choices": [{"text": "remove_li', {"Content-Length": "5000"})
    handler.close_connection = True


def _nothing(handler: Handler) -> None:
    handler.server.released.wait(2 * REQUEST_SECONDS)
    handler.close_connection = True


def _hang_up(handler: Handler) -> None:
    handler.close_connection = True


FAULTS: dict[str, Fault] = {
    "429": _busy,
    "500": _broken,
    "garbage": _garbage,
    "JSON of another kind": _other_json,
    "half an answer": _half,
    "no answer": _nothing,
    "hung up": _hang_up,
}


def _misbehave(
    world: World, setting: Setting, wanted: Undisturbed, servers: tuple[MoodyServer, MoodyServer], chance: random.Random
) -> Finding:
    """Let a share of the requests fail, each a few times; repeat the run where it gave up."""
    caused: Counter[str] = Counter()
    lock = threading.Lock()

    def behaviour(level: str) -> Callable[[Handler, int], None]:
        def behave(handler: Handler, _: int) -> None:
            with lock:
                fault = chance.choice(sorted(FAULTS)) if chance.random() < RATE else None
                caused.update([fault] if fault else [])
            if fault is None:
                answer(handler, level)
            else:
                FAULTS[fault](handler)

        return behave

    for server, level in zip(servers, ("doc", "chunk"), strict=True):
        server.behaviour = behaviour(level)
    folder = world.path("server")
    lake = Lake(str(folder))
    problems: list[str] = []
    failed = 0
    for _ in range(RUNS_AT_MOST):
        ended = world.start(setting, folder).wait(wanted.deadline)
        problems += ended.problems_of_a_failure("server", "every document failed")
        if ended.code == 0:
            break
        failed += 1
    else:
        problems.append(f"not finished after {RUNS_AT_MOST} runs")
    _behave(*servers)
    problems += world.finish(lambda: world.start(setting, folder), lake, wanted)
    words = [fault for fault, count in caused.items() for _ in range(count)]
    again = ["a run gave up, named the server, and was repeated"] * failed
    return Finding(FAULT, tuple(problems), (*words, *again), caused.total())


def _stall(
    world: World, setting: Setting, wanted: Undisturbed, servers: tuple[MoodyServer, MoodyServer], chance: random.Random
) -> Finding:
    """From some request on, accept everything and answer nothing."""
    lock = threading.Lock()
    left = chance.randint(1, len(world.texts) + 8)

    def behaviour(level: str) -> Callable[[Handler, int], None]:
        def behave(handler: Handler, _: int) -> None:
            nonlocal left
            with lock:
                left -= 1
            if left >= 0:
                answer(handler, level)
            else:
                handler.server.released.wait(10 * STALL_SECONDS)
                handler.close_connection = True

        return behave

    for server, level in zip(servers, ("doc", "chunk"), strict=True):
        server.behaviour = behaviour(level)
    folder = world.path("stall")
    ended = world.start(setting, folder).wait(wanted.deadline)
    problems = ended.problems_of_a_failure(f"no progress for {STALL_SECONDS} s")
    if ended.code == 0:
        problems.append("the run ended as if the server had answered")
    _behave(*servers)
    problems += world.finish(lambda: world.start(setting, folder), Lake(str(folder)), wanted)
    return Finding(STALL, tuple(problems), ("failed and named the stall, finished by the next run",))


def _poison(
    world: World, setting: Setting, servers: tuple[MoodyServer, MoodyServer], level: str, chance: random.Random
) -> Finding:
    """Refuse every request about one document, each in another way; it must be set aside and the shard completed."""
    number = chance.randrange(len(world.texts))
    texts = list(world.texts)
    texts[number] = (texts[number][0], f"{MARK}\n{texts[number][1]}")
    raw = world.write_raw(world.path("raw-poison"), texts)
    marked = _recogniser(world.tiny_refiner().parent / "tiny")
    fault = chance.choice(["500", "garbage", "half an answer", "hung up"])

    def keep_marked(handler: Handler, _: int) -> None:
        # Kept in any case: a document that is dropped never reaches the other level.
        answer(handler, "doc", "keep_doc()" if marked(handler.payload["prompt"]) else None)

    def refuse_marked(handler: Handler, _: int) -> None:
        if marked(handler.payload["prompt"]):
            FAULTS[fault](handler)
        else:
            answer(handler, level)

    _behave(*servers)
    servers[0].behaviour = keep_marked
    wanted = world.undisturbed(setting, raw=raw)
    servers[0 if level == "doc" else 1].behaviour = refuse_marked
    folder = world.path("poison")
    lake = Lake(str(folder))
    run = world.start(setting, folder, raw=raw)
    ended = run.wait(wanted.deadline)
    _behave(*servers)
    if ended.code != 0:
        return Finding(POISON, (f"the shard was not completed: ...{ended.said[-700:]}",), ())
    rows = [row for shard in lake.shards(CORPUS, Table.OUTCOMES) for row in lake.rows(CORPUS, Table.OUTCOMES, shard)]
    aside = [row for row in rows if row["outcome"] == Outcome.QUARANTINED]
    problems = [] if len(aside) == 1 else [f"{len(aside)} documents were quarantined instead of one"]
    problems += [f"its reason does not say why: {row['reason']}" for row in aside if "attempts: 3" not in row["reason"]]
    problems += world.compare_without(lake, wanted, [row["doc_id"] for row in aside])
    return Finding(
        POISON, tuple(problems), (f"{level} level, {fault}: quarantined with its reason, the rest complete",)
    )


def _recogniser(model: Path) -> Callable[[list[int]], bool]:
    """Return a function that tells whether a prompt is about the marked document."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    return lambda prompt: MARK in tokenizer.decode(prompt)
