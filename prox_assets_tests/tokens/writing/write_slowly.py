"""Writes token files with a pause after each shard, in a process of its own that a test kills."""

import sys
import time

from prox_assets.lake.lake import Lake
from prox_assets.tokens.settings import TokenSettings
from prox_assets.tokens.writing.write import open_job, remember_export, write_shards


def main(lake: str, settings: str) -> None:
    job = open_job(Lake(lake), TokenSettings.model_validate_json(settings))
    names = job.source.shards()
    remember_export(job, names)
    for name in names:
        write_shards(job, [name])
        print(name[1], flush=True)
        time.sleep(0.2)


if __name__ == "__main__":
    main(*sys.argv[1:])
