"""A process that infers slowly, to be killed: `python -m ... doc|chunk FOLDER LOG DELAY [LAKE]`."""

import sys
from pathlib import Path

from prox_assets.lake.lake import Lake
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.run import ShardRun
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments, FakeSession
from prox_assets_tests.stages.shard_runs import KEY, make_plan

WINDOW = 10
DROP_SHORT = 5


def doc_answer(text: str) -> str:
    return "drop_doc()" if len(text) % DROP_SHORT == 0 else "keep_doc()"


def chunk_answer(text: str) -> str:
    return "remove_lines(0, 0)" if text.count("\n") else "keep_chunk()"


def main() -> None:
    level, folder, log, delay = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])
    plan = make_plan(folder / KEY, window_documents=WINDOW)
    lake = sys.argv[5] if len(sys.argv) > 5 else str(folder / "lake")
    run = ShardRun(Lake(lake), plan, KEY, "killed-run")
    if level == "doc":
        refiner = FakeDocuments(log=log, delay=delay, look_ahead=4, program=doc_answer)
        write_document_programs(run, FakeSession("doc", refiner))
    else:
        chunks = FakeChunks(log=log, delay=delay, look_ahead=4, program=chunk_answer)
        write_chunk_programs(run, FakeSession("chunk", chunks))


if __name__ == "__main__":
    main()
