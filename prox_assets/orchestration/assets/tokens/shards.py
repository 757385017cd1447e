"""Assets `{corpus}_tokens` and `arm_tokens`: the token files of a corpus's shards, or of an arm of a proof."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from prox_assets.lake.identity import fingerprint
from prox_assets.orchestration.assets.proof.arms import ARMS
from prox_assets.orchestration.assets.shards.partition_step import PartitionStep, Result
from prox_assets.orchestration.assets.tokens.spec import token_spec
from prox_assets.orchestration.failures import RETRY_POLICY, no_retry_when_useless
from prox_assets.orchestration.metadata import link
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import LakeResource, ProofsResource
from prox_assets.orchestration.settings.corpus import shard_partitions
from prox_assets.orchestration.settings.tokens import ARM_TOKENS, TokenAssetsSettings, asset_of
from prox_assets.tokens.folder import folder_of, read_record
from prox_assets.tokens.settings import SIDECARS
from prox_assets.tokens.writing.write import WrittenShard, write_tokens

DESCRIBE_SHARDS = """A shard's text as token ids, in files that trainers read; withdrawn documents are left out.

Files that are current are kept. `token_manifest` lists all of them once every shard has its own."""

DESCRIBE_ARM = """The documents of an arm of a proof as token ids, whole and each once, in files that trainers read."""


@dataclass
class TokenStep(PartitionStep[TokenAssetsSettings]):
    """A step over shards whose token files are written."""

    NOUN = "shards"


def build_shard_tokens(settings: TokenAssetsSettings, corpus: str) -> dg.AssetsDefinition:
    """Build the asset of a corpus: partitions are the corpus's shards."""
    name = asset_of(corpus)
    spec = token_spec(
        settings,
        name,
        DESCRIBE_SHARDS,
        deps=[settings.text_of(corpus)],
        code_version=settings.code_version,
        kinds=_kinds(settings),
        partitions=shard_partitions(corpus),
    )

    @dg.multi_asset(
        name=f"{settings.name}__{name}",
        specs=[spec],
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=settings.shards_per_run),
        retry_policy=RETRY_POLICY,
        pool=settings.cpu_pool,
    )
    def shard_tokens(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[Result]:
        die_with_run_worker()
        opened = lake.open()
        step = TokenStep(context, settings)

        def work(key: str) -> Iterator[Result]:
            written = write_tokens(opened, settings, only=(corpus, key), run_id=context.run_id)
            record = read_record(folder_of(opened, settings), (corpus, key))
            identity = record.identity if record is not None else ""
            yield dg.MaterializeResult(
                asset_key=spec.key,
                data_version=dg.DataVersion(identity),
                metadata={
                    **_shown(written),
                    "folder": link(folder_of(opened, settings).uri(f"tokens/train/{corpus}")),
                    "identity": identity,
                },
            )

        yield from step.each((name,), work)
        step.finish()

    return shard_tokens


def build_arm_tokens(settings: TokenAssetsSettings) -> dg.AssetsDefinition:
    """Build the asset of an arm, which spans corpora and has no partitions."""
    arm = settings.arm
    if arm is None:
        raise ValueError(f"{settings.name} is not made from an arm")
    spec = token_spec(
        settings,
        ARM_TOKENS,
        DESCRIBE_ARM,
        deps=[dg.AssetKey([arm.proof, ARMS])],
        code_version=settings.code_version,
        kinds=_kinds(settings),
    )

    @dg.multi_asset(
        name=f"{settings.name}__{ARM_TOKENS}", specs=[spec], retry_policy=RETRY_POLICY, pool=settings.cpu_pool
    )
    def arm_tokens(
        context: dg.AssetExecutionContext, lake: LakeResource, proofs: ProofsResource
    ) -> dg.MaterializeResult:
        die_with_run_worker()
        opened = lake.open()
        with no_retry_when_useless():
            written = write_tokens(opened, settings, proofs=proofs_of(settings, proofs), run_id=context.run_id)
        folder = folder_of(opened, settings)
        records = [read_record(folder, (shard.corpus, shard.shard)) for shard in written]
        identity = fingerprint([record.identity for record in records if record is not None])
        return dg.MaterializeResult(
            asset_key=spec.key,
            data_version=dg.DataVersion(identity),
            metadata={**_shown(written), "shards": len(written), "folder": link(folder.uri("tokens"))},
        )

    return arm_tokens


def proofs_of(settings: TokenAssetsSettings, proofs: ProofsResource) -> str | None:
    """Return the folder of all proofs, which only an arm is read from."""
    return None if settings.arm is None else str(proofs.folder(settings.arm.proof).root.parent)


def _kinds(settings: TokenAssetsSettings) -> set[str]:
    return {"numpy", *({"parquet"} if set(settings.formats) - set(SIDECARS) else set())}


def _shown(written: Sequence[WrittenShard]) -> dict[str, Any]:
    """Return numbers that the UI plots over shards."""
    parts = [part for shard in written for part in shard.splits]
    documents: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    for part in parts:
        documents[part.split] += part.documents
        tokens[part.split] += part.tokens
    characters = sum(part.characters for part in parts)
    return {
        "documents": documents.total(),
        "tokens": tokens.total(),
        "characters": characters,
        **({"characters_per_token": characters / tokens.total()} if tokens.total() else {}),
        "withdrawn": sum(shard.withdrawn for shard in written),
        "was_current": all(shard.was_current for shard in written),
        **{f"tokens_{split}": number for split, number in tokens.items()},
    }
