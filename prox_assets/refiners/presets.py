"""Refiners that are known by name: complete configurations.

The released ProX models have the Llama architecture and a context of 2,048 tokens, and come without a chat template
(huggingface.co/gair-prox). UltraX and ReScraper are Qwen3-0.6B models with Qwen3's chat template, run as their released
scripts run them; ReScraper's released corpus was sampled at temperature 1, and answers are decoded greedily here. No
weights were found of RefineX and of DataOrchestra's noise pruner, so these presets need the address of a model, and
their prompts follow the papers.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

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


def _programs(name: str, dialect: str, model: str | None, **settings: Any) -> RefinerPair:  # noqa: ANN401 (fields)
    """Return a refiner of chunks alone that asks a model of the Qwen3 family in its own chat template."""
    own = {"window": 32768, "dtype": "bfloat16", "template_arguments": {"enable_thinking": False}, **settings}
    chunk = {"name": f"{name}-chunk", "level": "chunk", "model": model, "dialect": dialect, "prompt_format": "chat"}
    return RefinerPair(name=name, chunk=RefinerConfig.model_validate({**chunk, **own}))


# Answers of UltraX and ReScraper have at most as many tokens as in the released scripts.
_ULTRAX: dict[str, Any] = {"max_new_tokens": 4096, "released_message": "ultrax"}
_RESCRAPER: dict[str, Any] = {"max_new_tokens": 3072, "released_message": "rescraper"}

_MATHS_RULES = RuleSettings(
    lines=LineRuleSettings(keep_formulas=True), documents=DocumentRuleSettings(maths_formula_lines=2)
)

PRESETS: dict[str, RefinerPair] = {
    "prox-web": _prox("web"),
    "prox-math": _prox("math", protect_formulas=True),
    "ultrax": _programs("ultrax", "ultrax", "openbmb/UltraX-0.6B-Preview", subfolder="models/UltraX", **_ULTRAX),
    "rescraper": _programs("rescraper", "rescraper", "cx-cmu/ReScraper", **_RESCRAPER),
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


# Presets of models without a known address; `NAME=MODEL` gives it.
UNADDRESSED: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        # RefineX's paper leaves open whether its windows of 12,000 are tokens or characters, and how far they overlap.
        # DataOrchestra's has chunks of 1,024 tokens, to which the template is added here.
        "refinex": {"dialect": "refinex", "max_new_tokens": 4096, "max_prompt_tokens": 12_000},
        "dataorchestra-np": {"dialect": "dataorchestra-np", "max_new_tokens": 4096, "max_prompt_tokens": 1_100},
    }
)

PRESET_NAMES = tuple(sorted([*SHIPPED, *PRESETS]))
# How a user names refiners, in help and messages.
NAMES_IN_WORDS = (
    f"{', '.join(PRESET_NAMES)}; with the folder or hub id of a model: "
    f"{', '.join(f'{name}=MODEL' for name in (*UNADDRESSED, 'ultrax', 'rescraper'))}"
)
_WITH_MODEL = re.compile(r"([a-z][a-z0-9-]*)=(.+)", re.DOTALL)
_HUB_FOLDER = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)/(.+)")


def named_refiners(name: str) -> RefinerPair:
    """Return the refiners of a preset, or of a folder that the refiner lab wrote (`folder.load_refiner_pair`).

    Args:
        name: A preset, a folder, or NAME=MODEL for a preset with another model: a folder, a hub id (owner/name), or a
            folder in the repository of a hub id (owner/name/folder).

    Raises:
        RefinerError: Neither a preset nor a folder has this name, or the preset takes no model; the message lists the
            presets.
    """
    if name not in PRESET_NAMES and model_folder(name).is_dir():
        return load_refiner_pair(name)
    if found := _WITH_MODEL.fullmatch(name):
        return _with_model(found[1], found[2])
    return preset(name)


def preset(name: str) -> RefinerPair:
    """Return the refiners of a preset.

    Raises:
        RefinerError: There is no preset of that name, or it needs a model; the message lists the names.
    """
    if name in SHIPPED:
        return load_refiner_pair(SHIPPED[name], name)
    if name in UNADDRESSED:
        raise RefinerError(
            f"The preset {name} has no model of its own, because none was found to be released: write {name}=MODEL, "
            "with the folder or the hub id (owner/name) of one that writes programs of this dialect."
        )
    if name not in PRESETS:
        raise RefinerError(
            f"There is no refiner preset {name!r}, nor a folder of that name; choose one of: {NAMES_IN_WORDS}."
        )
    return PRESETS[name]


def _with_model(name: str, model: str) -> RefinerPair:
    """Return a preset with another model."""
    address: dict[str, Any] = {"model": model, "revision": None, "subfolder": None}
    inside = _HUB_FOLDER.fullmatch(model)
    if inside and not model_folder(model).is_dir():
        address |= {"model": inside[1], "subfolder": inside[2].rstrip("/")}
    if name in UNADDRESSED:
        return _programs(name, **UNADDRESSED[name], **address)
    if name in SHIPPED:
        raise RefinerError(f"The preset {name} comes with its model: name the preset alone, or a folder of the lab.")
    pair = preset(name)
    levels = [config for config in (pair.doc, pair.chunk) if config is not None]
    if not levels or not all(config.needs_engine for config in levels):
        raise RefinerError(f"The preset {name} asks no model, so {name}={model} has no meaning: write {name}.")
    if len(levels) > 1:
        raise RefinerError(
            f"The preset {name} has a model at each level, so {name}={model} could mean either: put both refiners into "
            "a YAML file, with doc: and chunk:, and name that."
        )
    (config,) = levels
    changed = RefinerConfig.model_validate({**config.model_dump(), **address})
    return RefinerPair.model_validate({**pair.model_dump(), config.level: changed})
