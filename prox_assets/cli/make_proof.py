"""`make proof`: refine what the proof compares, and materialize its assets on the instance that `make ui` shows.

Without labelled pages, it is the proof on the bundled sample. With them, each refiner that is compared refines the
pages, and the proof has an oracle. A killed run resumes where it stopped: what is current is not made again.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import yaml
from rich.console import Console
from typer import Exit

from prox_assets.cli import app
from prox_assets.orchestration.assets.proof.arms import ARM_TOKENS, ARMS
from prox_assets.orchestration.assets.proof.models import ARM_MODELS, ARM_SCORES
from prox_assets.orchestration.assets.proof.report import ASSET as PROOF_REPORT
from prox_assets.orchestration.components.refinement_proof import proof_definitions
from prox_assets.orchestration.instance import PROJECT_FILE, default_home, prepare_instance, process_tag
from prox_assets.orchestration.resources import DEFAULTS, LakeResource, ProofsResource
from prox_assets.orchestration.settings.proof import ProofAssetsSettings

DEFS = Path(__file__).parent.parent / "defs"
SAMPLE = "sample"
SAMPLE_PROOF = DEFS / "sample_proof" / "defs.yaml"
PAGES_PROOF = Path(__file__).parent.parent / "proof" / "examples" / "two_cores.yaml"
# The corpora that the proof of labelled pages compares, each with the refiner that makes it.
PAGES_REFINERS = {"pages": "cascade", "pages_lines": "lines", "pages_rules": "rules"}
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}

Step = tuple[tuple[str, ...], str | None]


def main() -> int:
    """Run the proof; return the process's exit code."""
    parser = argparse.ArgumentParser(description="Compare models that are trained on refined and on other text.")
    parser.add_argument("--pages", help="Parquet file of labelled pages; by default the bundled sample is compared.")
    parser.add_argument("--settings", type=Path, help="A defs.yaml of a RefinementProof, instead of the one for these.")
    arguments = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    file = arguments.settings or (PAGES_PROOF if arguments.pages else SAMPLE_PROOF)
    attributes = yaml.safe_load(file.read_text(encoding="utf-8"))["attributes"]
    settings = ProofAssetsSettings.model_validate(attributes)
    for options in _refinements(arguments.pages, settings.corpora):
        try:
            app(["refine", *options, "--lake", LakeResource().open().url], standalone_mode=False)
        except Exit as stopped:
            return stopped.exit_code
    if not _materialize(settings, console):
        return 1
    console.print(f"report: {ProofsResource().folder(settings.name).report().resolve()}")
    return 0


def _refinements(pages: str | None, corpora: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the options of `prox refine` for what is compared: the sample, or labelled pages; others are refined."""
    if pages is None:
        if SAMPLE in corpora:
            yield ["--settings", str(DEFS / "sample" / "defs.yaml")]
        return
    for corpus, refiner in PAGES_REFINERS.items():
        columns = ["--format", "parquet", "--text-column", "text_full"]
        yield [pages, "--corpus", corpus, "--refiner", refiner, *columns]


def _materialize(settings: ProofAssetsSettings, console: Console) -> bool:
    instance = prepare_instance(default_home(), Path(PROJECT_FILE))
    resources = {name: DEFAULTS[name] for name in ("lake", "proofs")}
    defs = dg.Definitions.merge(proof_definitions(settings), dg.Definitions(resources=resources))
    job = defs.resolve_implicit_global_asset_job_def()
    steps = list(_steps(settings))
    for number, (assets, partition) in enumerate(steps, 1):
        what = " ".join([" and ".join(assets), *([f"of {partition}"] if partition else [])])
        with console.status(f"{what} ({number} of {len(steps)})"):
            result = job.execute_in_process(
                instance=instance,
                partition_key=partition,
                asset_selection=[settings.key(asset) for asset in assets],
                run_config=QUIET,
                tags=process_tag(),
                raise_on_error=False,
            )
        if not result.success:
            console.print(f"[bold red]{what} failed[/]: run {result.run_id}; `make ui` shows its log")
            return False
    return True


def _steps(settings: ProofAssetsSettings) -> Iterator[Step]:
    yield (ARMS,), None
    for arm in settings.arms:
        yield (ARM_TOKENS,), arm.name
    for key in settings.runs:
        yield (ARM_MODELS, ARM_SCORES), key
    yield (PROOF_REPORT,), None


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # As in demo.py: DuckDB's bindings would print pages about leaked types.
    os._exit(code)
