"""People's judgements on documents: the only thing that the pages write."""

from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from prox_assets.browser import links
from prox_assets.browser.corpora import browser_of, named_corpus
from prox_assets.browser.templating import page
from prox_assets.catalog.connection import ask_corpus
from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.catalog.queries.judgements import judgement_counts, judgements
from prox_assets.catalog.queries.scope import Scope
from prox_assets.catalog.trace.read import read_trace
from prox_assets.catalog.trace.record import DocumentTrace
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.judgements import append_judgement
from prox_assets.lake.schemas import KEPT_OUTCOMES, Judgement, Outcome, Table

JUDGE_COOKIE = "prox_judge"
JUDGE_CHARACTERS, NOTE_CHARACTERS = 80, 4_000
FORM_BYTES = 32_768
ROWS = 100


class Choice(NamedTuple):
    """A judgement that a reader may give, its words, and the key that gives it."""

    judgement: Judgement
    words: str
    key: str


_EDITED = (
    Choice(Judgement.GOOD_EDIT, "Good edit", "1"),
    Choice(Judgement.BAD_EDIT, "Bad edit", "2"),
    Choice(Judgement.SHOULD_DROP, "Should have been dropped", "3"),
)
_UNCHANGED = (
    Choice(Judgement.GOOD_EDIT, "Rightly left as it is", "1"),
    Choice(Judgement.BAD_EDIT, "Should have been edited", "2"),
    Choice(Judgement.SHOULD_DROP, "Should have been dropped", "3"),
)
_DROPPED = (
    Choice(Judgement.SHOULD_DROP, "Rightly dropped", "1"),
    Choice(Judgement.SHOULD_KEEP, "Should have been kept", "2"),
)


def choices(trace: DocumentTrace) -> tuple[Choice, ...]:
    """Return the judgements that make sense for a document; none where no refiner has decided about it."""
    if trace.outcome is None or trace.outcome.outcome is Outcome.QUARANTINED:
        return ()
    if trace.outcome.outcome is Outcome.KEPT_UNCHANGED:
        return _UNCHANGED
    return _EDITED if trace.outcome.outcome in KEPT_OUTCOMES else _DROPPED


def judge_of(request: Request) -> str:
    """Return the name under which a reader judges: the one last given, or the server's."""
    return unquote(request.cookies.get(JUDGE_COOKIE, "")) or browser_of(request).judge


def judge_document(
    lake: Lake, place: DocumentPlace, judge: str, judgement: Judgement, note: str | None, seen: str | None
) -> None:
    """Keep a judgement on a document as the lake has it now.

    Args:
        lake: The lake.
        place: The document.
        judge: Who judges.
        judgement: What they say.
        note: Their own words.
        seen: The execution whose result they saw.

    Raises:
        ValueError: The document was executed again since, or the judgement does not fit what became of it.
        LakeError: The lake cannot be read or written.
    """
    trace = read_trace(lake, place)
    if trace.outcome is None or trace.execution_id != seen:
        raise ValueError("the document has been refined again since the page was shown: look at it again")
    if judgement not in {choice.judgement for choice in choices(trace)}:
        raise ValueError(f"{judgement} says nothing about a document that is {trace.outcome.outcome}")
    append_judgement(
        lake,
        {
            "corpus": place.corpus,
            "shard": place.shard,
            "doc_id": place.doc_id,
            "source_row": place.source_row,
            "judged_at": datetime.now(UTC),
            "judge": judge,
            "judgement": str(judgement),
            "note": note or None,
            "outcome": str(trace.outcome.outcome),
            "refined_hash": trace.refined_hash,
            "doc_refiner": trace.doc_refiner.fingerprint if trace.doc_refiner else None,
            "chunk_refiner": trace.chunk_refiner.fingerprint if trace.chunk_refiner else None,
            "execution_fingerprint": trace.execution_fingerprint,
            "execution_id": trace.execution_id,
            "text_hash": trace.text_hash,
        },
    )


async def judge(request: Request) -> Response:
    """Keep a judgement, and lead on to the page that the form names."""
    given = await _form(request)
    return await run_in_threadpool(_judge, request, given)


def _judge(request: Request, given: dict[str, str]) -> Response:
    lake, corpus = browser_of(request).lake, named_corpus(request)
    place = DocumentPlace(corpus, given.get("shard", ""), request.path_params["doc_id"], _row(given))
    name = " ".join(given.get("judge", "").split())[:JUDGE_CHARACTERS]
    if not name:
        raise HTTPException(400, "A judgement needs the name of who gives it")
    if not lake.storage.exists(lake.table_path(corpus, Table.DOCUMENTS, place.shard)):
        raise HTTPException(404, f"The corpus {corpus} has no shard {place.shard!r}")
    try:
        said = Judgement(given.get("judgement", ""))
        note = given.get("note", "").strip()[:NOTE_CHARACTERS]
        judge_document(lake, place, name, said, note, given.get("execution"))
    except ValueError as error:
        raise HTTPException(400, f"This was not kept: {error}") from error
    answer = RedirectResponse(_own_path(given.get("then")) or links.document(corpus, place.doc_id, place.shard), 303)
    answer.set_cookie(JUDGE_COOKIE, quote(name), max_age=10**8, httponly=True, samesite="strict")
    return answer


def judgements_page(request: Request) -> Response:
    """Show the judgements on a corpus."""
    browser, corpus = browser_of(request), named_corpus(request)
    scope = Scope((corpus,))
    before = _moment(request.query_params.get("before"))
    rows, counts = ask_corpus(
        browser.lake,
        corpus,
        lambda con: (judgements(con, scope, before, ROWS + 1).to_dicts(), judgement_counts(con, scope).to_dicts()),
        [Table.JUDGEMENTS],
    )
    following = rows[ROWS - 1]["judged_at"].isoformat() if len(rows) > ROWS else None
    return page(request, "judgements.html", corpus=corpus, rows=rows[:ROWS], counts=counts, following=following)


async def _form(request: Request) -> dict[str, str]:
    """Read a form; the last value of a name counts."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > FORM_BYTES:
            raise HTTPException(413, "This is too long for a judgement")
    try:
        return {name: values[-1] for name, values in parse_qs(body.decode(), max_num_fields=20).items()}
    except ValueError as error:
        raise HTTPException(400, "This is not a judgement") from error


def _row(given: dict[str, str]) -> int:
    try:
        return int(given.get("row", ""))
    except ValueError as error:
        raise HTTPException(400, "This is not a judgement: it names no row") from error


def _own_path(then: str | None) -> str | None:
    """Return a path of this server; None for anything that would lead elsewhere."""
    return then if then and then.startswith("/") and not then.startswith(("//", "/\\")) and then.isprintable() else None


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise HTTPException(400, "This is not a time") from error


ROUTES = (
    Route("/corpora/{corpus}/documents/{doc_id}/judgements", judge, methods=["POST"]),
    Route("/corpora/{corpus}/judgements", judgements_page),
)
