"""Resources that a task says it needs; kept, not used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

MB = 1
GB = 1024 * MB
TB = 1024 * GB
PB = 1024 * TB
EB = 1024 * PB


class Resources:
    """Amounts of CPUs, memory and disk in MB, and GPUs."""

    def __init__(self, cpus: int = 1, ram: int = 512, disk: int = 512, gpus: int = 0) -> None:
        self.cpus, self.ram, self.disk, self.gpus = cpus, ram, disk, gpus

    def to_dict(self) -> dict[str, Any]:
        """As a dict."""
        return dict(vars(self))
