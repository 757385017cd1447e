"""What this machine's processor is good at."""

import logging
from functools import cache

_log = logging.getLogger(__name__)


def multiplies_bfloat16() -> bool:
    """Tell whether the processor has instructions that multiply bfloat16: AVX-512 BF16, AMX, or BF16 of Arm."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


@cache
def attends_in_float32() -> bool:
    """Tell whether torch's own attention multiplies bfloat16 in float32 although the processor need not.

    That was measured with AVX-512 BF16 and without AMX (docs/speed.md), so it is said of no other processor.
    """
    import torch

    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16", False)) and not capabilities.get("amx_bf16", False)


def warn_if_bfloat16_is_slow(model_path: str) -> None:
    """Log how to make a bfloat16 model faster where the processor has no instructions for it.

    The dtype stays as it is: it is part of a refiner's fingerprint, so the machine must not choose it.
    """
    if not multiplies_bfloat16():
        _log.warning(
            "%s is computed in bfloat16, for which this processor has no instructions. float32 is 1.2 to 3 times as "
            "fast here: set dtype to float32 in the refiner or the engine. That changes the refiner's fingerprint.",
            model_path,
        )
