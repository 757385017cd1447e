"""An object store that returns 500, does not answer, or cuts off uploads and downloads.

Runs write to a bucket behind the unreliable proxy. A run may fail once the store's client has given up on a request. It
must say so, and repeating the command must end with the rows of an undisturbed run.
"""

import importlib.util
import json
import os
from collections.abc import Iterator

from benchmarks.chaos.unreliable_proxy import unreliable_proxy
from benchmarks.chaos.verdicts import Verdict
from benchmarks.chaos.world import RULES, World
from prox_assets.lake.lake import Lake

FAULT = "object store failing"
LAKES = 3
# Share of requests that fail; a run makes a few hundred.
RATES = (0.01, 0.03, 0.1)
READ_SECONDS = 2
RUNS_AT_MOST = 60
CAUSE = "in the lake s3://"  # the lake puts this before the client's own error message


def run(world: World) -> Iterator[Verdict]:
    """Refine into a few buckets, each with its own fault rate."""
    if importlib.util.find_spec("moto") is None:
        yield Verdict(FAULT, (), ("skipped: moto is not installed",), 0)
        return
    from prox_assets.testing.servers.object_store import S3_CREDENTIALS, running_s3_server

    os.environ.update(S3_CREDENTIALS)
    with running_s3_server() as endpoint:
        for number in range(LAKES):
            yield from refine(world, endpoint, f"lake{number}", RATES[number % len(RATES)])


def refine(world: World, endpoint: str, bucket: str, rate: float) -> Iterator[Verdict]:
    """Refine into a bucket whose store fails at a given rate, as often as it takes.

    Args:
        world: The harness.
        endpoint: URL of the store, whose credentials are in the environment.
        bucket: The bucket to create.
        rate: Share of requests that fail.
    """
    import boto3

    wanted = world.undisturbed(RULES)
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)
    lake = Lake(f"s3://{bucket}/lake", {"client_kwargs": {"endpoint_url": endpoint}})
    with unreliable_proxy(endpoint, rate, world.rng(f"store/{bucket}"), 3 * READ_SECONDS) as proxy:
        # The client tries twice, so it hides some of the faults and passes many on.
        patience = {"read_timeout": READ_SECONDS, "connect_timeout": READ_SECONDS, "retries": {"total_max_attempts": 2}}
        client = {"client_kwargs": {"endpoint_url": proxy.url}, "config_kwargs": patience}
        environment = {"FSSPEC_S3": json.dumps(client)}
        failed, problems = world.repeat(
            lambda: world.start(RULES, lake.url, environment=environment), wanted, [CAUSE], RUNS_AT_MOST
        )
        injected = proxy.injected.copy()
    # Without faults, one more run takes over or clears whatever the store kept.
    quiet = {"FSSPEC_S3": json.dumps({"client_kwargs": {"endpoint_url": endpoint}})}
    problems += world.finish(lambda: world.start(RULES, lake.url, environment=quiet), lake, wanted)
    repeated = ["a run failed, named the store, and was repeated"] * failed
    yield Verdict(FAULT, tuple(problems), (*injected.elements(), *repeated), injected.total())
