"""A refined shard of the lake, its documents executed again and held against what the lake stores of them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

from prox_assets.corpora.document import text_hash
from prox_assets.corpora.shard import Shard
from prox_assets.lake.executions import PublishedExecution, published_execution
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawn import Withdrawn
from prox_assets.lake.schemas import KEPT_OUTCOMES, Outcome, Table
from prox_assets.lake.table_files import FileInfo
from prox_assets.programs import ExecutionPolicy
from prox_assets.publishing.programs.errors import ProgramsError
from prox_assets.publishing.programs.manifest import Policy, Refiner
from prox_assets.stages.aligned_rows import current_chunk_programs, documents_with_programs, inputs_of_execution
from prox_assets.stages.execution.document_refinement import DocumentFate, refine_document
from prox_assets.stages.execution.shard_replay import stored_policy
from prox_assets.stages.reading.discovery import known_shard
from prox_assets.stages.run import StaleInputError

Row = dict[str, Any]

WITHDRAWN = "withdrawn"
"""Why a document is left out."""
_DOCUMENT_COLUMNS = ("doc_id", "source_row", "source_file", "text", "text_hash", "url")


class RefinedDocument(NamedTuple):
    """A document of a refined shard.

    Attributes:
        place: doc_id, source_file, source_row (counted from the file's first row), url and raw_hash.
        document: Its row of `documents`.
        chunks: Its rows of `chunk_programs`.
        fate: What they did.
        refined_hash: Hash of the refined text; None if it was dropped.
    """

    place: Row
    document: Row
    chunks: list[Row]
    fate: DocumentFate
    refined_hash: str | None


@dataclass(frozen=True)
class RefinedShard:
    """A refined shard of the lake, and how it was executed.

    Attributes:
        lake: The lake.
        corpus: The corpus.
        key: The shard.
        gone: What is withdrawn.
        place: Where its documents are in the original.
        programs: The file of its chunk programs.
        execution: The execution whose results are published.
        policy: How it was executed.
        policy_notes: The same, with who wrote the programs, for a manifest.
    """

    lake: Lake
    corpus: str
    key: str
    gone: Withdrawn
    place: Shard
    programs: FileInfo
    execution: PublishedExecution
    policy: ExecutionPolicy
    policy_notes: Policy

    @classmethod
    def of(cls, lake: Lake, corpus: str, key: str, gone: Withdrawn) -> "RefinedShard":
        """Look at a shard.

        Raises:
            StageError: Its tables do not belong together, or its executor is another version's.
            LakeError: The lake cannot be read.
        """
        programs = current_chunk_programs(lake, corpus, key)
        execution = published_execution(lake, corpus, key)
        if execution.outcomes.notes.get("chunk_programs") != programs.identity:
            raise StaleInputError(
                f"the stored results of shard {key!r} come from programs that have been replaced since; materialize "
                "refined_shards again"
            )
        policy, _ = stored_policy(execution, key)
        decisions = lake.require(corpus, Table.DOC_PROGRAMS, key)
        notes = Policy(settings=policy.as_dict(), doc=_refiner(decisions), chunk=_refiner(programs))
        return cls(lake, corpus, key, gone, known_shard(lake, corpus, key), programs, execution, policy, notes)

    @property
    def policy_key(self) -> str:
        """Key of the policy in a manifest."""
        return fingerprint(self.policy_notes.model_dump(mode="json"))

    def documents(self, left_out: Counter[str]) -> Iterator[RefinedDocument]:
        """Yield the documents in order, those left out that are withdrawn or that a refiner failed on.

        Args:
            left_out: Counts them, by why.

        Raises:
            ProgramsError: What is stored is not what the programs give.
            StageError: The shard's tables do not belong together.
            LakeError: The lake cannot be read.
        """
        walk = documents_with_programs(
            self.lake, self.corpus, self.key, inputs_of_execution(self.programs), _DOCUMENT_COLUMNS
        )
        first_rows = {file.source_file: file.first_row or 0 for file in self.place.files or ()}
        for found, stored in zip_longest(walk, self._stored()):
            if found is None or stored is None or found[0]["doc_id"] != stored["doc_id"]:
                raise self._differs("its rows are missing or doubled")
            document, decision, chunks = found
            fate = refine_document(document, decision, chunks, self.policy)
            refined_hash = None if fate.text is None else text_hash(fate.text)
            if (fate.outcome, refined_hash) != (stored["outcome"], stored["refined_hash"]):
                raise self._differs(f"document {document['doc_id']} comes out differently")
            if fate.outcome is Outcome.QUARANTINED:
                left_out[Outcome.QUARANTINED.value] += 1
                continue
            if self.gone.of(document["doc_id"], document["url"], document["text_hash"]):
                left_out[WITHDRAWN] += 1
                continue
            place = {
                "doc_id": document["doc_id"],
                "source_file": document["source_file"],
                "source_row": document["source_row"] - first_rows.get(document["source_file"], 0),
                "url": document["url"],
                "raw_hash": document["text_hash"],
            }
            yield RefinedDocument(place, document, chunks, fate, refined_hash)

    def _stored(self) -> Iterator[Row]:
        """Yield what the execution stored for each document: doc_id, outcome and refined_hash."""
        columns = ["doc_id", "execution_id"]
        refined = self.lake.rows(self.corpus, Table.REFINED, self.key, [*columns, "refined_hash"])
        for row in self.lake.rows(self.corpus, Table.OUTCOMES, self.key, [*columns, "outcome"]):
            of_text = next(refined, None) if row["outcome"] in KEPT_OUTCOMES else None
            for one in (row, of_text):
                if one is not None and (one["doc_id"], one["execution_id"]) != (
                    row["doc_id"],
                    self.execution.execution_id,
                ):
                    raise self._differs("its tables are not all of the execution that the manifest names")
            yield {**row, "refined_hash": None if of_text is None else of_text["refined_hash"]}

    def _differs(self, how: str) -> ProgramsError:
        return ProgramsError(
            f"what is stored of shard {self.key!r} of {self.corpus} is not what its programs give: {how}. Materialize "
            "refined_shards again, then write the programs"
        )


def _refiner(info: FileInfo) -> Refiner:
    notes = info.notes["refiner"]
    return Refiner(name=notes["name"], fingerprint=info.fingerprint, revision=notes.get("resolved_revision"))
