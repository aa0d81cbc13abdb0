"""
`conf`: settings by section and key, from the environment (TRADEWIND__SECTION__KEY, then
AIRFLOW__SECTION__KEY), else Airflow's defaults of what DAG files ask for.
"""

from __future__ import annotations

import json
import os

from tradewind.exceptions import AirflowException
from tradewind.types import NOTSET

_DEFAULTS = {
    ("core", "default_timezone"): "utc",
    ("core", "executor"): "LocalExecutor",
    ("core", "parallelism"): "32",
    ("core", "max_active_tasks_per_dag"): "16",
    ("core", "max_active_runs_per_dag"): "16",
    ("core", "max_consecutive_failed_dag_runs_per_dag"): "0",
    ("core", "dags_are_paused_at_creation"): "True",
    ("core", "load_examples"): "False",
    ("core", "dagbag_import_timeout"): "30.0",
    ("core", "dag_run_conf_overrides_params"): "True",
    ("core", "default_task_retries"): "0",
    ("core", "default_task_retry_delay"): "300",
    ("core", "max_task_retry_delay"): "86400",
    ("core", "default_task_weight_rule"): "downstream",
    ("core", "default_task_execution_timeout"): "",
    ("core", "default_pool_task_slot_count"): "128",
    ("core", "max_map_length"): "1024",
    ("core", "max_templated_field_length"): "4096",
    ("core", "hide_sensitive_var_conn_fields"): "True",
    ("core", "sensitive_var_conn_names"): "",
    ("core", "unit_test_mode"): "False",
    ("core", "killed_task_cleanup_time"): "60",
    ("operators", "default_owner"): "airflow",
    ("operators", "default_deferrable"): "false",
    ("operators", "default_queue"): "default",
    ("sensors", "default_timeout"): "604800",
    ("scheduler", "catchup_by_default"): "False",
    ("scheduler", "create_cron_data_intervals"): "False",
    ("scheduler", "create_delta_data_intervals"): "False",
    ("scheduler", "ignore_first_depends_on_past_by_default"): "True",
    ("email", "default_email_on_retry"): "True",
    ("email", "default_email_on_failure"): "True",
    ("email", "email_conn_id"): "smtp_default",
    ("logging", "logging_level"): "INFO",
    ("logging", "remote_logging"): "False",
    ("webserver", "base_url"): "http://localhost:8080",
    ("api", "base_url"): "http://localhost:8080",
    ("triggerer", "capacity"): "1000",
}

_TRUE, _FALSE = ("t", "true", "1", "yes", "on"), ("f", "false", "0", "no", "off")


class AirflowConfigException(AirflowException):
    """A setting that is not there, or not of its kind."""


def _home(name, default):
    return os.path.expanduser(os.environ.get(name) or default)


def _computed(section, key):
    if (section, key) == ("core", "dags_folder"):
        home = _home("TRADEWIND_HOME", os.environ.get("AIRFLOW_HOME") or "~/.tradewind")
        return os.path.join(home, "dags")
    if (section, key) == ("core", "plugins_folder"):
        home = _home("TRADEWIND_HOME", os.environ.get("AIRFLOW_HOME") or "~/.tradewind")
        return os.path.join(home, "plugins")
    return None


class Configuration:
    """Settings by section and key."""

    def _find(self, section, key):
        section, key = section.lower(), key.lower()
        for prefix in ("TRADEWIND", "AIRFLOW"):
            text = os.environ.get(f"{prefix}__{section.upper()}__{key.upper()}")
            if text is not None:
                return text
        found = _DEFAULTS.get((section, key))
        return found if found is not None else _computed(section, key)

    def get(self, section, key, fallback=NOTSET, **_):
        """The setting's text, else the fallback; AirflowConfigException without one."""
        found = self._find(section, key)
        if found is not None:
            return found
        if fallback is NOTSET:
            raise AirflowConfigException(f"section/key [{section}/{key}] not found in config")
        return fallback

    get_mandatory_value = get

    def _typed(self, section, key, fallback, kind, make):
        found = self._find(section, key)
        if found is None:
            return self.get(section, key, fallback)
        try:
            return make(found.split("#")[0].strip())
        except ValueError:
            raise AirflowConfigException(
                f"the setting [{section}/{key}] must be {kind}, not {found!r}"
            ) from None

    def getboolean(self, section, key, fallback=NOTSET, **_):
        """The setting as True or False."""

        def make(text):
            if text.lower() not in _TRUE + _FALSE:
                raise ValueError
            return text.lower() in _TRUE

        return self._typed(section, key, fallback, "true or false", make)

    def getint(self, section, key, fallback=NOTSET, **_):
        """The setting as a whole number."""
        return self._typed(section, key, fallback, "a whole number", int)

    def getfloat(self, section, key, fallback=NOTSET, **_):
        """The setting as a number."""
        return self._typed(section, key, fallback, "a number", float)

    def getlist(self, section, key, fallback=NOTSET, delimiter=",", **_):
        """The setting as a list of texts."""
        found = self._find(section, key)
        if found is None:
            return self.get(section, key, fallback)
        return [part.strip() for part in found.split(delimiter)] if found else []

    def getjson(self, section, key, fallback=NOTSET, **_):
        """The setting's JSON value."""
        return self._typed(section, key, fallback, "JSON", json.loads)

    def gettimedelta(self, section, key, fallback=NOTSET, **_):
        """The setting, a number of seconds, as a timedelta."""
        import datetime as dt

        found = self._find(section, key)
        if found == "":
            return None
        return self._typed(
            section, key, fallback, "a number of seconds", lambda t: dt.timedelta(seconds=int(t))
        )

    def getimport(self, section, key, **_):
        """What the setting names: "module.name"; None if it is empty."""
        import importlib

        found = self.get(section, key, "")
        if not found:
            return None
        module, _, name = found.rpartition(".")
        return getattr(importlib.import_module(module), name)

    def has_option(self, section, key, **_):
        """True if the setting is there."""
        return self._find(section, key) is not None

    def getsection(self, section):
        """The settings of a section that are known."""
        known = {key for one, key in _DEFAULTS if one == section.lower()}
        for name in os.environ:
            parts = name.split("__")
            if len(parts) == 3 and parts[0] in ("TRADEWIND", "AIRFLOW"):
                if parts[1] == section.upper():
                    known.add(parts[2].lower())
        return {key: self.get(section, key) for key in sorted(known)}


conf = Configuration()
