"""The part of the lake that a query is about, and its SQL condition."""

from dataclasses import dataclass
from datetime import datetime

Parameters = list[object]


@dataclass(frozen=True)
class Scope:
    """A part of the lake; an empty field sets no restriction.

    Attributes:
        corpora: Names of corpora.
        shards: Shard keys.
        refiner: Beginning of a document or chunk refiner's fingerprint, as `prox shards` shows it.
        since: Earliest time of measurement (inclusive), with a time zone.
        until: Latest time of measurement (exclusive).
    """

    corpora: tuple[str, ...] = ()
    shards: tuple[str, ...] = ()
    refiner: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def of_metrics(self) -> tuple[str, Parameters]:
        """Return the condition on rows of shard_metrics, and its parameters."""
        conditions, parameters = self._places()
        if self.refiner is not None:
            conditions.append("(starts_with(doc_refiner, ?) OR starts_with(chunk_refiner, ?))")
            parameters += [self.refiner, self.refiner]
        for bound, sign in ((self.since, ">="), (self.until, "<")):
            if bound is not None:
                conditions.append(f"measured_at {sign} ?")
                parameters.append(bound)
        return " AND ".join(conditions) or "true", parameters

    def of_documents(self) -> tuple[str, Parameters]:
        """Return the condition on rows of any other table, and its parameters; metrics select refiner and time."""
        conditions, parameters = self._places()
        if self.refiner is not None or self.since is not None or self.until is not None:
            of_metrics, more = self.of_metrics()
            conditions.append(f"(corpus, shard) IN (SELECT (corpus, shard) FROM shard_metrics WHERE {of_metrics})")
            parameters += more
        return " AND ".join(conditions) or "true", parameters

    def _places(self) -> tuple[list[str], Parameters]:
        conditions: list[str] = []
        parameters: Parameters = []
        for column, names in (("corpus", self.corpora), ("shard", self.shards)):
            if names:
                conditions.append(f"{column} IN ({', '.join('?' * len(names))})")
                parameters += names
        return conditions, parameters


EVERYTHING = Scope()
