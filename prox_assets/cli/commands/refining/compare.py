"""`prox compare`: several refiners on the same raw files, refined already or refined here."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from prox_assets.browser import links
from prox_assets.cli.console import errors, fail, plain_errors, say
from prox_assets.cli.options import LakeOption, sharing
from prox_assets.cli.plan_options import PlanMaker, corpus_name, planned_with
from prox_assets.cli.refining import print_errors, refine_planned, rejected_whole
from prox_assets.cli.views.comparison import print_comparison
from prox_assets.cli.views.progress import progress_on
from prox_assets.comparison.compare import compare as compare_corpora
from prox_assets.comparison.page import LinkOf, no_link
from prox_assets.comparison.settings import SAMPLES, SEED, ComparisonSettings
from prox_assets.comparison.write import require_own_name, write_comparison
from prox_assets.lake.lake import Lake
from prox_assets.stages.settings import described_item, items_of
from prox_assets.training.data.pages import PagesError


def _said(setting: str) -> str | None:
    return ComparisonSettings.model_fields[setting].description


@sharing(planned_with)
@plain_errors()
def compare(
    plan_for: PlanMaker,
    name: Annotated[str, typer.Argument(metavar="NAME", help=_said("name"))],
    corpora: Annotated[
        str | None,
        typer.Option("--corpora", metavar="A,B,...", help="Corpora of the lake that are refined already."),
    ] = None,
    refiners: Annotated[
        str | None,
        typer.Option(
            "--refiners",
            metavar="A,B,...",
            help="Refine INPUT with each of these first, into the corpora NAME_A, NAME_B, ...: presets, folders of the "
            "refiner lab, or YAML files.",
        ),
    ] = None,
    lake: LakeOption = "lake",
    limit: Annotated[
        int | None, typer.Option(min=1, help="With --refiners: refine only the first N documents.")
    ] = None,
    labelled: Annotated[Path | None, typer.Option("--labelled", help=_said("labelled"))] = None,
    tokenizer: Annotated[str | None, typer.Option("--tokenizer", help=_said("tokenizer"))] = None,
    samples: Annotated[int, typer.Option("--samples", min=0, max=20, help=_said("samples"))] = SAMPLES,
    seed: Annotated[int, typer.Option("--seed", min=0, help=_said("seed"))] = SEED,
    browser: Annotated[
        str | None,
        typer.Option(
            "--browser", metavar="URL", help="Where `prox browse` serves this lake; the page then links there."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of a comparison of other corpora that has this name.")
    ] = False,
) -> None:
    """Compare refiners on the same raw files: what each keeps, how far they agree, what each costs, where they differ.

    Either --corpora names corpora that are refined already, or INPUT and --refiners say what to refine first; that is
    what `prox refine` does, and the same command resumes it. Writes one page and its numbers into the lake. Exits with
    1 if a shard fails; the others are compared all the same.
    """
    if (corpora is None) == (refiners is None):
        raise fail("give --corpora with what is refined already, or INPUT and --refiners with what to refine first")
    about_refining = [*plan_for.said(), *(["--limit"] if limit is not None else [])]
    if corpora is not None and about_refining:
        raise fail(
            f"{', '.join(about_refining)}: that is about refining and belongs to --refiners; --corpora compares what "
            "is refined already"
        )
    if labelled is not None and not labelled.exists():
        raise fail(f"{labelled} does not exist")
    opened = Lake(lake)
    failed = False
    if refiners is not None:
        named = dict(_named(name, refiners))
        settings = _settings(name, tuple(named), labelled, tokenizer, samples, seed)
        planned = {corpus: plan_for(corpus, refiner) for corpus, refiner in named.items()}
        for given in planned.values():
            given.plan.require_refiners()
    else:
        planned = {}
        settings = _settings(name, tuple(_parts(corpora or "")), labelled, tokenizer, samples, seed)
    if not replace:
        require_own_name(opened, settings)
    for corpus, given in planned.items():
        say(f"{corpus}: refined with {given.plan.refiners.name}")
        result = refine_planned(opened, given, limit)
        print_errors(result)
        failed |= bool(result.errors or rejected_whole(result))
    try:
        with progress_on(errors) as report:
            found = compare_corpora(opened, settings, report("compare", name))
    except PagesError as error:
        raise fail(str(error)) from error
    place = write_comparison(opened, found, _links(browser))
    print_comparison(found)
    say(f"page: {place}")
    if failed:
        raise typer.Exit(1)


def _settings(
    name: str, corpora: tuple[str, ...], labelled: Path | None, tokenizer: str | None, samples: int, seed: int
) -> ComparisonSettings:
    try:
        return ComparisonSettings(
            name=name, corpora=corpora, labelled=labelled, tokenizer=tokenizer, samples=samples, seed=seed
        )
    except ValidationError as error:
        # Names of corpora follow from the comparison's name, which comes first.
        raise fail(described_item(items_of(error)[0])) from error


def _named(name: str, refiners: str) -> Iterator[tuple[str, str]]:
    """Yield the corpus of each refiner, and the refiner."""
    seen: dict[str, str] = {}
    for refiner in _parts(refiners):
        corpus = f"{name}_{corpus_name(refiner)}"
        if corpus in seen:
            raise fail(f"{seen[corpus]} and {refiner} would both be refined into the corpus {corpus}: rename one")
        seen[corpus] = refiner
        yield corpus, refiner


def _parts(names: str) -> list[str]:
    return [part for name in names.split(",") if (part := name.strip())]


def _links(browser: str | None) -> LinkOf:
    return no_link if browser is None else partial(links.side_by_side, server=browser)
