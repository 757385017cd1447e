"""Tiny Llama checkpoints that tests make on the spot, so no test needs a model hub.

This module makes a checkpoint folder and overfits the model to a few answers; it does not serve it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BOS_TOKEN = "<s>"  # noqa: S105 (a token of the vocabulary, not a password)
EOS_TOKEN = "</s>"  # noqa: S105

DEFAULT_TEXTS = (
    "The quick brown fox jumps over the lazy dog near the river bank.",
    "Home | About us | Contact | Privacy policy | Terms of use",
    "Accept all cookies. Share this article on Facebook, Twitter, WhatsApp or by e-mail.",
    "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.",
    "keep_doc()\ndrop_doc()\nkeep_chunk()\nremove_lines(line_start=0, line_end=12)",
    'normalize(source_str="a", target_str="")',
    "[000] first line\n[001] second line\n[002] third line\n345 6789",
    "[doc]\n[/doc]\n[INST] <<SYS>>\n<</SYS>> [/INST]",
    "Grüße aus Köln; crème brûlée à la carte; 数据清洗很重要。",
)


def make_tiny_llama(
    folder: Path,
    *,
    texts: Sequence[str] | None = None,
    special_tokens: Sequence[str] = (),
    vocab_size: int = 512,
    hidden: int = 64,
    layers: int = 2,
    max_position_embeddings: int = 2048,
    seed: int = 0,
) -> Path:
    """Save a random LlamaForCausalLM (safetensors, float32) with its own byte-level BPE tokenizer; return the folder.

    The tokenizer adds nothing to a prompt by itself and has no chat template.

    Args:
        folder: Where to save; created if missing.
        texts: Texts that the tokenizer is trained on; `DEFAULT_TEXTS` if None. It can encode any text regardless.
        special_tokens: Further special tokens, one id each, after bos (0) and eos (1).
        vocab_size: Upper bound on the vocabulary: at least 256 bytes and the special tokens.
        hidden: Width of the model; heads are 32 wide, the narrowest that vLLM has kernels for.
        layers: Number of decoder layers.
        max_position_embeddings: The context window in tokens.
        seed: Seed of the weights.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[BOS_TOKEN, EOS_TOKEN, *special_tokens],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(DEFAULT_TEXTS if texts is None else texts, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS_TOKEN,
        eos_token=EOS_TOKEN,
        clean_up_tokenization_spaces=False,
        model_max_length=max_position_embeddings,
    ).save_pretrained(folder)

    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        num_key_value_heads=hidden // 32,
        max_position_embeddings=max_position_embeddings,
        bos_token_id=tokenizer.token_to_id(BOS_TOKEN),
        eos_token_id=tokenizer.token_to_id(EOS_TOKEN),
        tie_word_embeddings=False,
        dtype=torch.float32,
    )
    save_random_model(lambda: LlamaForCausalLM(config), folder, seed)
    return folder


def save_random_model(make: Callable[[], "PreTrainedModel"], folder: Path, seed: int) -> None:
    """Make a model whose greedy answers are well defined, and so comparable between engines, and save it.

    With the default initialisation, two tokens' scores often differ by less than float noise. The weights are wider.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 2:
                    parameter.mul_(5.0)
    model.save_pretrained(folder, safe_serialization=True)


def overfit(
    folder: Path,
    pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
    *,
    steps: int = 200,
    learning_rate: float = 3e-3,
    seed: int = 0,
) -> float:
    """Train the saved model in place until it answers each prompt with its completion and then ends.

    Deterministic for one machine. Stops early once the loss is below 1e-3.

    Args:
        folder: A folder that `make_tiny_llama` wrote.
        pairs: Token ids (prompt, completion); the end-of-sequence token is appended to each completion.
        steps: Upper bound on full-batch optimiser steps.
        learning_rate: Peak AdamW learning rate, reached after ten steps of warm-up.
        seed: Seed of anything random in training.

    Returns:
        The last step's loss: mean negative log-likelihood per completion token, in nats.
    """
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    eos = model.config.eos_token_id
    rows = [([*prompt, *completion, eos], len(prompt)) for prompt, completion in pairs]
    width = max(len(ids) for ids, _ in rows)
    input_ids = torch.tensor([ids + [eos] * (width - len(ids)) for ids, _ in rows])
    attention_mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in rows])
    labels = input_ids.masked_fill(attention_mask == 0, -100)
    for row, (_, prompt_length) in enumerate(rows):
        labels[row, :prompt_length] = -100

    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 10))
    loss_value = float("inf")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.train()
        for _ in range(steps):
            loss = model(input_ids=input_ids, attention_mask=attention_mask, labels=labels).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            loss_value = float(loss.detach())
            if loss_value < 1e-3:
                break
    model.save_pretrained(folder, safe_serialization=True)
    return loss_value
