"""An object store that answers 500, does not answer, or cuts uploads and downloads.

Runs write into a bucket behind the unreliable proxy. A run may fail at any request that the store's own client has
given up on. It must say so, and the same command, repeated, must end with the rows of an undisturbed run.
"""

import importlib.util
import json
import os
from collections.abc import Iterator

from benchmarks.chaos.refinements import Ended
from benchmarks.chaos.unreliable_proxy import unreliable_proxy
from benchmarks.chaos.verdicts import Finding
from benchmarks.chaos.world import RULES, World
from prox_assets.lake.lake import Lake

FAULT = "object store failing"
LAKES = 3
# One request in so many fails; a run makes some hundreds.
RATES = (0.01, 0.03, 0.1)
READ_SECONDS = 2
RUNS_AT_MOST = 60
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
# What failures of a store are called by its client; the lake puts its own words before them.
CAUSES = ("in the lake s3://",)


def run(world: World) -> Iterator[Finding]:
    """Refine into a few buckets, each with its own rate of faults."""
    if importlib.util.find_spec("moto") is None:
        yield Finding(FAULT, (), ("skipped: moto is not installed",), 0)
        return
    from prox_assets.testing.object_store import running_s3_server

    os.environ.update(CREDENTIALS)
    with running_s3_server() as endpoint:
        for number in range(LAKES):
            yield from refine(world, endpoint, f"lake{number}", RATES[number % len(RATES)])


def refine(world: World, endpoint: str, bucket: str, rate: float) -> Iterator[Finding]:
    """Refine into a bucket whose store fails at a rate, as often as it takes."""
    import boto3

    wanted = world.undisturbed(RULES)
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)
    lake = Lake(f"s3://{bucket}/lake", {"client_kwargs": {"endpoint_url": endpoint}})
    problems: list[str] = []
    failed = 0
    with unreliable_proxy(endpoint, rate, world.chance(f"store/{bucket}"), 3 * READ_SECONDS) as proxy:
        # The client itself tries twice, so that some faults are its to bear and many are ours.
        patience = {"read_timeout": READ_SECONDS, "connect_timeout": READ_SECONDS, "retries": {"total_max_attempts": 2}}
        environment = {
            **CREDENTIALS,
            "FSSPEC_S3": json.dumps({"client_kwargs": {"endpoint_url": proxy.url}, "config_kwargs": patience}),
        }
        ended = Ended(1, "")
        for _ in range(RUNS_AT_MOST):
            ended = world.start(RULES, lake.url, environment=environment).wait(wanted.deadline)
            problems += ended.problems_of_a_failure(*CAUSES)
            if ended.code == 0:
                break
            failed += 1
        caused = dict(proxy.caused)
    if ended.code != 0:
        problems.append(f"not finished after {RUNS_AT_MOST} runs; the last one said: ...{ended.said[-500:]}")
    # Leases whose removal the store did not answer are taken over; what else it kept is cleared by one quiet run.
    quiet = {**CREDENTIALS, "FSSPEC_S3": json.dumps({"client_kwargs": {"endpoint_url": endpoint}})}
    problems += world.finish(lambda: world.start(RULES, lake.url, environment=quiet), lake, wanted)
    total = sum(caused.values())
    words = [fault for fault, count in caused.items() for _ in range(count)]
    yield Finding(
        FAULT, tuple(problems), (*words, *["a run failed, named the store, and was repeated"] * failed), total
    )
