"""A shard's published execution: finds it, checks that the files belong to it, and returns its configuration.

Callers interpret the configuration.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prox_assets.lake.errors import LakeError, MissingTableError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
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
    outcomes = lake.require(corpus, Table.OUTCOMES, shard)
    execution = lake.execution(corpus, shard)
    if execution is None or outcomes.notes.get("execution_id") != execution:
        raise LakeError(
            f"{lake.uri(corpus, Table.OUTCOMES, shard)} is of an execution that was cut short before it was "
            f"published; materialize refined_shards for {shard!r} again"
        )
    if lake.info(corpus, Table.POLICIES, shard) is None:
        raise MissingTableError(
            f"{lake.uri(corpus, Table.POLICIES, shard)} is not there, so nobody knows under which rules shard "
            f"{shard!r} was executed; materialize refined_shards again"
        )
    for row in lake.rows(corpus, Table.POLICIES, shard):
        if row["execution_id"] == execution:
            return PublishedExecution(
                execution, outcomes, row["execution_fingerprint"], _configuration(lake, corpus, shard, row)
            )
    raise LakeError(
        f"{lake.uri(corpus, Table.POLICIES, shard)} has no row of the execution {execution} that the manifest names; "
        f"materialize refined_shards for {shard!r} again"
    )


def _configuration(lake: Lake, corpus: str, shard: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        configuration = json.loads(row["configuration"])
    except ValueError as error:
        configuration = error
    if not isinstance(configuration, dict) or not isinstance(configuration.get("policy"), dict):
        raise LakeError(
            f"{lake.uri(corpus, Table.POLICIES, shard)} does not hold a configuration in its column of that name; "
            f"materialize refined_shards for {shard!r} again"
        )
    return configuration
