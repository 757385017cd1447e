"""`prox withdraw`: documents go from the lake and from all that was made of them, for good."""

import getpass
import os
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from prox_assets.cli.console import fail, plain_errors, say, warn
from prox_assets.cli.options import LakeOption
from prox_assets.housekeeping.withdrawing import Done, Found, Place, carry_out, find
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawn import Withdrawal, WithdrawnBy, host_of
from prox_assets.proof.folder import DEFAULT_PROOFS
from prox_assets.training.lab.settings import DEFAULT_LAB

FOLDERS = {"PROX_LAB": DEFAULT_LAB, "PROX_PROOFS": DEFAULT_PROOFS}
"""Variables that name the folders of labs and of proofs, and where these are without (orchestration/resources.py)."""
SHARDS_SHOWN = 20
_HASH = re.compile("[0-9a-f]{32}")


@plain_errors()
def withdraw(
    lake: LakeOption = "lake",
    url: Annotated[list[str] | None, typer.Option("--url", help="Address of a page.")] = None,
    domain: Annotated[
        list[str] | None, typer.Option("--domain", help="All pages of a domain and of its subdomains.")
    ] = None,
    doc_id: Annotated[list[str] | None, typer.Option("--doc-id", help="Id of a document.")] = None,
    text_hash: Annotated[
        list[str] | None, typer.Option("--text-hash", help="Hash of a raw text (documents.text_hash).")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Lines of url, domain, doc_id or text_hash, and the value."),
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, kept with the withdrawal; required.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who withdraws it; your user name by default.")] = None,
    folder: Annotated[
        list[Path] | None,
        typer.Option(
            "--folder",
            help="A folder of labs or proofs that is looked through, too; PROX_LAB (default lab) and PROX_PROOFS "
            "(default proofs) always are.",
        ),
    ] = None,
    later: Annotated[
        bool, typer.Option("--later", help="Leave each shard's tables to its next run; all else is removed now.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Finish what was cut short; look for all that was ever withdrawn.")
    ] = False,
    dagster: Annotated[
        bool, typer.Option("--dagster", help="Log it in the Dagster instance in DAGSTER_HOME, too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Withdraw documents: they go from tables, reports, token files and published folders, and never come back.

    Shows first what it found. The withdrawal is remembered for ever in the lake: every later run leaves these documents
    out, whatever refiner it uses. The raw source files are yours: nothing in them is changed. See docs/publishing.md.
    """
    named = {WithdrawnBy.URL: url, WithdrawnBy.DOMAIN: domain, WithdrawnBy.DOC_ID: doc_id}
    values = [(kind, value) for kind, given in named.items() for value in given or ()]
    values += [(WithdrawnBy.TEXT_HASH, value) for value in text_hash or ()]
    values += _lines(file) if file else []
    if not values and not resume:
        raise fail("name what is to be withdrawn (--url, --domain, --doc-id, --text-hash or --file), or use --resume")
    if values and not (reason or "").strip():
        raise fail("say why with --reason: it is kept with the withdrawal")
    if dagster and not os.environ.get("DAGSTER_HOME"):
        raise fail("--dagster needs DAGSTER_HOME, the folder of the Dagster instance; nothing was removed")
    who = by if by is not None else _user()
    requests = [Withdrawal(kind, _checked(kind, value), reason or "", who) for kind, value in dict.fromkeys(values)]
    opened = Lake(lake)
    found = find(opened, requests, resume=resume)
    _show(found)
    if not yes and not typer.confirm("Withdraw this for good?"):
        raise typer.Exit(1)
    folders = [*(folder or ()), *(Path(os.environ.get(name) or default) for name, default in FOLDERS.items())]
    run_id = f"prox-withdraw-{uuid.uuid4().hex[:12]}"
    done = carry_out(opened, found, run_id, later=later, folders=[each for each in folders if each.is_dir()])
    _tell(done, later=later)
    if dagster:
        _tell_dagster(done)
    if done.failed or (done.waiting and not later):
        raise typer.Exit(1)


def _lines(file: Path) -> list[tuple[WithdrawnBy, str]]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise fail(f"{file} cannot be read: {error}") from error
    values = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        kind, _, value = line.strip().partition(" ")
        if kind not in set(WithdrawnBy) or not value.strip():
            raise fail(f"{file}, line {number}: {line!r} is not one of {', '.join(WithdrawnBy)}, a space and the value")
        values.append((WithdrawnBy(kind), value.strip()))
    return values


def _checked(kind: WithdrawnBy, value: str) -> str:
    value = value.strip()
    match kind:
        case WithdrawnBy.URL if not host_of(value):
            raise fail(f"{value!r} is no address of a page: it names no host")
        case WithdrawnBy.DOMAIN if "." not in value.strip(".") or "/" in value or not host_of(value):
            raise fail(f"{value!r} is no domain, such as example.org")
        case WithdrawnBy.DOC_ID | WithdrawnBy.TEXT_HASH if not _HASH.fullmatch(value.lower()):
            raise fail(f"{value!r} is no {kind}: it has 32 hexadecimal digits")
        case _:
            return value.lower() if kind in (WithdrawnBy.DOC_ID, WithdrawnBy.TEXT_HASH) else value


def _user() -> str:
    with suppress(OSError, KeyError):  # a container's user may have no name
        return getpass.getuser()
    return ""


def _show(found: Found) -> None:
    documents = {place: len(these) for place, these in found.documents.items()}
    say(f"{_documents(sum(documents.values()))} in the lake")
    for line in _by_shard(documents):
        say(f"  {line}")
    for held in found.exports_with_documents:
        say(f"  {held.name}: {_documents(len(held.documents))} in {held.export.url}")
    for held in found.exports_with_documents:
        for replica in held.export.replicas:
            say(f"  {held.name} was uploaded to {replica.where} ({replica.revision}): remove it there yourself")
    for held in found.not_looked_into:
        warn(f"{held.name} in {held.export.url} cannot be looked into: {held.problem}")
    for (corpus, shard), error in found.damaged.items():
        warn(
            f"{corpus}/{shard} cannot be looked into; its documents go, and its next run reads its source anew: {error}"
        )
    if not documents and not found.exports_with_documents:
        say("nothing that is there now; later runs and exports leave it out if it comes")


def _by_shard(documents: dict[Place, int]) -> Iterator[str]:
    shown = sorted(documents.items(), key=lambda item: (-item[1], item[0]))[:SHARDS_SHOWN]
    yield from (f"{corpus}/{shard}: {_documents(number)}" for (corpus, shard), number in shown)
    if len(documents) > SHARDS_SHOWN:
        rest = Counter({corpus: 0 for corpus, _ in documents})
        for (corpus, _), number in documents.items():
            rest[corpus] += number
        yield f"and {len(documents) - SHARDS_SHOWN} more shards; in all " + ", ".join(
            f"{corpus} {number:,}" for corpus, number in sorted(rest.items())
        )


def _documents(number: int) -> str:
    return "1 document" if number == 1 else f"{number:,} documents"


def _tell(done: Done, *, later: bool) -> None:
    for removal in done.removals:
        rows = ", ".join(f"{table} {number:,}" for table, number in removal.rows.items()) or "nothing was left"
        say(f"{removal.corpus}/{removal.shard}: rows removed: {rows}")
        for table in removal.damaged:
            warn(f"{removal.corpus}/{removal.shard}: {table} was damaged and is removed; its next run makes it again")
    for name, number in done.exports:
        say(f"{name}: {_documents(number)} removed")
    for name in done.comparisons:
        say(f"the comparison {name} is removed (`prox compare {name}` writes it again)")
    for cleaned in done.cleaned:
        say(f"{cleaned.place}: {cleaned.what}")
    for (corpus, shard), why in done.waiting.items():
        if later:
            say(f"{corpus}/{shard}: its next run removes them")
        else:
            warn(f"{corpus}/{shard} waits for its next run, or for `prox withdraw --resume`: {why}")
    for export in done.replicas:
        for replica in export.replicas:
            warn(f"{replica.where} ({replica.revision}) still has them: upload {export.kind} {export.name} anew")
    for sentence in done.failed:
        warn(f"not finished: {sentence}. Then run `prox withdraw --resume`")
    corpora = sorted({corpus for corpus, _ in done.places})
    if corpora:
        say(
            f"the report of {', '.join(corpora)} is removed (`prox report` writes it again). Not in reach: the raw "
            "source files, copies of the catalog, excerpts in Dagster's event log, and what models have learned"
        )


def _tell_dagster(done: Done) -> None:
    # Dagster takes 1.4 s to import.
    import dagster as dg

    from prox_assets.orchestration.withdrawal import log_withdrawn_documents

    with dg.DagsterInstance.get() as instance:
        log_withdrawn_documents(instance, done.places, done.waiting)
