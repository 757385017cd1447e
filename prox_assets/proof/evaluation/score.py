"""Scores a model of a proof on all that its settings name, and the points of its learning curve on texts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.proof.errors import ProofError
from prox_assets.proof.evaluation.bits import Progress, Score, score_texts
from prox_assets.proof.evaluation.huggingface import HuggingFaceModel
from prox_assets.proof.evaluation.maths import score_maths
from prox_assets.proof.evaluation.model import ScoredModel
from prox_assets.proof.evaluation.stamps import is_current, stamp_of, stamped
from prox_assets.proof.evaluation.tasks import score_tasks
from prox_assets.proof.evaluation.texts import GOLD, RAW, evaluation_texts
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.pretraining.train import CURVE
from prox_assets.proof.results import TrainedModel, read_result
from prox_assets.proof.runs import ModelRun
from prox_assets.proof.settings import NgramModel, ProofSettings
from prox_assets.proof.tables import SCORES
from prox_assets.proof.tokens.arm_tokens import ArmTokens
from prox_assets.proof.tokens.streams import stream_of
from prox_assets.training.data.tables import read_table, write_table

Texts = Mapping[str, Sequence[Mapping[str, str]]]
"""Rows of tables.TEXTS by the name of their evaluation set."""


def score_model(
    run: ModelRun,
    settings: ProofSettings,
    folder: ProofFolder,
    lake: Lake,
    progress: Callable[[str], Progress] | None = None,
) -> Path:
    """Score a finished model, and the points of its learning curve on gold text; return the path of the scores.

    Scores that are current are kept.

    Args:
        run: The model.
        settings: The proof.
        folder: Its files. Texts of evaluation that are missing are made.
        lake: Where the texts of held-out sites are.
        progress: Given the name of an evaluation set, returns what is told how many of its texts or choices are done.

    Raises:
        ProofError: The model is not finished, or what it is to be scored on cannot be used.
    """
    trained = read_result(folder.model(run))
    if trained is None:
        raise ProofError(f"model {run.variant} of arm {run.arm} is not trained: materialize arm_models for it first")
    places = evaluation_texts(settings, folder, lake)
    path, identity = folder.scores(run), _identity(trained, settings, places)
    if is_current(path, identity):
        return path
    texts = {name: list(read_table(place)) for name, place in places.items()}
    scores: list[Score] = []
    maths = settings.evaluation.maths
    # First, because an engine may want the whole memory of a device.
    if maths is not None and settings.model(run.model).kind != "ngram":
        scores += score_maths(str(folder.model(run)), maths, trained.tokens, progress)
    deciding = GOLD if GOLD in texts else RAW
    for tokens, model in _curve(run, settings, folder, trained.tokens):
        scores += _on_texts(model, {deciding: texts[deciding]}, tokens, None)
    model = open_model(run, settings, folder)
    scores += _on_texts(model, texts, trained.tokens, progress)
    for tasks in settings.evaluation.tasks:
        scores += score_tasks(model, tasks, trained.tokens, progress and progress("tasks"))
    write_table(path, stamped(SCORES, identity), map(dict, scores))
    return path


def _identity(trained: TrainedModel, settings: ProofSettings, texts: Mapping[str, Path]) -> str:
    """Return what scores are made from: the model, the points of its curve, and everything that it is scored on."""
    tasks = [file for each in settings.evaluation.tasks for file in sorted(Path(each.folder).expanduser().glob("*"))]
    maths = settings.evaluation.maths
    parts = [
        trained.identity,
        list(settings.model(trained.model).curve),
        {name: stamp_of(place).decode() for name, place in texts.items()},
        [task.model_dump() for task in settings.evaluation.tasks],
        [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in tasks],
        maths and maths.model_dump(),
    ]
    return fingerprint(parts)


def open_model(run: ModelRun, settings: ProofSettings, folder: ProofFolder) -> ScoredModel:
    """Return a finished model of a proof, ready to score."""
    place = folder.model(run)
    if settings.model(run.model).kind == "ngram":
        from prox_assets.proof.ngram.training import open_ngram

        return open_ngram(place, folder.tokenizer(), ArmTokens.open(folder.tokens(run.arm)).end_of_text)
    return HuggingFaceModel(str(place))


def _curve(
    run: ModelRun, settings: ProofSettings, folder: ProofFolder, finished: int
) -> Iterator[tuple[int, ScoredModel]]:
    """Yield the points of a learning curve before its end: (tokens, model), in order."""
    model = settings.model(run.model)
    if isinstance(model, NgramModel):
        from prox_assets.proof.ngram.training import ngram_after

        stream = stream_of(settings, folder, run)
        end_of_text = ArmTokens.open(folder.tokens(run.arm)).end_of_text
        for share in sorted(model.curve):
            tokens = int(share * finished)
            yield tokens, ngram_after(tokens, model, stream, folder.tokenizer(), end_of_text)
        return
    place = folder.model(run)
    points = [(int(point.name), point) for point in (place / CURVE).glob("*") if point.name.isdecimal()]
    for tokens, point in sorted(points):
        if tokens < finished:
            yield tokens, HuggingFaceModel(str(point), tokenizer=str(place))


def _on_texts(
    model: ScoredModel, texts: Texts, tokens: int, progress: Callable[[str], Progress] | None
) -> Iterator[Score]:
    for name, rows in texts.items():
        yield from score_texts(model, name, rows, tokens, progress and progress(name))
