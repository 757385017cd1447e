"""Trains a Llama on a stream of tokens: one function on two cores, on a GPU, and on many.

On one device, call `train_llama`. On several, every process calls it with the same arguments; the launcher starts them:

    accelerate launch --multi_gpu --num_processes 8 script.py
    accelerate launch --multi_gpu --num_machines 4 --machine_rank 0 --main_process_ip HOST --num_processes 32 script.py

`distributed: fsdp` splits weights, gradients and optimiser among them (FSDP2); `none` keeps all of it in each. Either
way the settings rule, rather than a configuration file of accelerate, and a step has the same tokens in the same order
on any number of processes. The folder must be one that all machines see.
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

from prox_assets.compute.flops import training_flops
from prox_assets.compute.parameters import count_parameters
from prox_assets.proof.errors import ProofError
from prox_assets.proof.pretraining.arguments import sequences_of_step, training_arguments
from prox_assets.proof.pretraining.attempts import STARTED, Attempts
from prox_assets.proof.pretraining.blocks import Blocks, collate, stream_hash
from prox_assets.proof.pretraining.models import (
    device_name,
    find_pretrained,
    initial_model,
    pretrained_model,
)
from prox_assets.proof.pretraining.recipes import LlamaModel
from prox_assets.proof.pretraining.weights import publish
from prox_assets.proof.results import TrainedModel, read_result, write_result
from prox_assets.proof.runs import ModelRun
from prox_assets.proof.tokens.arm_tokens import TokenStream
from prox_assets.training.fit.checkpoints import checkpoints_in, history_of, losses_of, remove_torn_checkpoints
from prox_assets.training.fit.trainer import Progress

if TYPE_CHECKING:
    from transformers import PreTrainedModel, Trainer, TrainingArguments

CURVE = "curve"
"""Folder in a model's folder with the weights at shares of the training, each in a folder named by the tokens seen."""

# Raise this when the same settings and tokens give another model.
_VERSION = 1
_AVERAGE = "average"
_UNIMPORTANT = {"name", "seeds", "arms", "tokens", "checkpoint_steps", "curve", "preset"}


def train_llama(
    run: ModelRun,
    model: LlamaModel,
    stream: TokenStream,
    tokenizer_folder: Path,
    folder: Path,
    progress: Progress | None = None,
    *,
    seed: int = 0,
) -> TrainedModel:
    """Train a model on the first whole steps of a stream, in the stream's order; return what its folder says of it.

    A killed training goes on from its last checkpoint and ends with the same losses and, on a CPU, the same weights bit
    for bit. One that was finished with the same settings and tokens is not repeated; other settings or tokens start
    anew, and empty the folder. The folder ends up as a model of transformers with its tokenizer, beside `run.json` and
    the weights at shares of the training, `curve/{tokens}`.

    Args:
        run: Arm, model, budget and seed. Initial weights depend on its seed and `seed` alone, so that arms share them.
        model: The settings of the run's model.
        stream: The tokens. Tokens beyond the last whole step are left out.
        tokenizer_folder: Folder of the tokenizer that made them; for a base, its own (`models.pretrained_tokenizer`).
        folder: Where checkpoints, weights and `run.json` go.
        progress: Is called with (step, steps) after each step.
        seed: The proof's seed.

    Raises:
        ProofError: The stream is shorter than a step, the tokenizer has no end-of-text token or does not fit the
            base, the batch cannot be divided among the processes, or the loss is no longer a number.
        RefinerError: The base is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    steps = model.steps(len(stream))
    if steps == 0:
        raise ProofError(
            f"{run.arm}: its {len(stream)} tokens are fewer than a step of model {model.name}, which has "
            f"{model.batch_tokens}: give more documents or tokens, or lower batch_tokens"
        )
    identity = _identity(run, model, stream, tokenizer_folder, seed)
    finished = read_result(folder)
    if finished is not None and finished.identity == identity:
        return finished
    arguments = training_arguments(run, model, folder, steps)
    processes = _Processes()
    if processes.main:
        Attempts.open(folder, identity)
    processes.wait()
    attempts = Attempts(folder, writes=processes.main)
    whole = remove_torn_checkpoints(folder) if processes.main else {}
    processes.wait()
    whole = whole or checkpoints_in(folder)
    newest = max(whole, default=None)
    llama = _starting_model(run, model, tokenizer_folder, seed)
    size = count_parameters((name, tensor.numel()) for name, tensor in llama.named_parameters())
    if newest != steps:
        _fit(
            llama,
            model,
            Blocks(stream, model.context, steps * sequences_of_step(model)),
            arguments,
            newest,
            progress,
            attempts,
        )
    processes.wait()
    if processes.main:
        # Only here: the others may come to this line when the checkpoints are gone.
        last = checkpoints_in(folder)[steps]
        points = [folder / _AVERAGE / str(step) for step in _average_steps(model, steps)[:-1]]
        publish(folder, [*points, last], tokenizer_folder)
        tokens = steps * model.batch_tokens
        result = TrainedModel(
            arm=run.arm,
            model=run.model,
            budget=run.budget,
            seed=run.seed,
            identity=identity,
            tokens=tokens,
            unique_tokens=min(tokens, stream.unique_tokens),
            documents=stream.documents,
            epochs=stream.epochs * tokens / len(stream),
            parameters=size.total,
            parameters_without_embeddings=size.without_embeddings,
            flops=training_flops(size.without_embeddings, tokens),
            seconds=attempts.seconds(),
            device=device_name(),
            losses=tuple((step * model.batch_tokens, loss) for step, loss in losses_of(history_of(last))),
            resumed_from=newest,
        )
        write_result(folder, result)
        _clear(folder)
    processes.wait()
    result = read_result(folder)
    if result is None:
        raise ProofError(f"{folder} is not seen by all processes: put it on a disk that they share")
    return result


def _identity(run: ModelRun, model: LlamaModel, stream: TokenStream, tokenizer_folder: Path, seed: int) -> str:
    parts = [
        str(_VERSION),
        model.model_dump_json(exclude=_UNIMPORTANT),
        find_pretrained(model).weights_hash if model.base is not None else f"{seed} {run.seed}",
        stream_hash(stream),
        xxhash.xxh3_128_hexdigest((tokenizer_folder / "tokenizer.json").read_bytes()),
    ]
    return xxhash.xxh3_128_hexdigest("\n".join(parts).encode())


def _starting_model(run: ModelRun, model: LlamaModel, tokenizer_folder: Path, seed: int) -> PreTrainedModel:
    import numpy as np
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer_folder, trust_remote_code=False)
    if tokenizer.eos_token_id is None:
        raise ProofError(
            f"The tokenizer in {tokenizer_folder} has no end-of-text token: name one as eos_token in its "
            "tokenizer_config.json"
        )
    if model.base is None:
        [weights_seed] = np.random.SeedSequence([seed, run.seed]).generate_state(1)
        return initial_model(model, len(tokenizer), int(weights_seed), tokenizer.eos_token_id)
    llama = pretrained_model(model)
    ids = _ids_of_text(tokenizer)
    if ids > llama.config.vocab_size:
        raise ProofError(
            f"The tokenizer in {tokenizer_folder} has {ids} tokens, {model.base} has embeddings for "
            f"{llama.config.vocab_size}: tokenise the arm with the base's own tokenizer"
        )
    return llama


def _ids_of_text(tokenizer: Any) -> int:  # noqa: ANN401 (transformers has several classes of tokenizers)
    """Return the largest id that a token file can hold, plus one.

    transformers adds <FILL_ME> to CodeLlama's tokenizer, behind the last row of its embeddings; no text has its id.
    """
    unused = set(tokenizer.all_special_ids) - {tokenizer.eos_token_id}
    return max(number for number in tokenizer.get_vocab().values() if number not in unused) + 1


def _curve_steps(model: LlamaModel, steps: int) -> set[int]:
    return {round(share * steps) for share in model.curve} - {0, steps}


def _average_steps(model: LlamaModel, steps: int) -> list[int]:
    """Return the steps whose weights are averaged, evenly spread over the last share of the training."""
    points = (steps - place * model.average_over * steps / max(1, model.average - 1) for place in range(model.average))
    return sorted({max(1, round(point)) for point in points})


def _fit(
    llama: PreTrainedModel,
    model: LlamaModel,
    blocks: Blocks,
    arguments: TrainingArguments,
    newest: int | None,
    progress: Progress | None,
    attempts: Attempts,
) -> None:
    from transformers import PrinterCallback, Trainer, TrainerCallback

    folder, steps = Path(arguments.output_dir or ""), arguments.max_steps
    curve, average = _curve_steps(model, steps), set(_average_steps(model, steps)[:-1])

    class Steps(TrainerCallback):
        """Keeps weights at the steps that are wanted, and tells the caller how far the training is."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401
            step = state.global_step
            # The mean of what came after the last tenth step; checkpoints lie at tenth steps, so none is lost in one.
            control.should_log = control.should_log or step == steps
            if step in curve:
                _save_weights(trainer, folder / CURVE / str(step * model.batch_tokens))
            if step in average:
                _save_weights(trainer, folder / _AVERAGE / str(step))
            attempts.note()
            if progress is not None and state.is_world_process_zero:
                progress(step, steps)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:  # noqa: ANN401
            if not math.isfinite((logs or {}).get("loss", 0.0)):
                raise ProofError(
                    f"The loss of model {model.name} is no longer a number at step {state.global_step} of {steps}: "
                    "lower learning_rate, or raise warmup_steps"
                )

    class StreamTrainer(Trainer):
        """A Trainer whose schedule may go on beyond the last step."""

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:  # noqa: ANN401
            return super().create_scheduler(round(num_training_steps / model.stop), optimizer)

    if model.compile:
        # Layers one by one where FSDP hooks into each of them.
        for part in llama.model.layers if arguments.fsdp else [llama]:
            part.compile(dynamic=False)
    trainer = StreamTrainer(
        model=llama,
        args=arguments,
        train_dataset=blocks,  # pyright: ignore[reportArgumentType] - a length and items are all that is asked
        data_collator=collate,  # pyright: ignore[reportArgumentType] - any callable on a list of examples will do
        callbacks=[Steps()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(checkpoints_in(folder)[newest]) if newest is not None else None)


def _save_weights(trainer: Trainer, folder: Path) -> None:
    """Write the weights of a training in progress as a model folder, atomically."""
    written = folder.with_name(f".{folder.name}")
    trainer.save_model(str(written), _internal_call=True)
    if trainer.is_world_process_zero():
        (written / "training_args.bin").unlink()
        shutil.rmtree(folder, ignore_errors=True)
        written.rename(folder)


def _clear(folder: Path) -> None:
    """Remove what only a training in progress needs."""
    for checkpoint in checkpoints_in(folder).values():
        shutil.rmtree(checkpoint)
    shutil.rmtree(folder / _AVERAGE, ignore_errors=True)
    (folder / STARTED).unlink(missing_ok=True)


class _Processes:
    """The processes that train one model together; often a single one."""

    def __init__(self) -> None:
        from accelerate import PartialState

        self._state = PartialState()
        self.main = bool(self._state.is_main_process)

    def wait(self) -> None:
        self._state.wait_for_everyone()
