"""What is left of Airflow's tables."""

from __future__ import annotations

from tradewind.baseoperator import ID_LENGTH_MAX

ID_LEN = ID_LENGTH_MAX


class Base:
    """The base of Airflow's tables; there are none here."""
