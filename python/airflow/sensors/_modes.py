"""Sensors that can wait in one way only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from tradewind.hints import C


def poke_mode_only(cls: type[C]) -> type[C]:
    """Makes a sensor class refuse every mode but `poke`."""

    def set_mode(self: Any, mode: str) -> None:
        if mode != "poke":
            raise ValueError(f"Cannot set mode to '{mode}'. Only 'poke' is acceptable")
        self.__dict__["mode"] = mode

    mode = property(lambda self: self.__dict__.get("mode", "poke"), set_mode)
    cls.mode = mode  # type: ignore[attr-defined]
    return cls
