"""A run card for OLMo-core: a training script that builds its configuration, as OLMo-core's own examples are."""

from collections.abc import Callable

from prox_assets.tokens.manifest import TokenManifest
from prox_assets.tokens.run_cards.bases import NORM_EPSILON
from prox_assets.tokens.run_cards.card import RunCard
from prox_assets.tokens.run_cards.data import TOKENS, files_of
from prox_assets.tokens.run_cards.templating import rendered


def olmo_core_files(card: RunCard, manifest: TokenManifest, uri: Callable[[str], str]) -> dict[str, str]:
    """Return the text of olmo_core_train.py."""

    def paths(split: str | None) -> list[str]:
        own = files_of(manifest, split, "olmo_core", uri) if split else []
        shards = own or (files_of(manifest, split, TOKENS, uri) if split else [])
        return [path for shard in shards for path in shard.paths]

    text = rendered(
        "olmo_core.py.jinja",
        card=card,
        layers=card.shape.layers,
        key_value_heads=card.shape.key_value_heads,
        norm_epsilon=NORM_EPSILON,
        train=paths("train"),
        validation=paths(card.validation),
    )
    return {"olmo_core_train.py": text}
