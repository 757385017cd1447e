"""A backfill of a large corpus on many GPUs, by simulation: time, GPU-hours, what limits, and which sizes to choose.

    python -m benchmarks.scale_model [--tokens 15e12] [--rate 292056] [--chunk-share 0.85] [--gpus 8 64 512 1024]

Nothing is run: `stages/estimates/backfill.py` gives the runs of a backfill to engines one by one. The work is
what a document and a chunk refiner read at the rate of one GPU; by default that of the ProX-xs shape on an H100
(docs/speed.md). One table for each `--model-share`: a cascade asks the model about that share of the tokens only, by
default what it asked about on development pages, whole ones and their main text. `scale_model_check` compares the model
with a backfill.
"""

import sys
from collections.abc import Sequence

from benchmarks.support.arguments import command_parser, positive
from prox_assets.stages.estimates.backfill import Overheads, best, simulate


def main() -> int:
    """Print the table."""
    parser = command_parser("scale_model", __doc__, pages=False)
    parser.add_argument("--tokens", type=float, default=15e12, help="tokens of the corpus (15e12)")
    parser.add_argument("--rate", type=float, default=292_056, help="prompt tokens per second and GPU (292056)")
    parser.add_argument("--chunk-share", type=float, default=0.85, help="share of tokens that reach the chunks (0.85)")
    parser.add_argument(
        "--model-share",
        type=float,
        nargs="+",
        default=[1.0, 0.79, 0.53],
        help="shares of tokens that the model reads (1 0.79 0.53)",
    )
    parser.add_argument("--start", type=float, default=120, help="seconds to start both engines of a run (120)")
    parser.add_argument("--gpus", type=positive, nargs="+", default=[8, 64, 512, 1024], help="GPUs, one engine each")
    options = parser.parse_args()
    for share in options.model_share:
        hours = options.tokens * share * (1 + options.chunk_share) / options.rate / 3600
        _print_table(f"{options.tokens:.3g} tokens, {share:.0%} of them shown", hours, options.gpus, options.start)
    return 0


def _print_table(what: str, hours: float, gpus: Sequence[int], start: float) -> None:
    overheads = Overheads(start=start)
    print(f"\n{what}: {hours:,.0f} hours of one GPU\n")
    print("| GPUs | shards | shards_per_run | hours | GPU-hours | the model's | most of the others | with 8 per run |")
    print("|---|---|---|---|---|---|---|---|")
    for number in gpus:
        found = best(hours, number, overheads)
        usual = simulate(hours, found.shards, 8, number, overheads)
        print(
            f"| {number:,} | {found.shards:,} | {found.per_run} | {found.hours:,.1f} | {found.hours * number:,.0f} "
            f"| {found.efficiency:.1%} | {found.limit} | {usual.hours:,.1f} h |"
        )


if __name__ == "__main__":
    sys.exit(main())
