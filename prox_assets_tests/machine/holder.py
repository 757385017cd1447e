"""A process that leases devices, says which, and holds them until its input ends: `python holder.py COUNT`."""

import logging
import os
import sys

from prox_assets.machine.leases import lease_devices

logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
lease_devices(int(sys.argv[1]))
print("sees", os.environ.get("CUDA_VISIBLE_DEVICES", "everything"), flush=True)
sys.stdin.read()
