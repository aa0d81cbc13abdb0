"""Resources that a task says it needs; kept, not used."""

from __future__ import annotations

MB = 1
GB = 1024 * MB
TB = 1024 * GB
PB = 1024 * TB
EB = 1024 * PB


class Resources:
    """Amounts of CPUs, memory and disk in MB, and GPUs."""

    def __init__(self, cpus=1, ram=512, disk=512, gpus=0):
        self.cpus, self.ram, self.disk, self.gpus = cpus, ram, disk, gpus

    def to_dict(self):
        """As a dict."""
        return dict(vars(self))
