"""The steps of a proof, one after the other, without Dagster: arms, tokens, models, scores, report.

Each leaves alone what is current, so that a proof that was stopped goes on where it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from prox_assets.catalog.queries.compute import attempts
from prox_assets.compute.parameters import NO_MODEL, Parameters
from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.devices import device_use, devices_of, lease_for_engine
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.compute import proof_folder, record_attempt
from prox_assets.lake.schemas import Table
from prox_assets.machine.processor import processor
from prox_assets.proof.arms.build import arms_in_order, write_arm
from prox_assets.proof.arms.table import ArmNotes
from prox_assets.proof.evaluation.learned import has_learned
from prox_assets.proof.evaluation.score import score_model as score
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.report.contents import ProofContents
from prox_assets.proof.report.write import write_report
from prox_assets.proof.results import TrainedModel, read_result, write_result
from prox_assets.proof.runs import ModelRun
from prox_assets.proof.settings import NgramModel, ProofSettings, RefinedArm
from prox_assets.proof.statistics.break_even import RefiningCost
from prox_assets.proof.texts.documents import DocumentNotes, write_documents
from prox_assets.proof.tokens.arm_tokens import ArmTokens, write_arm_tokens
from prox_assets.proof.tokens.streams import stream_of, tokenizer_of
from prox_assets.proof.tokens.tokenizer import trained_tokenizer, write_tokenizer

Progress = Callable[[int, int], None]

TRAINING = "arm_models"
"""What the accounts call the training of a model (lake table compute)."""


@dataclass(frozen=True)
class Arms:
    """All arms of a proof.

    Attributes:
        documents: What they choose from.
        arms: Each arm, in an order in which an arm comes after those that it is like.
    """

    documents: DocumentNotes
    arms: tuple[ArmNotes, ...]

    @property
    def identity(self) -> str:
        """Hash of everything that decides what is in the arms."""
        return fingerprint([self.documents.identity, *(arm.identity for arm in self.arms)])

    @property
    def markdown(self) -> str:
        """A table: documents and characters of each arm, and the share of the raw characters that it keeps."""
        rows = [
            f"| {arm.arm} | {arm.total.kept:,} | {arm.total.characters:,} | {arm.total.share:.1%} |"
            for arm in self.arms
        ]
        return "\n".join(("| arm | documents | characters | share kept |", "|---|---|---|---|", *rows))


def make_arms(lake: Lake, settings: ProofSettings, folder: ProofFolder, announce: Callable[[str], None]) -> Arms:
    """Write the documents, the tokenizer and every arm.

    Args:
        lake: The lake.
        settings: The proof.
        folder: Its files.
        announce: Told what was made.

    Raises:
        ProofError: Something that an arm is made from is missing or out of date, or an arm is empty.
        LakeError: The lake cannot be read.
    """
    documents = write_documents(lake, settings, folder)
    announce(f"{documents.documents} documents, {documents.held_out} of them on held-out sites")
    write_tokenizer(lake, settings, folder)
    made = []
    for name in arms_in_order(settings):
        made.append(write_arm(lake, settings, folder, name))
        announce(f"{name}: {made[-1].total.share:.1%} of the characters")
    return Arms(documents, tuple(made))


def make_tokens(lake: Lake, settings: ProofSettings, folder: ProofFolder, arm: str) -> ArmTokens:
    """Write an arm's tokens.

    Raises:
        ProofError: The arm is missing, or its text has been replaced.
        LakeError: The lake cannot be read.
    """
    return write_arm_tokens(lake, settings, folder, arm)


def train_model(
    lake: Lake, settings: ProofSettings, folder: ProofFolder, run: ModelRun, run_id: str | None, progress: Progress
) -> TrainedModel:
    """Train a model on its arm; what the attempt costs goes into the table `compute`.

    Raises:
        ProofError: The arm's tokens are missing, or the model cannot be trained on them.
        EngineStartError: The device cannot be leased.
    """
    model = settings.model(run.model)
    place = folder.model(run)
    is_ngram = isinstance(model, NgramModel)
    if not is_ngram:
        # One device, before torch looks for them.
        lease_for_engine(devices_of(TransformersEngineConfig()))
    account = record_attempt(
        lake,
        proof_folder(settings.name),
        TRAINING,
        f"{run.arm}.{run.variant}",
        run_id=run_id,
        model=run.model,
        device=processor() if is_ngram else device_use(TransformersEngineConfig()),
        parameters=NO_MODEL if is_ngram else None,
    )
    before = read_result(place)
    with account as attempt:
        if isinstance(model, NgramModel):
            from prox_assets.proof.ngram.training import train_ngram

            made = train_ngram(run, model, stream_of(settings, folder, run), folder.tokenizer(), place)
        else:
            from prox_assets.proof.pretraining.models import pretrained_tokenizer
            from prox_assets.proof.pretraining.train import train_llama

            tokenizer = tokenizer_of(settings, folder, run)
            if model.has_tokenizer:
                if model.vocabulary is None:
                    pretrained_tokenizer(model).save_pretrained(tokenizer)
                else:
                    trained_tokenizer(lake, folder, model.vocabulary, tokenizer)
                into = folder.tokens(run.arm, model.name)
                write_arm_tokens(lake, settings, folder, run.arm, tokenizer=tokenizer, into=into)
            stream = stream_of(settings, folder, run)
            made = train_llama(run, model, stream, tokenizer, place, progress, seed=settings.seed)
            attempt.parameters = Parameters(made.parameters, made.parameters_without_embeddings)
        if before is None or before.identity != made.identity:
            attempt.training_tokens = made.tokens
    return made


@dataclass(frozen=True)
class ModelScores:
    """What a finished model scores.

    Attributes:
        identity: Hash of the scores.
        means: Score by evaluation set and measure.
        learned: Whether it predicts better than a bigram model of the same arm.
    """

    identity: str
    means: Mapping[str, float]
    learned: bool


def score_model(lake: Lake, settings: ProofSettings, folder: ProofFolder, run: ModelRun) -> ModelScores:
    """Score a model on every evaluation set, and find out whether it has learned more than pairs of tokens.

    Raises:
        ProofError: The model is not trained, or what it is to be scored on cannot be used.
        LakeError: The lake cannot be read.
    """
    path = score(run, settings, folder, lake)
    rows = pl.read_parquet(path)
    learned = has_learned(run, settings, folder, rows)
    trained = read_result(folder.model(run))
    if trained is not None and trained.learned != learned:
        write_result(folder.model(run), trained.model_copy(update={"learned": learned}))
    finished = rows.filter(pl.col("tokens") == pl.col("tokens").max())
    by = ("evaluation", "measure")
    means = finished.group_by(*by, maintain_order=True).agg(pl.col("value").sum() / pl.col("weight").sum())
    return ModelScores(
        identity=fingerprint([list(row) for row in finished.select(*by, "item", "value").rows()]),
        means={f"{evaluation} {measure}": value for evaluation, measure, value in means.rows()},
        learned=learned,
    )


def report(lake: Lake, settings: ProofSettings, folder: ProofFolder) -> ProofContents:
    """Write the report on all models that are scored, with what refining cost by the accounts of the lake.

    Raises:
        ProofError: A file is damaged, or models were scored on different texts.
        LakeError: The lake cannot be read or written.
    """
    return write_report(settings, folder, lake, refining_costs(lake, settings), settings.notes)


def refining_costs(lake: Lake, settings: ProofSettings) -> dict[str, RefiningCost]:
    """Return what refining cost, by arm, as far as the table `compute` knows: failed attempts count.

    Refining a shard again costs again, so a corpus that was refined twice has cost twice.
    """
    stages = [str(Table.DOC_PROGRAMS), str(Table.CHUNK_PROGRAMS)]
    spent = attempts(lake, settings.source_corpora).filter(pl.col("stage").is_in(stages))
    costs = {}
    for arm in settings.arms:
        if not isinstance(arm, RefinedArm):
            continue
        own = spent.filter(pl.col("corpus").is_in([arm.corpora.get(name, name) for name in settings.corpora]))
        if own.height and own["flops"].null_count() == 0:
            names = own["device"].unique().sort().to_list()
            seconds = float((own["seconds"] * own["devices"]).sum())
            costs[arm.name] = RefiningCost(flops=float(own["flops"].sum()), seconds=seconds, device=" and ".join(names))
    return costs
