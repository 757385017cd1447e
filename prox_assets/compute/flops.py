"""Floating-point operations of training and inference, by the usual formulas.

A token costs two operations per parameter on the way forward, a multiplication and an addition, and twice as many on
the way back: half of them for the gradients of activations, half for those of weights (Kaplan et al. 2020, "Scaling
Laws for Neural Language Models", section 2.1; Hoffmann et al. 2022, "Training Compute-Optimal Large Language Models",
appendix F). N leaves embeddings out, as Kaplan et al. do. Attention over the context is left out, too: 2 * layers *
context * width operations per token, a few per cent of the rest at 2,000 tokens of context.
"""


def training_flops(parameters: float, tokens: float, trained: float | None = None) -> float:
    """Return the operations of training, 6 N D.

    Args:
        parameters: N, without embeddings.
        tokens: D, every token counted as often as it was shown.
        trained: How many of the parameters are trained, where that is not all of them (an adapter): only these need
            gradients of weights, so that training takes (4 N + 2 trained) D.
    """
    return (4.0 * parameters + 2 * (parameters if trained is None else trained)) * tokens


def inference_flops(parameters: float, prompt_tokens: float, generated_tokens: float = 0) -> float:
    """Return the operations of inference, 2 N (prefill + decode); `parameters` is N, without embeddings."""
    return 2.0 * parameters * (prompt_tokens + generated_tokens)


def refining_flops(parameters: float, raw_tokens: float, kept_tokens: float) -> float:
    """Return the operations of refining at both levels, 2 N (D_raw + D_doc) (ProX, arXiv 2409.17115, section 5).

    It is an estimate for a corpus that was not refined yet, and leaves decoding out, as the paper does.

    Args:
        parameters: N of the refiner, without embeddings.
        raw_tokens: D_raw, tokens of all documents: the document level reads them.
        kept_tokens: D_doc, tokens of the documents that it keeps: the chunk level reads them.
    """
    return inference_flops(parameters, raw_tokens + kept_tokens)
