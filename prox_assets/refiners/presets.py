"""Refiners by name: complete configurations.

The released ProX models have the Llama architecture and a context of 2,048 tokens, and come without a chat template
(huggingface.co/gair-prox).
"""

from prox_assets.refiners.config import RefinerConfig, RefinerPair
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import load_refiner_pair
from prox_assets.refiners.model.files import model_folder
from prox_assets.refiners.rules.config import DocumentRuleSettings, LineRuleSettings, RuleSettings

# This project's own small model, shipped inside the package; see the MODEL_CARD.md beside it.
BUNDLED = "bundled"
BUNDLED_PLACE = "package://prox_assets/refiners/bundled"
# The classifier that is shipped beside it, and the cascade of both.
LINES = "lines"
CASCADE = "cascade"
SHIPPED = {
    BUNDLED: BUNDLED_PLACE,
    LINES: "package://prox_assets/refiners/lines",
    CASCADE: "package://prox_assets/refiners/cascade/preset",
}
# The released chunk script packs up to 1,500 tokens of lines, then adds a template of under 50 tokens.
PROX_CHUNK_PROMPT_TOKENS = 1550


def _prox(domain: str, protect_formulas: bool = False) -> RefinerPair:
    """Return the released refiners of one domain."""
    return RefinerPair(
        name=f"prox-{domain}",
        protect_formulas=protect_formulas,
        doc=RefinerConfig(
            name=f"prox-{domain}-doc",
            level="doc",
            model=f"gair-prox/{domain}-doc-refining-lm",
            prompt_format="llama2-chat",
        ),
        chunk=RefinerConfig(
            name=f"prox-{domain}-chunk",
            level="chunk",
            model=f"gair-prox/{domain}-chunk-refining-lm",
            prompt_format="auto",
            max_prompt_tokens=PROX_CHUNK_PROMPT_TOKENS,
            # The released chunk models write these names rather than the paper's.
            keep_call="untouch_doc",
            range_keywords=("start", "end"),
        ),
    )


_MATHS_RULES = RuleSettings(
    lines=LineRuleSettings(keep_formulas=True), documents=DocumentRuleSettings(maths_formula_lines=2)
)

PRESETS: dict[str, RefinerPair] = {
    "prox-web": _prox("web"),
    "prox-math": _prox("math", protect_formulas=True),
    "keep-all": RefinerPair(name="keep-all"),
    "rules": RefinerPair(
        name="rules",
        doc=RefinerConfig(name="rules-doc", level="doc", kind="rules"),
        chunk=RefinerConfig(name="rules-chunk", level="chunk", kind="rules"),
    ),
    "rules-math": RefinerPair(
        name="rules-math",
        doc=RefinerConfig(name="rules-math-doc", level="doc", kind="rules", rules=_MATHS_RULES),
        chunk=RefinerConfig(name="rules-math-chunk", level="chunk", kind="rules", rules=_MATHS_RULES),
        protect_formulas=True,
    ),
}


PRESET_NAMES = tuple(sorted([*SHIPPED, *PRESETS]))


def named_refiners(name: str) -> RefinerPair:
    """Return the refiners of a preset, or of a folder that the refiner lab wrote (`folder.load_refiner_pair`).

    Raises:
        RefinerError: Neither a preset nor a folder has this name; the message lists the presets.
    """
    if name not in PRESET_NAMES and model_folder(name).is_dir():
        return load_refiner_pair(name)
    return preset(name)


def preset(name: str) -> RefinerPair:
    """Return the refiners of a preset.

    Raises:
        RefinerError: There is no preset of that name; the message lists the names.
    """
    if name in SHIPPED:
        return load_refiner_pair(SHIPPED[name], name)
    if name not in PRESETS:
        raise RefinerError(
            f"There is no refiner preset {name!r}, nor a folder of that name; choose one of: {', '.join(PRESET_NAMES)}."
        )
    return PRESETS[name]
