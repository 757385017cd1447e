"""Fixtures of the deployment's tests."""

from collections.abc import Iterator

import pytest

from prox_assets_tests.infra.postgres_server import PostgresServer, postgres_binaries, running_postgres


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with running_postgres(binaries) as server:
        yield server
