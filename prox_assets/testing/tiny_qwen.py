"""Tiny checkpoints of the Qwen3 architecture, with chat tokens and a chat template as Qwen3 has them.

UltraX and ReScraper are such models. The template's text is this project's own.
"""

from collections.abc import Sequence
from pathlib import Path

from prox_assets.testing.tiny_models import DEFAULT_TEXTS, save_random_model

END_OF_TEXT = "<|endoftext|>"
CHAT_START, CHAT_END = "<|im_start|>", "<|im_end|>"
# Added tokens that are not special, as in Qwen3: a tokenizer finds them in any text.
THINKING = ("<think>", "</think>")

CHAT_TEMPLATE = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and not enable_thinking %}
{{- '<think>\\n\\n</think>\\n\\n' }}
{%- endif %}
{%- endif %}"""

_PROGRAM_TEXTS = (
    "<lid:1> first\n<lid:2> second\n<lid:10>third\nassistant\nsystem\nuser\n",
    "keep_all()\nremove_all()\nremove_lines(1, 2)\nreplace_str(3, 'old', 'new')\nadd_line(0, 1, 'text')",
    '<keep>\n<extract>\nrm 1-2\nrm 3\n<keep>\n<edit>\nsub 4: "text"\n<delete>\n<rewrite>\n',
)


def make_tiny_qwen3(
    folder: Path,
    *,
    texts: Sequence[str] = (),
    vocab_size: int = 600,
    chat_template: str = CHAT_TEMPLATE,
    max_position_embeddings: int = 32768,
    seed: int = 0,
) -> Path:
    """Save a random Qwen3ForCausalLM (safetensors, float32) with its own tokenizer and template; return the folder.

    Args:
        folder: Where to save; created if missing.
        texts: Texts that the tokenizer is trained on, beside some with programs. It can encode any text regardless.
        vocab_size: Upper bound on the vocabulary, without added tokens.
        chat_template: The chat template, in Jinja; saved as chat_template.jinja.
        max_position_embeddings: The context window in tokens.
        seed: Seed of the weights.
    """
    import torch
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    words = Regex(r"\s?\p{L}+|\p{N}|\s?[^\s\p{L}\p{N}]+|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(words, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([*texts, *_PROGRAM_TEXTS * 3, *DEFAULT_TEXTS], trainer)
    tokenizer.add_special_tokens([END_OF_TEXT, CHAT_START, CHAT_END])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in THINKING])
    folder.mkdir(parents=True, exist_ok=True)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=CHAT_END,
        pad_token=END_OF_TEXT,
        clean_up_tokenization_spaces=False,
        model_max_length=max_position_embeddings,
        chat_template=chat_template,
    ).save_pretrained(folder)

    config = Qwen3Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=max_position_embeddings,
        bos_token_id=None,
        eos_token_id=tokenizer.token_to_id(CHAT_END),
        pad_token_id=tokenizer.token_to_id(END_OF_TEXT),
        tie_word_embeddings=False,
        dtype=torch.float32,
    )
    save_random_model(lambda: Qwen3ForCausalLM(config), folder, seed)
    return folder
