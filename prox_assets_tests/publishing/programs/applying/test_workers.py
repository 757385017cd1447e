"""Tasks that are done by several processes."""

import time
from dataclasses import dataclass
from pathlib import Path

from prox_assets.publishing.programs.applying.applied import Applied
from prox_assets.publishing.programs.applying.workers import done

TASKS = 60


@dataclass(frozen=True)
class Slow:
    folder: Path
    number: int

    def run(self) -> Applied:
        time.sleep(0.05)
        (self.folder / str(self.number)).touch()
        return Applied(refined=1)


def test_whoever_stops_does_not_wait_for_all_tasks(tmp_path: Path) -> None:
    tasks = done([Slow(tmp_path, number) for number in range(TASKS)], 2)
    _, applied = next(tasks)
    assert applied == Applied(refined=1)
    tasks.close()
    assert len(list(tmp_path.iterdir())) < TASKS
