"""Whether freed memory stays in the process."""

import os
import platform
import subprocess
import sys

import pytest

# Minor page faults while 256 MiB are allocated, written and freed five times: 65,536 pages each time.
FAULTS = """
import resource, sys
from prox_assets.machine.malloc import keep_freed_memory
if sys.argv[1] == "keep": keep_freed_memory()
b"x" * (256 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5): b"x" * (256 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str) -> int:
    run = subprocess.run([sys.executable, "-c", FAULTS, mode], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc's malloc that is told")
@pytest.mark.skipif(any(name.startswith("MALLOC_") for name in os.environ), reason="malloc has been told already")
def test_freed_memory_is_used_again_without_asking_the_system() -> None:
    assert faults("keep") < faults("as it is") / 10
