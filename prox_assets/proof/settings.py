"""What a proof compares, as people write it in a defs.yaml: arms, models, budgets, evaluation texts and contrasts."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from prox_assets.engines.config import EngineConfig, TransformersEngineConfig
from prox_assets.programs.scripts import unknown_scripts
from prox_assets.proof.pretraining.recipes import LlamaModel
from prox_assets.proof.selectors.settings import SelectorSettings

NAME = r"^[a-z0-9][a-z0-9_]*$"
"""Names of arms and models; they become file names and parts of partition keys."""

CONTROLS = ("random_lines", "random_documents")
"""The controls of an arm: what any refiner has to beat."""

RuleSet = Literal["gopher_quality", "gopher_repetition", "c4", "fineweb"]
Budget = Literal["tokens", "documents"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RawArm(_Settings):
    """The raw text of every document."""

    kind: Literal["raw"]
    name: str = Field(default="raw", pattern=NAME, description="Name of the arm.")


class RefinedArm(_Settings):
    """What a refiner left of the documents. Its controls are made with it."""

    kind: Literal["refined"]
    name: str = Field(default="refined", pattern=NAME, description="Name of the arm.")
    corpora: dict[str, str] = Field(
        default_factory=dict,
        description="For each corpus of the proof, the corpus of the lake that holds the refined text, where another "
        "refiner made it from the same source files; without an entry, the corpus itself.",
    )
    level: Literal["document", "chunk", "both"] = Field(
        default="both",
        description="Which decisions count: about documents, about lines, or both. `chunk` needs a corpus whose "
        "document refiner keeps everything, because documents that were dropped have no chunk programs.",
    )


class RulesArm(_Settings):
    """What published rules leave of the documents."""

    kind: Literal["rules"]
    name: str = Field(pattern=NAME, description="Name of the arm.")
    rules: tuple[RuleSet, ...] = Field(min_length=1, description="The rules; a document must pass all of them.")
    use: Literal["filter", "refiner"] = Field(
        default="filter",
        description="filter drops documents that break a rule; refiner also removes lines that a rule rejects (C4).",
    )


class RandomArm(_Settings):
    """A control of another arm: as much text, removed at random."""

    kind: Literal["random_lines", "random_documents"]
    name: str = Field(pattern=NAME, description="Name of the arm.")
    like: str = Field(description="The arm whose share of text, document by document or corpus by corpus, is removed.")


class OracleArm(_Settings):
    """The lines that people have labelled as main content: the ceiling."""

    kind: Literal["oracle"]
    name: str = Field(default="oracle", pattern=NAME, description="Name of the arm.")
    labels: str = Field(
        default="keep_full",
        description="Column of the source with one label per line: 0 is removed. It is among the document's metadata.",
    )


class SelectorArm(_Settings):
    """The documents that a selector likes best."""

    kind: Literal["selector"]
    name: str = Field(pattern=NAME, description="Name of the arm.")
    selector: SelectorSettings = Field(description="What scores the documents.")
    like: str | None = Field(
        default=None, description="Keep as large a share of the characters of each corpus as this arm does."
    )
    keep: float | None = Field(default=None, gt=0, le=1, description="Or the share of the characters to keep.")

    @model_validator(mode="after")
    def _one_share(self) -> Self:
        if (self.like is None) == (self.keep is None):
            raise ValueError(f"arm {self.name} needs either like (an arm) or keep (a share)")
        return self


ArmSettings = Annotated[
    RawArm | RefinedArm | RulesArm | RandomArm | OracleArm | SelectorArm, Field(discriminator="kind")
]


class NgramModel(_Settings):
    """An interpolated token n-gram model: the instrument for a laptop."""

    kind: Literal["ngram"]
    name: str = Field(default="4gram", pattern=NAME, description="Name of the model.")
    order: int = Field(default=4, ge=2, le=7, description="Tokens of an n-gram.")
    discount: float = Field(default=0.75, gt=0, lt=1, description="What is taken off every count.")
    seeds: int = Field(default=5, ge=1, description="Document orders, one model each.")
    tokens: int | None = Field(default=None, ge=1, description="Training tokens; those of the proof if unset.")
    arms: tuple[str, ...] | None = Field(default=None, description="Arms to train it on; all if unset.")
    curve: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        default=(0.25, 0.5), description="Shares of the training at which it is scored, beside its end."
    )


ModelSettings = Annotated[NgramModel | LlamaModel, Field(discriminator="kind")]


class TokenizerSettings(_Settings):
    """The tokenizer of all models, but for those that start from a base with its own."""

    path: str | None = Field(default=None, description="Folder, tokenizer.json or hub name; if unset, one is trained.")
    vocabulary: int = Field(default=4096, ge=300, description="Size of the byte-level BPE that is trained on raw text.")


class GoldFile(_Settings):
    """Main content in a file of its own, by the address of the page."""

    path: str = Field(description="Parquet or JSON Lines file; package://module/path for one inside a package.")
    url: str = Field(default="url", description="Column with the page's address, as the corpora have it.")
    column: str = Field(default="text", description="Column with the main content.")


class TextSettings(_Settings):
    """Which columns of the source say what a document is; they are among the document's metadata."""

    site: str | None = Field(
        default=None, description="Column with the site. If unset, the host of the document's URL, else its doc_id."
    )
    gold: str | GoldFile | None = Field(
        default=None,
        description="Main content as people see it, which a good model predicts well: a column of the source, or a "
        "file with it by address.",
    )
    scripts: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="Scripts of the documents that are compared, such as latin; all if unset. A few pages in other "
        "scripts, which models of this size cannot learn, have texts of five to sixteen bits per byte and decide every "
        "mean.",
    )
    document_tokens: int = Field(
        default=1500, ge=16, description="Tokens after which a document is cut, in every arm; long ones are noise."
    )
    held_out: float = Field(default=0.25, gt=0, lt=1, description="Share of the sites that only serve evaluation.")
    held_out_characters: int = Field(
        default=6000, ge=100, description="Characters after which an evaluation text is cut."
    )
    shortest: int = Field(default=200, ge=1, description="Evaluation texts have at least so many characters.")

    @field_validator("scripts")
    @classmethod
    def _are_scripts(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if unknown := unknown_scripts(value or ()):
            raise ValueError(
                f"no script is called {', '.join(unknown)}; names are such as latin, cyrillic, han, hangul"
            )
        return value


class TextFile(_Settings):
    """A file of evaluation texts that has nothing to do with the corpora."""

    name: str = Field(pattern=NAME, description="Name of the evaluation set.")
    path: str = Field(description="Parquet or JSON Lines file.")
    column: str = Field(default="text", description="Column with the text.")
    site: str | None = Field(default=None, description="Column with the site, where the file has one.")


class TaskSettings(_Settings):
    """Multiple-choice tasks, scored by lm-eval from local files."""

    folder: str = Field(description="Folder of task files (lm-eval YAML and JSON Lines), as `prox task-files` makes.")
    names: tuple[str, ...] = Field(default=(), description="Tasks of the folder; all if empty.")
    limit: int | None = Field(default=None, ge=1, description="Documents of a task; all if unset.")


class MathsSettings(_Settings):
    """Maths questions whose answers are generated and checked."""

    folder: str = Field(description="Checkout of GAIR-NLP/math-evaluation-harness.")
    sets: tuple[str, ...] = Field(default=(), description="Sets of questions (gsm8k, math, ...); all if empty.")
    shots: int | None = Field(default=None, ge=0, description="Worked examples before a question; all if unset.")
    limit: int | None = Field(default=None, ge=1, description="Questions of a set; all if unset.")
    answer_tokens: int = Field(default=1024, ge=1, description="Tokens of an answer at most.")
    engine: EngineConfig = Field(default_factory=TransformersEngineConfig, description="What runs the model.")


class EvaluationSettings(_Settings):
    """What models are scored on."""

    texts: tuple[TextFile, ...] = Field(default=(), description="Further texts, beside gold and raw of held-out sites.")
    tasks: tuple[TaskSettings, ...] = Field(default=(), description="Tasks; any model scores them.")
    maths: MathsSettings | None = Field(default=None, description="Maths questions; n-gram models are not asked.")


class Contrast(_Settings):
    """A comparison that was named before the run."""

    arm: str = Field(description="The arm that is claimed to be better.")
    against: str = Field(description="The arm that it is compared with, or best_rules: the best arm of kind rules.")
    evaluation: str = Field(default="gold", description="The evaluation set that decides, in bits per byte.")


class ProofSettings(_Settings):
    """All settings of a proof."""

    name: str = Field(default="proof", pattern=r"^[a-z][a-z0-9_]*$", description="Name of the proof.")
    corpora: tuple[str, ...] = Field(min_length=1, description="Corpora of the lake whose documents are compared.")
    arms: tuple[ArmSettings, ...] = Field(
        min_length=2,
        description="The contestants. Every refined arm brings its controls, {arm}_random_lines and "
        "{arm}_random_documents.",
    )
    models: tuple[ModelSettings, ...] = Field(min_length=1, description="The models that are trained on each arm.")
    tokens: int = Field(default=1_000_000, ge=1, description="Training tokens of a model, where tokens are equal.")
    budgets: tuple[Budget, ...] = Field(
        default=("tokens", "documents"),
        min_length=1,
        description="tokens: every arm has equally many training tokens; documents: the same documents once.",
    )
    documents: int | None = Field(default=None, ge=1, description="Documents where documents are equal; all if unset.")
    tokenizer: TokenizerSettings = Field(default_factory=TokenizerSettings, description="Tokenizer of the models.")
    text: TextSettings = Field(default_factory=TextSettings, description="What a document is.")
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings, description="What models are scored on.")
    contrasts: tuple[Contrast, ...] = Field(
        default=(),
        description="Primary contrasts; if empty, each refined arm against raw, its controls and best_rules.",
    )
    notes: tuple[str, ...] = Field(
        default=(), description="What else cannot be concluded, such as that a refiner was trained on these pages."
    )
    seed: int = Field(default=0, description="Seed of the split, the controls, the orders and the initial weights.")

    @field_validator("arms")
    @classmethod
    def _with_controls(cls, arms: tuple[ArmSettings, ...]) -> tuple[ArmSettings, ...]:
        named = {arm.name for arm in arms}
        controls = [
            RandomArm(kind=kind, name=f"{arm.name}_{kind}", like=arm.name)
            for arm in arms
            if isinstance(arm, RefinedArm | OracleArm)
            for kind in CONTROLS
            if not (kind == "random_lines" and isinstance(arm, RefinedArm) and arm.level == "document")
            and not (kind == "random_documents" and isinstance(arm, OracleArm))
            and f"{arm.name}_{kind}" not in named
        ]
        return (*arms, *controls)

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        arms = [arm.name for arm in self.arms]
        models = [model.name for model in self.models]
        for what, names in (("arm", arms), ("model", models)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"each {what} needs its own name; twice there: {', '.join(twice)}")
        likes = {arm.like for arm in self.arms if isinstance(arm, RandomArm | SelectorArm) and arm.like is not None}
        wanted = {name for model in self.models for name in model.arms or ()} | {c.arm for c in self.contrasts}
        wanted |= {contrast.against for contrast in self.contrasts} - {"best_rules"}
        unknown = sorted((wanted | likes) - set(arms))
        if unknown:
            raise ValueError(f"there is no arm {', '.join(unknown)}; there are {', '.join(arms)}")
        mapped = {corpus for arm in self.arms if isinstance(arm, RefinedArm) for corpus in arm.corpora}
        if strange := sorted(mapped - set(self.corpora)):
            raise ValueError(f"an arm has refined text for {', '.join(strange)}, which is not among the corpora")
        return self

    def arm(self, name: str) -> ArmSettings:
        """Return the arm of a name."""
        return next(arm for arm in self.arms if arm.name == name)

    def model(self, name: str) -> ModelSettings:
        """Return the model of a name."""
        return next(model for model in self.models if model.name == name)

    @property
    def source_corpora(self) -> tuple[str, ...]:
        """The corpora of the lake that arms take text from, each once, those of the proof first."""
        refined = (corpus for arm in self.arms if isinstance(arm, RefinedArm) for corpus in arm.corpora.values())
        return tuple(dict.fromkeys((*self.corpora, *refined)))

    @property
    def primary(self) -> tuple[Contrast, ...]:
        """The contrasts that were named beforehand, or those that follow from the arms."""
        if self.contrasts:
            return self.contrasts
        rules = any(isinstance(arm, RulesArm) for arm in self.arms)
        raw = [arm.name for arm in self.arms if isinstance(arm, RawArm)]
        return tuple(
            Contrast(arm=arm.name, against=against)
            for arm in self.arms
            if isinstance(arm, RefinedArm)
            for against in (*raw, *self._controls(arm.name), *(("best_rules",) if rules else ()))
        )

    def _controls(self, arm: str) -> list[str]:
        return [control.name for control in self.arms if isinstance(control, RandomArm) and control.like == arm]
