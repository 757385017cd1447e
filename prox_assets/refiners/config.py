"""The configuration of refiners and the inference fingerprint."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, field_serializer, model_validator

from prox_assets.programs import DialectName, ExecutionPolicy
from prox_assets.programs.canonical_json import settings_fingerprint
from prox_assets.programs.grammar import chunk_grammar, document_grammar
from prox_assets.programs.scripts import SCRIPTS_VERSION, unknown_scripts
from prox_assets.refiners.calibration import Calibration
from prox_assets.refiners.cascade.settings import CASCADE_VERSION, CascadeSettings
from prox_assets.refiners.classifier.version import CLASSIFIER_VERSION
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels.config import STORED_BY_OTHER_DIALECTS, LineLabelsSettings
from prox_assets.refiners.model.files import ModelFiles
from prox_assets.refiners.prompts.formats import LINES_VERSION, PACKING_VERSION, PROMPTS_VERSION
from prox_assets.refiners.prompts.settings import CHAT_DIALECTS, PromptSettings, is_none
from prox_assets.refiners.rules.config import RULES_VERSION, RuleSettings
from prox_assets.refiners.selector.version import SELECTOR_VERSION
from prox_assets.refiners.spans.patterns import INLINE_VERSION

# The longest prompt the released document refiner sees, template included (data_gen/tasks/apply_doc_refining.py).
DOC_MAX_PROMPT_TOKENS = 2000
# Share of a document's expected error that removing lines must take away. On development pages .14 lessened the damage
# to main-content texts from 2.28 % of their characters to .38 % (language model), from 1.03 to .41 % (classifier) and
# from 1.13 to .12 % (both), for .002 of word F1 at most: docs/refiner-lab.md.
MIN_GAIN = 0.14
_SPELLING = ("keep_call", "range_keywords")
# What suits a dialect where a user says nothing.
_POLICIES: dict[str, dict[str, Any]] = {
    "line-labels": {"line_decision": "expected_f1", "line_min_gain": MIN_GAIN},
    # It is shown all that is visible of a page, of which the main content may be a few percent; its released script
    # writes no page that is left empty.
    "rescraper": {"min_kept_share": 0.0, "on_empty": "drop"},
}


def _is_off(value: bool) -> bool:
    return not value


class RefinerConfig(PromptSettings):
    """One refiner at one level: its model (or the rules), how to prompt it, and how much it sees at once."""

    name: str = Field(description="What tables and logs call this refiner; no part of the fingerprint.")
    level: Literal["doc", "chunk"] = Field(description="doc: keep or drop a document. chunk: edit what is kept.")
    kind: Literal["model", "rules", "classifier", "cascade", "selector"] = Field(
        default="model",
        description="model: a language model, run by an engine. classifier: a linear layer and boosted trees. rules: "
        "published heuristics. cascade: a classifier, and a language model for what that leaves open. selector: what "
        "scores documents in a proof, with a threshold. Only models and cascades need an engine.",
    )
    model: str | None = Field(
        default=None, description="Folder of a checkpoint, classifier or selector, or a hub id (owner/name)."
    )
    revision: str | None = Field(
        default=None, description="Commit, branch or tag of a hub model; the fingerprint hashes its files."
    )
    subfolder: str | None = Field(
        default=None,
        exclude_if=is_none,
        description="Folder of the checkpoint inside the model's repository or folder, such as models/UltraX.",
    )
    dialect: DialectName = Field(
        default="prox",
        description="How programs are written. prox, ultrax, rescraper, refinex, dataorchestra-np: as the models of "
        "that name write them. line-labels: a label, keep or remove, for every line or the document.",
    )
    prompt_format: Literal["auto", "llama2-chat", "plain", "line-labels", "chat"] = Field(
        default="auto",
        description="auto: the probe tries llama2-chat and plain and chooses the one that the model answers. chat: the "
        "checkpoint's own chat template, as dialects that ProX does not have need it.",
    )
    probe: bool = Field(
        default=True,
        description="Try the prompt format on sample pages before work begins, and refuse a model that does not "
        "answer. auto formats are always probed.",
    )
    line_numbers: Literal["document", "chunk"] = Field(
        default="document",
        description="Whether line labels run through the document (released ProX, UltraX) or restart in a chunk; by "
        "default as the dialect has it.",
    )
    window: int = Field(default=2048, ge=16, description="Context window in tokens: prompt and answer together.")
    max_prompt_tokens: int | None = Field(
        default=None,
        ge=8,
        description="Most tokens of a prompt, if fewer than the window leaves. A longer document is judged by its head "
        "(doc; 2000 by default) or cut into chunks (chunk; by default as large as the window allows).",
    )
    max_new_tokens: int = Field(default=256, ge=1, description="Most tokens of an answer that is generated.")
    decoding: Literal["score", "complete"] | None = Field(
        default=None,
        description="score: compare the probabilities of the two answers in one forward pass. complete: generate the "
        "program. By default score for documents and line-labels, complete for prox chunks.",
    )
    constrained: bool = Field(default=False, description="Generate under the dialect's grammar.")
    keep_call: str = Field(default="keep_chunk", description="How constrained chunk programs spell keeping all lines.")
    range_keywords: tuple[str, str] = Field(
        default=("line_start", "line_end"),
        description="How constrained chunk programs spell the arguments of remove_lines.",
        # Dagster 1.13 generates sample YAML from every component's schema, and fails on an array without this key.
        json_schema_extra={"items": {"type": "string"}},
    )
    keep_answer: str = Field(default="keep_doc()", min_length=1, description="The scored answer that keeps.")
    drop_answer: str = Field(default="drop_doc()", min_length=1, description="The scored answer that drops.")
    chunk_floor: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Documents with a lower P(keep) are not shown to the chunk refiner, so the execution threshold "
        "cannot be lower than this. None: 0.5, or the execution threshold where that is lower.",
    )
    keep_threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Lowest P(keep) at which a document or, under line_decision threshold, a line is kept: where this "
        "refiner does best. The execution policy overrides it. Not part of the inference fingerprint. None: 0.5.",
    )
    line_labels: LineLabelsSettings = Field(default_factory=LineLabelsSettings, description="The line-labels dialect.")
    rules: RuleSettings = Field(default_factory=RuleSettings, description="Thresholds of kind rules.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="Number format of weights and arithmetic; auto is the checkpoint's own."
    )

    # The next ones are left out of stored configurations where they are not set, which then stay as they were.
    trained_scripts: tuple[str, ...] | None = Field(
        default=None,
        exclude_if=is_none,
        description="Scripts that the model was trained on, such as latin, cyrillic, han or kana (Japanese). Documents "
        "and chunks mostly in others are not shown to it and stay as they are. None: it is shown everything.",
    )
    calibration: Calibration | None = Field(
        default=None,
        exclude_if=is_none,
        description="How scored probabilities are corrected, as fitted on development pages. None: not at all. In a "
        "cascade: those of the language model, before both are combined.",
    )
    cascade: CascadeSettings | None = Field(
        default=None,
        exclude_if=is_none,
        description="Kind cascade: the classifier, and when the model is asked. The other settings are the model's.",
    )
    selector_threshold: float | None = Field(
        default=None,
        allow_inf_nan=False,
        exclude_if=is_none,
        description="Kind selector: the lowest score of a document that stays.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults(cls, values: Any) -> Any:  # noqa: ANN401 (pydantic hands over whatever the caller gave)
        """Fill in the defaults that depend on level and dialect, so that a stored configuration is complete."""
        if not isinstance(values, dict):
            return values
        filled = dict(values)
        if filled.get("kind") == "classifier":
            filled.setdefault("dialect", "line-labels")  # it scores lines and documents like a model of that dialect
        line_labels = filled.get("dialect") == "line-labels"
        if filled.get("decoding") is None:
            filled["decoding"] = "score" if filled.get("level") == "doc" or line_labels else "complete"
        if filled.get("max_prompt_tokens") is None and filled.get("level") == "doc" and not line_labels:
            filled["max_prompt_tokens"] = DOC_MAX_PROMPT_TOKENS
        if line_labels and filled.get("prompt_format", "auto") == "auto":
            filled["prompt_format"] = "line-labels"
        if filled.get("line_labels") == STORED_BY_OTHER_DIALECTS and not line_labels:
            del filled["line_labels"]
        return cls.with_prompt_defaults(filled)

    @field_serializer("line_labels", mode="wrap")
    def _line_labels_as_stored(self, settings: LineLabelsSettings, handler: SerializerFunctionWrapHandler) -> Any:  # noqa: ANN401
        return handler(settings) if self.dialect == "line-labels" else STORED_BY_OTHER_DIALECTS

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        if self.needs_engine and not self.model:
            raise ValueError(f"a refiner of kind {self.kind} needs model: a checkpoint folder or a hub id (owner/name)")
        if self.kind == "classifier" and not self.model:
            raise ValueError("a refiner of kind classifier needs model: a folder that the refiner lab wrote")
        if self.kind == "selector" and (self.level != "doc" or not self.model):
            raise ValueError(
                "a refiner of kind selector has level doc and needs model: the folder of a fitted selector"
            )
        if (self.kind == "selector") != (self.selector_threshold is not None):
            raise ValueError("selector_threshold and the kind selector go together")
        if (self.kind == "cascade") != (self.cascade is not None):
            raise ValueError("cascade settings and the kind cascade go together")
        if self.kind == "classifier" and self.dialect != "line-labels":
            raise ValueError("a classifier scores: its dialect is line-labels")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.dialect == "line-labels") != (self.prompt_format == "line-labels"):
            raise ValueError("the dialect line-labels and the prompt format line-labels go together")
        if self.dialect == "line-labels" and self.decoding != "score":
            raise ValueError("the line-labels dialect has no programs to generate: its answers are scored")
        if self.level == "chunk" and (self.decoding == "score") != (self.dialect == "line-labels"):
            raise ValueError("chunks are scored with the line-labels dialect and generated with the others")
        self.check_prompts(self.dialect, self.level, self.prompt_format, self.line_numbers)
        if not self.needs_engine and self.dialect in CHAT_DIALECTS | {"canonical"}:
            raise ValueError(f"a refiner of kind {self.kind} does not write {self.dialect}: leave out dialect")
        spelling = [getattr(self, name) == RefinerConfig.model_fields[name].default for name in _SPELLING]
        if self.dialect not in ("prox", "line-labels", "dataorchestra-np") and not all(spelling):
            raise ValueError(f"the dialect {self.dialect} has one spelling: leave out {' and '.join(_SPELLING)}")
        if self.kind in ("rules", "selector") and (self.trained_scripts is not None or self.calibration is not None):
            raise ValueError(
                "trained_scripts and calibration belong to a model; rules are not trained, selectors abstain "
                "from nothing"
            )
        if self.calibration is not None and self.decoding != "score":
            raise ValueError("only scored answers have probabilities to calibrate: set decoding to score")
        if self.trained_scripts == ():
            raise ValueError(
                "trained_scripts needs at least one script; leave it out for a refiner that never abstains"
            )
        if unknown := unknown_scripts(self.trained_scripts or ()):
            raise ValueError(f"no script is called {', '.join(unknown)}: names are lower-case, such as latin or khmer")
        if self.answer_tokens >= self.window:
            raise ValueError(f"max_new_tokens={self.max_new_tokens} leaves no room in window={self.window}")
        return self

    @property
    def needs_engine(self) -> bool:
        """Whether a model answers, so that an engine has to run."""
        return self.kind in ("model", "cascade")

    @property
    def asks_unsure(self) -> bool:
        """Whether a cascade asks what the classifier is unsure of; if not, what is worth its tokens (scored lines)."""
        return self.level == "doc" or self.decoding != "score"

    @property
    def answer_tokens(self) -> int:
        """Tokens of the window reserved for the answer; a scored prompt still needs room for the next token."""
        return self.max_new_tokens if self.decoding == "complete" else 1

    @property
    def prompt_budget(self) -> int:
        """Largest prompt, in tokens."""
        room = self.window - self.answer_tokens
        return room if self.max_prompt_tokens is None else min(room, self.max_prompt_tokens)

    def check_window(self, max_model_len: int) -> None:
        """Check that an engine's context window, in tokens, is at least as large as this refiner's.

        Raises:
            RefinerError: The engine's window is smaller.
        """
        if max_model_len < self.window:
            raise RefinerError(
                f"{self.name} needs a window of {self.window} tokens, the engine has {max_model_len}: start the engine "
                "with a larger max_model_len or lower the refiner's window."
            )

    def fingerprint(self, files: ModelFiles | None = None) -> str:
        """Return the inference fingerprint: 32 hex digits that change exactly when the programs may change.

        It covers the contents of weights and tokenizer, and the settings that the level and dialect read. It ignores
        names, paths and revisions, and `chunk_floor` and `keep_threshold`, which decide which documents are asked about
        and how the answer is used. The prompt format `auto` is hashed as "auto", because the format that the probe
        chooses on its built-in pages depends on the model alone. A cascade's covers its classifier's, and the settings
        that decide when the model is asked and how both opinions are combined.

        Args:
            files: The model's files from `folder.refiner_files`; None for rules.

        Raises:
            RefinerError: The refiner has a model but `files` is None.
        """
        settings = {**self._inference_settings(files), **self._training_settings()}
        return settings_fingerprint({**settings, **self._cascade_settings(files)})

    def _training_settings(self) -> dict[str, object]:
        """Return what the fingerprint covers of a trained refiner of any kind, if it is set."""
        settings: dict[str, object] = {}
        if self.trained_scripts is not None:
            settings["trained_scripts"] = [SCRIPTS_VERSION, *sorted(set(self.trained_scripts))]
        if self.calibration is not None:
            settings["calibration"] = self.calibration.model_dump()
        return settings

    def _cascade_settings(self, files: ModelFiles | None) -> dict[str, object]:
        """Return what the fingerprint covers of a cascade beside its model."""
        if self.cascade is None or files is None:
            return {}
        read = {"unsure_from", "unsure_to"} if self.asks_unsure else {"min_gain", "spread"}
        if self.decoding == "score":
            read |= {"classifier_weight", "model_weight", "offset"}
        own = {"version": CASCADE_VERSION, "classifier": files.classifier, **self.cascade.model_dump(include=read)}
        return {"kind": "cascade", "cascade": own}

    def _inference_settings(self, files: ModelFiles | None) -> dict[str, object]:
        if self.kind == "rules":
            # Document rules judge what the line rules leave, so line settings affect both levels.
            rules = self.rules if self.level == "doc" else self.rules.lines
            return {"kind": "rules", "level": self.level, "version": RULES_VERSION, "rules": rules.model_dump()}
        if files is None:
            raise RefinerError(
                f"The fingerprint of {self.name} needs its model files: pass find_model({self.model!r})."
            )
        if self.kind == "classifier":
            return {
                "kind": "classifier",
                "level": self.level,
                "version": CLASSIFIER_VERSION,
                "weights": files.weights_hash,
            }
        if self.kind == "selector":
            own = {"version": SELECTOR_VERSION, "files": files.weights_hash, "threshold": self.selector_threshold}
            return {"kind": "selector", "level": self.level, **own}
        settings: dict[str, object] = {
            "kind": "model",
            "level": self.level,
            "weights": files.weights_hash,
            "tokenizer": files.tokenizer_hash,
            "prompts": PROMPTS_VERSION,
            "prompt_format": self.prompt_format,
            "dialect": self.dialect,
            "window": self.window,
            "max_prompt_tokens": self.max_prompt_tokens,
            "decoding": self.decoding,
            "dtype": self.dtype,
        }
        if self.prompt_format == "chat" and files.template_hash is not None:
            settings["chat_template"] = files.template_hash
        if self.level == "chunk" and self.dialect != "line-labels":
            settings["packing"] = PACKING_VERSION
        if self.decoding == "complete":
            settings["max_new_tokens"] = self.max_new_tokens
            settings["grammar"] = self.grammar
        elif self.level == "doc" and self.dialect == "prox":
            settings["answers"] = [self.keep_answer, self.drop_answer]
        if self.dialect == "line-labels":
            chunk_only = {"inline"} if self.level == "doc" else set()
            settings["lines"] = LINES_VERSION
            settings["line_labels"] = self.line_labels.model_dump(mode="json", exclude=chunk_only)
            if self.level == "chunk" and self.line_labels.inline is not None:
                settings["inline"] = INLINE_VERSION
        elif self.level == "chunk":
            settings["line_numbers"] = self.line_numbers
        return settings | self.prompt_fingerprint()

    @property
    def grammar(self) -> str | None:
        """The Lark grammar that generated answers must follow, or None."""
        if not self.constrained:
            return None
        if self.level == "doc":
            return document_grammar()
        return chunk_grammar(self.keep_call, *self.range_keywords, dialect=self.dialect)


class RefinerPair(BaseModel):
    """The document and the chunk refiner under one name; a level without a refiner passes every document unchanged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="What a user calls the pair, e.g. prox-web.")
    doc: RefinerConfig | None = Field(default=None, description="Decides which documents stay.")
    chunk: RefinerConfig | None = Field(default=None, description="Edits the documents that stay.")
    protect_formulas: bool = Field(
        default=False,
        exclude_if=_is_off,
        description="Whether lines with a formula stay whatever the chunk refiner says, unless the execution policy "
        "sets protect_formulas itself.",
    )

    @model_validator(mode="after")
    def _levels_match(self) -> Self:
        for level, config in (("doc", self.doc), ("chunk", self.chunk)):
            if config is not None and config.level != level:
                raise ValueError(f"the {level} refiner of {self.name} has level {config.level!r}")
        return self

    def policy(self, **settings: Any) -> ExecutionPolicy:  # noqa: ANN401 (a policy's fields have many types)
        """Return an execution policy with these settings; what is not given comes from the refiners.

        Scored lines are kept by `expected_f1` with MIN_GAIN, unless `line_decision` or `line_keep_threshold` is given.
        What ReScraper empties is dropped, and it may leave little of a page.

        Raises:
            ValueError: A value lies outside its range.
            TypeError: There is no such setting.
        """
        own: dict[str, Any] = {
            name: config.keep_threshold
            for name, config in (("doc_keep_threshold", self.doc), ("line_keep_threshold", self.chunk))
            if config is not None and config.keep_threshold is not None
        }
        if self.chunk is not None:
            own |= _POLICIES.get(self.chunk.dialect, {})
        if self.protect_formulas:
            own["protect_formulas"] = True
        return ExecutionPolicy(**own).with_settings(**settings)
