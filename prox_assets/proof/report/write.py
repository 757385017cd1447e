"""Writes the report of a proof: report.html and report.json in its folder, and the tables that the catalog shows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from prox_assets.lake.lake import Lake
from prox_assets.lake.records.proofs import ProofTable, write_proof_tables
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.report.contents import ProofContents, contents_of
from prox_assets.proof.report.page import render
from prox_assets.proof.settings import ProofSettings
from prox_assets.proof.statistics.break_even import RefiningCost


def write_report(
    settings: ProofSettings,
    folder: ProofFolder,
    lake: Lake | None = None,
    refining: Mapping[str, RefiningCost] | None = None,
    notes: Sequence[str] = (),
) -> ProofContents:
    """Write what a proof has found so far; models that are missing are named.

    Args:
        settings: Settings of the proof.
        folder: Its files; `report.html` and `report.json` are written there, each atomically.
        lake: The lake that gets the tables proof_scores, proof_contrasts and proof_arms.
        refining: What refining cost, by arm.
        notes: Further things that cannot be concluded, which only the caller knows.

    Raises:
        ScoresError: A file is damaged, or models were scored on different texts.
        LakeError: The lake cannot be written.
    """
    contents = contents_of(settings, folder, refining, notes)
    if lake is not None:
        findings = contents.findings
        tables = {
            ProofTable.SCORES: contents.scores,
            ProofTable.CONTRASTS: (*findings.primary, *findings.exploratory),
            ProofTable.ARMS: contents.arms,
        }
        write_proof_tables(lake, settings.name, {name: [r.model_dump() for r in rows] for name, rows in tables.items()})
    _write(folder.verdicts(), contents.model_dump_json(indent=1))
    _write(folder.report(), render(contents))
    return contents


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
