"""Asset `token_manifest`: what all token files are, counted, with the run cards; and the checks that trust needs."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from prox_assets.lake.lake import Lake
from prox_assets.lake.storage.storage import Storage
from prox_assets.orchestration.assets.shards.partition_step import Result
from prox_assets.orchestration.assets.tokens.shards import proofs_of
from prox_assets.orchestration.assets.tokens.spec import token_spec
from prox_assets.orchestration.failures import RETRY_POLICY, no_retry_when_useless
from prox_assets.orchestration.metadata import link
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import LakeResource, ProofsResource
from prox_assets.orchestration.settings.tokens import MANIFEST, TokenAssetsSettings
from prox_assets.tokens.folder import folder_of
from prox_assets.tokens.manifest import MANIFEST as MANIFEST_FILE
from prox_assets.tokens.manifest import TokenManifest
from prox_assets.tokens.run_cards.card import RunCard
from prox_assets.tokens.run_cards.data import splits_of
from prox_assets.tokens.run_cards.write import FOLDER, PAGE, write_run_card
from prox_assets.tokens.verify import count_problems, file_problems, withdrawn_inside
from prox_assets.tokens.writing.write import write_manifest

FILES = "files"
WITHDRAWN = "withdrawn"
DESCRIPTION = """What the token files are: every file with its sha256, documents and tokens of each shard and split.

Made once every shard has its files; a trainer's run card lies beside it. Files without a manifest are not complete."""
CHECKS = {
    FILES: "Every file has the sha256 and size that the manifest says, and documents add up with the lake.",
    WITHDRAWN: "No document that was ever withdrawn is in the token files.",
}
SHOWN_PROBLEMS = 20


def build_token_manifest(settings: TokenAssetsSettings) -> dg.AssetsDefinition:
    """Build the asset with its checks; they can also be run alone."""
    spec = token_spec(
        settings,
        MANIFEST,
        DESCRIPTION,
        deps=[settings.key(asset) for asset in settings.token_assets],
        code_version=settings.manifest_version,
        kinds={"json"},
    )
    checks = [dg.AssetCheckSpec(name, asset=spec.key, description=text, blocking=True) for name, text in CHECKS.items()]

    @dg.multi_asset(
        name=f"{settings.name}__{MANIFEST}",
        specs=[spec],
        check_specs=checks,
        can_subset=True,
        retry_policy=RETRY_POLICY,
        pool=settings.cpu_pool,
    )
    def token_manifest(
        context: dg.AssetExecutionContext, lake: LakeResource, proofs: ProofsResource
    ) -> Iterator[Result]:
        die_with_run_worker()
        opened = lake.open()
        place = proofs_of(settings, proofs)
        asked = {key.name for key in context.selected_asset_check_keys}
        with no_retry_when_useless():
            if spec.key in context.selected_asset_keys:
                yield _made(opened, settings, place)
            if FILES in asked:
                problems = [
                    *file_problems(folder_of(opened, settings)),
                    *count_problems(opened, settings, place),
                ]
                yield _result(spec.key, FILES, problems, "every file is as the manifest says, and documents add up")
            if WITHDRAWN in asked:
                inside = withdrawn_inside(opened, settings)
                yield _result(spec.key, WITHDRAWN, inside, "no withdrawn document is inside")

    return token_manifest


def _made(lake: Lake, settings: TokenAssetsSettings, proofs: str | None) -> dg.MaterializeResult:
    manifest = write_manifest(lake, settings, proofs=proofs)
    folder = folder_of(lake, settings)
    cards = [write_run_card(folder, manifest, card) for card in settings.run_cards]
    return dg.MaterializeResult(
        asset_key=settings.key(MANIFEST),
        metadata={**_shown(folder, manifest), **_links(folder, cards)},
    )


def _shown(folder: Storage, manifest: TokenManifest) -> dict[str, Any]:
    splits = splits_of(manifest.shards)
    corpora = dict.fromkeys(shard.corpus for shard in manifest.shards)
    lines = ["| split | source | documents | tokens |", "|---|---|---|---|"]
    for split in splits:
        for corpus in corpora:
            documents = sum(s.documents for s in manifest.shards if (s.split, s.corpus) == (split, corpus))
            lines.append(f"| {split} | {corpus} | {documents:,} | {manifest.tokens(split, corpus):,} |")
    return {
        "documents": sum(shard.documents for shard in manifest.shards),
        "tokens": sum(shard.tokens for shard in manifest.shards),
        **{f"tokens_{split}": manifest.tokens(split) for split in splits},
        "shards": len({(shard.corpus, shard.shard) for shard in manifest.shards}),
        "files": sum(len(shard.files) for shard in manifest.shards),
        "bytes": sum(file.bytes for shard in manifest.shards for file in shard.files),
        "sources": dg.MetadataValue.md("\n".join(lines)),
        "dtype": manifest.dtype,
        "tokenizer": manifest.tokenizer.source,
        "tokenizer_hash": manifest.tokenizer.hash,
        "folder": link(folder.root if folder.is_local else folder.url),
        "manifest": link(folder.uri(MANIFEST_FILE)),
    }


def _links(folder: Storage, cards: list[RunCard]) -> dict[str, Any]:
    """Return for each run card where it is, and what it says in a line."""
    if not cards:
        return {}
    lines = ["| run card | steps | tokens | epochs | remarks |", "|---|---|---|---|---|"]
    for card in cards:
        remarks = " ".join((*card.remarks, *(f"Nothing for {name}: {why}." for name, why in card.left_out.items())))
        lines.append(f"| {card.name} | {card.steps:,} | {card.tokens:,} | {card.epochs:.2f} | {remarks} |")
    links = {f"run_card_{card.name}": link(folder.uri(f"{FOLDER}/{card.name}/{PAGE}")) for card in cards}
    return {"run_cards": dg.MetadataValue.md("\n".join(lines)), **links}


def _result(key: dg.AssetKey, name: str, problems: list[str], passed: str) -> dg.AssetCheckResult:
    more = f"; and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not problems,
        description="; ".join(problems[:SHOWN_PROBLEMS]) + more if problems else passed,
        metadata={"problems": len(problems)},
    )
