"""Generates `docs/lake.md` from the schemas: `python -m prox_assets.lake.describe > docs/lake.md`."""

import sys
from collections.abc import Mapping

import pyarrow as pa

from prox_assets.lake.records.proofs import (
    PROOF_SCHEMAS,
    SELECTOR_SCORES,
    SELECTOR_SCORES_SCHEMA,
    ProofTable,
    scores_folder,
)
from prox_assets.lake.schemas import DESCRIPTIONS, SCHEMA_VERSION, SCHEMAS, Table

INTRODUCTION = f"""# The lake

`{{lake}}/{{corpus}}/{{table}}/{{shard}}.parquet`: one file per table and shard, zstd, rows in the order of
`source_row`. The lake is a local folder or an object-store URL. Beside the corpora lie `_resume/` (unfinished
inference), `_leases/` (who is writing), `_alerts/` (how many incidents are open), `_footers/` (what footers and
shards' records say, so that they are read once), `_jobs/` (what jobs on a cluster tell) and, in a local lake, `_tmp/`
(unfinished files), `_overview/` (the overview of all corpora), `_comparisons/` ([refiners](comparing.md) on the
same files); nothing in them is a result. Results of
[proofs](proof.md), which span corpora, are in `_proofs/`, [token files](tokens.md) in `_tokens/`, and
[data sets to publish](publishing.md) in `_published/`, unless they were written elsewhere: `_exports/` says where.
`_withdrawn/` says which documents must not be in the lake, and must stay.

`{{lake}}/{{corpus}}/manifests/{{shard}}.json` names the execution whose `refined`, `outcomes`, `chunk_outcomes` and
`edits` belong together. A shard that an earlier release executed has no `chunk_outcomes`, so that its verdicts are not
known until it is executed again.

`judgements` is written by people, not by steps: a file for every judgement, named by its time and a random number, so
that nobody has to wait for anybody. Compacting the catalog merges these files. Its view shows the rows that count: each
person's latest on each document.

`compute` has a file for every attempt of a step at a shard, which begins with a row that the attempt has started and
replaces it at the end; compacting merges these, too. Its view shows the latest row of each attempt. What trainings of a
proof cost lies in `_proofs/{{proof}}/compute/`, what those of a refiner lab cost in the lab's own folder, in
`_labs/{{lab}}/compute/` ([compute.md](compute.md)).

Every file's footer holds `prox.fingerprint`, `prox.identity`, `prox.run_id`, `prox.code_version`, `prox.created_at`,
`prox.schema_version` and `prox.notes`. The current schema version is {SCHEMA_VERSION}.

This page is written by `python -m prox_assets.lake.describe`; a test keeps it equal to the code.
"""

PROOF_INTRODUCTION = f"""
# Proofs

The tables that follow are of [proofs](proof.md): `{{lake}}/_proofs/{{proof}}/{ProofTable.SCORES.file_name}`,
`{ProofTable.CONTRASTS.file_name}` and `{ProofTable.ARMS.file_name}`, replaced by every report of the proof. The catalog
shows them as the views {", ".join(f"`{table}`" for table in ProofTable)}.

What selectors say of documents is in `{{lake}}/{scores_folder("{proof}")}/{{arm}}.parquet`, replaced when the arm is
written again; the view `{SELECTOR_SCORES}` has the columns `proof` and `arm` as well.
"""


def lake_page() -> str:
    """Return the page as Markdown."""
    tables = [_section(table, SCHEMAS[table], DESCRIPTIONS[table]) for table in Table]
    proofs = [_section(table, schema, _descriptions(schema)) for table, schema in PROOF_SCHEMAS.items()]
    scores = _section(SELECTOR_SCORES, SELECTOR_SCORES_SCHEMA, _descriptions(SELECTOR_SCORES_SCHEMA))
    return "".join([INTRODUCTION, *tables, PROOF_INTRODUCTION, *proofs, scores])


def _section(name: str, schema: pa.Schema, descriptions: Mapping[str, str]) -> str:
    rows = [f"| {field.name} | {field.type} | {descriptions[field.name]} |" for field in schema]
    return "\n".join(["", f"## {name}", "", "| column | type | meaning |", "|---|---|---|", *rows, ""])


def _descriptions(schema: pa.Schema) -> dict[str, str]:
    return {field.name: (field.metadata or {})[b"description"].decode() for field in schema}


if __name__ == "__main__":
    sys.stdout.write(lake_page())
