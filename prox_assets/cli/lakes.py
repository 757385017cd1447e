"""Options that name a lake and a corpus, shared by the commands that read a lake."""

from typing import Annotated

import typer

from prox_assets.cli.options import fail
from prox_assets.lake.lake import Lake

LakeOption = Annotated[str, typer.Option("--lake", help="Folder or URL of the lake.", envvar="PROX_LAKE")]
CorpusOption = Annotated[str | None, typer.Option("--corpus", help="Only this corpus.")]


def corpora_of(lake: Lake, corpus: str | None) -> list[str]:
    """Return the named corpus, or all corpora; exit with code 1 if there is none.

    Raises:
        LakeError: The lake cannot be listed.
    """
    present = lake.corpora()
    if not present:
        raise fail(f"the lake {lake.url} has no corpus yet; `prox refine` creates one")
    if corpus is not None and corpus not in present:
        raise fail(f"the lake {lake.url} has no corpus {corpus!r}; it has: {', '.join(present)}")
    return present if corpus is None else [corpus]
