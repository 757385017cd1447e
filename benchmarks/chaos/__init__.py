"""Fault injection: kills, full disks, unresponsive stores and servers, jumping clocks; see docs/faults.md."""
