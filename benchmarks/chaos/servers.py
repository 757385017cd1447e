"""Model servers that are busy, broken or silent or talk nonsense; one that stalls; a document that always fails.

A server's good answers depend only on the prompt, so the rows of an undisturbed run are known.
"""

import random
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.chaos.verdicts import Verdict
from benchmarks.chaos.world import CORPUS, WINDOW, Setting, Undisturbed, World, engine_options
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Outcome, Table
from prox_assets.testing.servers.moody_server import Handler, MoodyServer, moody_server

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

LEVELS = ("doc", "chunk")  # each has a server


def run(world: World) -> Iterator[Verdict]:
    """Run against servers that misbehave."""
    with ExitStack() as stack:
        servers = [stack.enter_context(moody_server()) for _ in LEVELS]
        for server in servers:
            server.max_model_len = 1024
        _behave(servers)
        setting = _setting(world, servers)
        wanted = world.undisturbed(setting)
        for number in range(LAKES):
            yield _misbehave(world, setting, wanted, servers, world.rng(f"server/{number}"))
        for number in range(STALLS):
            yield _stall(world, setting, wanted, servers, world.rng(f"stall/{number}"))
        for level in LEVELS:
            yield _poison(world, setting, servers, level, world.rng(f"poison/{level}"))


def _setting(world: World, servers: Sequence[MoodyServer]) -> Setting:
    doc, chunk = (f"server:{server.base_url}" for server in servers)
    options = engine_options(
        f"stall_timeout_seconds={STALL_SECONDS}",
        f"request_timeout_seconds={REQUEST_SECONDS}",
        "max_retries=2",
        "concurrency=4",
        "look_ahead=4",
    )
    refiner = ("--refiner", str(world.tiny_refiner()), "--window", str(WINDOW))
    return Setting("server", (*refiner, "--engine", doc, "--chunk-engine", chunk, *options))


def answer(handler: Handler, level: str, text: str | None = None) -> None:
    """Answer a request with the given text, or else with a program that depends only on the prompt."""
    if text is None:
        number = zlib.crc32(repr(handler.payload["prompt"]).encode())
        if level == "doc":
            text = "drop_doc()" if number % 4 == 0 else "keep_doc()"
        else:
            text = CHUNK_PROGRAMS[number % len(CHUNK_PROGRAMS)]
    handler.send_json(200, {"choices": [{"text": text, "token_ids": [7, 1], "finish_reason": "stop"}]})


def _behave(servers: Sequence[MoodyServer], behave: Callable[[Handler, str], None] = answer) -> None:
    """Set how the servers answer a request at a level."""
    for server, level in zip(servers, LEVELS, strict=True):
        server.behaviour = lambda handler, _, level=level: behave(handler, level)


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


FAULTS: dict[str, Callable[[Handler], None]] = {
    "429": _busy,
    "500": _broken,
    "garbage": _garbage,
    "JSON of another kind": _other_json,
    "half an answer": _half,
    "no answer": _nothing,
    "hung up": _hang_up,
}


def _misbehave(
    world: World, setting: Setting, wanted: Undisturbed, servers: Sequence[MoodyServer], rng: random.Random
) -> Verdict:
    """Fail a share of the requests, and repeat the run if it gives up."""
    injected: Counter[str] = Counter()
    lock = threading.Lock()

    def behave(handler: Handler, level: str) -> None:
        with lock:
            fault = rng.choice(sorted(FAULTS)) if rng.random() < RATE else None
            injected.update([fault] if fault else [])
        if fault is None:
            answer(handler, level)
        else:
            FAULTS[fault](handler)

    _behave(servers, behave)
    folder = world.path("server")
    causes = ("server", "every document failed")
    failed, problems = world.repeat(lambda: world.start(setting, folder), wanted, causes, RUNS_AT_MOST)
    _behave(servers)
    problems += world.finish(lambda: world.start(setting, folder), Lake(str(folder)), wanted)
    repeated = ["a run gave up, named the server, and was repeated"] * failed
    return Verdict(FAULT, tuple(problems), (*injected.elements(), *repeated), injected.total())


def _stall(
    world: World, setting: Setting, wanted: Undisturbed, servers: Sequence[MoodyServer], rng: random.Random
) -> Verdict:
    """After a random number of requests, keep accepting requests but never answer."""
    lock = threading.Lock()
    left = rng.randint(1, len(world.texts) + 8)

    def behave(handler: Handler, level: str) -> None:
        nonlocal left
        with lock:
            left -= 1
        if left >= 0:
            answer(handler, level)
        else:
            handler.server.released.wait(10 * STALL_SECONDS)
            handler.close_connection = True

    _behave(servers, behave)
    folder = world.path("stall")
    ended = world.start(setting, folder).wait(wanted.deadline)
    problems = ended.failure_problems(f"no progress for {STALL_SECONDS} s")
    if ended.code == 0:
        problems.append("the run succeeded although the server had stopped answering")
    _behave(servers)
    problems += world.finish(lambda: world.start(setting, folder), Lake(str(folder)), wanted)
    return Verdict(STALL, tuple(problems), ("failed and named the stall, finished by the next run",))


def _poison(world: World, setting: Setting, servers: Sequence[MoodyServer], level: str, rng: random.Random) -> Verdict:
    """Fail every request about one document; it must be quarantined and the shard completed."""
    number = rng.randrange(len(world.texts))
    texts = list(world.texts)
    texts[number] = (texts[number][0], f"{MARK}\n{texts[number][1]}")
    raw = world.write_raw(world.path("raw-poison"), texts)
    is_marked = _mark_detector(world.tiny_refiner().parent / "tiny")
    fault = rng.choice(["500", "garbage", "half an answer", "hung up"])

    def answer_marked(handler: Handler, at: str) -> None:
        # Never dropped, or it would not reach the chunk level.
        answer(handler, at, "keep_doc()" if at == "doc" and is_marked(handler.payload["prompt"]) else None)

    def fail_marked(handler: Handler, at: str) -> None:
        if at == level and is_marked(handler.payload["prompt"]):
            FAULTS[fault](handler)
        else:
            answer_marked(handler, at)

    _behave(servers, answer_marked)
    wanted = world.undisturbed(setting, raw=raw)
    _behave(servers, fail_marked)
    folder = world.path("poison")
    lake = Lake(str(folder))
    ended = world.start(setting, folder, raw=raw).wait(wanted.deadline)
    _behave(servers)
    if ended.code != 0:
        return Verdict(POISON, (f"the shard was not completed: ...{ended.output[-700:]}",), ())
    rows = [row for shard in lake.shards(CORPUS, Table.OUTCOMES) for row in lake.rows(CORPUS, Table.OUTCOMES, shard)]
    quarantined = [row for row in rows if row["outcome"] == Outcome.QUARANTINED]
    problems = [] if len(quarantined) == 1 else [f"{len(quarantined)} documents were quarantined instead of one"]
    reasons = [row["reason"] for row in quarantined]
    problems += [f"the reason does not explain it: {reason}" for reason in reasons if "attempts: 3" not in reason]
    problems += world.compare(lake, wanted, [row["doc_id"] for row in quarantined])
    return Verdict(
        POISON, tuple(problems), (f"{level} level, {fault}: quarantined with its reason, the rest complete",)
    )


def _mark_detector(model: Path) -> Callable[[list[int]], bool]:
    """Return a function that detects prompts about the marked document."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    return lambda prompt: MARK in tokenizer.decode(prompt)
