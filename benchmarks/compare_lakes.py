"""Compare two lakes row by row: `python -m benchmarks.compare_lakes FOUND WANTED --corpus NAME`.

Every table and column counts, but for run ids and times. Exits with 1 if the lakes differ, and says where.
"""

import sys

from benchmarks.support.arguments import command_parser
from prox_assets.lake.lake import Lake
from prox_assets.testing.comparable_rows import PROBABILITY_TOLERANCE, compare_lakes

_SHOWN = 20


def main() -> int:
    """Print a table of what was compared, and the differences."""
    parser = command_parser("compare_lakes", __doc__, pages=False)
    parser.add_argument("found", help="the lake to check")
    parser.add_argument("wanted", help="the lake that it should be equal to")
    parser.add_argument("--corpus", required=True, help="the corpus, in both")
    parser.add_argument(
        "--scores",
        action="store_true",
        help=f"let floats differ by {PROBABILITY_TOLERANCE}, as a model's scores do with what shares a batch",
    )
    options = parser.parse_args()
    tolerance = PROBABILITY_TOLERANCE if options.scores else 0.0
    compared = compare_lakes(Lake(options.found), Lake(options.wanted), options.corpus, tolerance=tolerance)
    for table, rows in compared.rows.items():
        print(f"{table}: {rows:,} rows")
    for difference in compared.differences[:_SHOWN]:
        print(difference)
    nothing = not any(compared.rows.values())
    told = f"{len(compared.differences)} files differ" if compared.differences else "the same rows"
    print(f"{options.corpus}: {'no rows in either lake' if nothing else told}")
    return 1 if compared.differences or nothing else 0


if __name__ == "__main__":
    sys.exit(main())
