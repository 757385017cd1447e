"""Faults on purpose: kills, full disks, silent stores and servers, clocks that jump; see docs/faults.md."""
