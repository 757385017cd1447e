"""A shard's published execution: finds it, checks that the files belong to it, and returns its configuration.

Callers interpret the configuration.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prox_assets.lake.errors import LakeError, MissingTableError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import WRITTEN_BY, Table
from prox_assets.lake.table_files import FileInfo


@dataclass(frozen=True)
class PublishedExecution:
    """A shard's published execution.

    Attributes:
        execution_id: The execution that the manifest names.
        outcomes: What the footer of the `outcomes` file says.
        fingerprint: Fingerprint of the policy.
        configuration: The configuration from `policies`: a mapping with "policy" and "refiners".
    """

    execution_id: str
    outcomes: FileInfo
    fingerprint: str
    configuration: Mapping[str, Any]


def published_execution(lake: Lake, corpus: str, shard: str) -> PublishedExecution:
    """Return the execution that wrote a shard's EXECUTION_TABLES.

    Raises:
        MissingTableError: The shard has not been executed.
        LakeError: An execution was cut short before its manifest was written, or a file is damaged.
    """
    remedy = f"materialize {WRITTEN_BY[Table.POLICIES]} for {shard!r} again"
    policies = lake.uri(corpus, Table.POLICIES, shard)
    outcomes = lake.require(corpus, Table.OUTCOMES, shard)
    execution = lake.execution(corpus, shard)
    if execution is None or outcomes.notes.get("execution_id") != execution:
        raise LakeError(
            f"{lake.uri(corpus, Table.OUTCOMES, shard)} is of an execution that was cut short before it was "
            f"published; {remedy}"
        )
    if lake.info(corpus, Table.POLICIES, shard) is None:
        raise MissingTableError(
            f"{policies} is not there, so the policy under which shard {shard!r} was executed is unknown; {remedy}"
        )
    rows = lake.rows(corpus, Table.POLICIES, shard)
    row = next((row for row in rows if row["execution_id"] == execution), None)
    if row is None:
        raise LakeError(f"{policies} has no row of the execution {execution} that the manifest names; {remedy}")
    try:
        configuration = json.loads(row["configuration"])
    except ValueError as error:
        configuration = error
    if not isinstance(configuration, dict) or not isinstance(configuration.get("policy"), dict):
        raise LakeError(f"{policies} does not hold a configuration as JSON; {remedy}")
    return PublishedExecution(execution, outcomes, row["execution_fingerprint"], configuration)
