"""
`conf`: settings by section and key, from the environment (TRADEWIND__SECTION__KEY, then
AIRFLOW__SECTION__KEY, or what the command in ..._CMD prints), then airflow.cfg ($AIRFLOW_CONFIG, or in
$AIRFLOW_HOME), else Airflow's defaults of what DAG files and providers ask for.
"""

from __future__ import annotations

import configparser
import json
import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from tradewind.exceptions import AirflowException
from tradewind.types import NOTSET

if TYPE_CHECKING:
    import enum
    from collections.abc import Callable
    from typing import Any

_DEFAULTS = {
    ("core", "default_timezone"): "UTC",
    ("core", "executor"): "LocalExecutor",
    ("core", "parallelism"): "32",
    ("core", "max_active_tasks_per_dag"): "16",
    ("core", "max_active_runs_per_dag"): "16",
    ("core", "max_consecutive_failed_dag_runs_per_dag"): "0",
    ("core", "dags_are_paused_at_creation"): "False",
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
    ("core", "security"): "",
    ("core", "test_connection"): "Disabled",
    ("core", "default_impersonation"): "",
    ("core", "allowed_deserialization_classes"): "airflow.*",
    ("operators", "default_cpus"): "1",
    ("operators", "default_ram"): "512",
    ("operators", "default_disk"): "512",
    ("operators", "default_gpus"): "0",
    ("secrets", "backend"): "",
    ("secrets", "backend_kwargs"): "",
    ("secrets", "use_cache"): "False",
    ("email", "email_backend"): "airflow.utils.email.send_email_smtp",
    ("email", "ssl_context"): "default",
    ("smtp", "smtp_host"): "localhost",
    ("smtp", "smtp_port"): "25",
    ("smtp", "smtp_starttls"): "True",
    ("smtp", "smtp_ssl"): "False",
    ("smtp", "smtp_timeout"): "30",
    ("smtp", "smtp_retry_limit"): "5",
    ("smtp", "smtp_mail_from"): "airflow@example.com",
    ("logging", "remote_log_conn_id"): "",
    ("logging", "remote_base_log_folder"): "",
    ("logging", "encrypt_s3_logs"): "False",
    ("logging", "min_length_masked_secret"): "5",
    ("metrics", "statsd_on"): "False",
    ("lineage", "backend"): "",
    ("webserver", "base_url"): "http://localhost:8080",
    ("api", "base_url"): "http://localhost:8080",
    ("triggerer", "capacity"): "1000",
}

_TRUE, _FALSE = ("t", "true", "1", "yes", "on"), ("f", "false", "0", "no", "off")


class AirflowConfigException(AirflowException):
    """A setting that is not there, or not of its kind."""


def _home(name: str, default: str) -> str:
    return os.path.expanduser(os.environ.get(name) or default)


def _computed(section: str, key: str) -> str | None:
    if (section, key) == ("core", "dags_folder"):
        if os.environ.get("TRADEWIND_DAGS"):
            return os.path.abspath(os.environ["TRADEWIND_DAGS"])
        home = _home("TRADEWIND_HOME", os.environ.get("AIRFLOW_HOME") or "~/.tradewind")
        return os.path.join(home, "dags")
    if (section, key) == ("core", "plugins_folder"):
        home = _home("TRADEWIND_HOME", os.environ.get("AIRFLOW_HOME") or "~/.tradewind")
        ours = os.path.join(home, "plugins")
        theirs = os.path.join(os.environ.get("AIRFLOW_HOME") or home, "plugins")
        return ours if os.path.isdir(ours) or not os.path.isdir(theirs) else theirs
    return None


class Configuration:
    """Settings by section and key."""

    def __init__(self) -> None:
        self._parsed: configparser.ConfigParser | None = None

    def _file(self) -> configparser.ConfigParser:
        if self._parsed is None:
            self._parsed = configparser.ConfigParser(interpolation=None)
            home = os.environ.get("AIRFLOW_HOME")
            path = os.environ.get("AIRFLOW_CONFIG") or (home and os.path.join(home, "airflow.cfg"))
            if path and os.path.isfile(path):
                self._parsed.read(path, encoding="utf-8")
        return self._parsed

    def forget(self) -> None:
        """The file is read again, and what was set is gone."""
        self._parsed = None

    def _find(self, section: str, key: str) -> str | None:
        section, key = section.lower(), key.lower()
        for prefix in ("TRADEWIND", "AIRFLOW"):
            name = f"{prefix}__{section.upper().replace('.', '_')}__{key.upper()}"
            text = os.environ.get(name)
            if text is not None:
                return text
            command = os.environ.get(name + "_CMD")
            if command is not None:
                return run_command(command)
        if self._file().has_option(section, key):
            return self._file().get(section, key)
        found = _DEFAULTS.get((section, key))
        return found if found is not None else _computed(section, key)

    def get(self, section: str, key: str, fallback: Any = NOTSET, **_: Any) -> Any:
        """The setting's text, else the fallback; AirflowConfigException without one."""
        found = self._find(section, key)
        if found is not None:
            return found
        if fallback is NOTSET:
            raise AirflowConfigException(f"section/key [{section}/{key}] not found in config")
        return fallback

    get_mandatory_value = get

    def _typed(
        self, section: str, key: str, fallback: Any, kind: str, make: Callable[[str], Any]
    ) -> Any:
        found = self._find(section, key)
        if found is None:
            return self.get(section, key, fallback)
        try:
            return make(found.split("#")[0].strip())
        except ValueError:
            raise AirflowConfigException(
                f"the setting [{section}/{key}] must be {kind}, not {found!r}"
            ) from None

    def getboolean(self, section: str, key: str, fallback: Any = NOTSET, **_: Any) -> Any:
        """The setting as True or False."""

        def make(text: str) -> bool:
            if text.lower() not in _TRUE + _FALSE:
                raise ValueError
            return text.lower() in _TRUE

        return self._typed(section, key, fallback, "true or false", make)

    def getint(self, section: str, key: str, fallback: Any = NOTSET, **_: Any) -> Any:
        """The setting as a whole number."""
        return self._typed(section, key, fallback, "a whole number", int)

    def getfloat(self, section: str, key: str, fallback: Any = NOTSET, **_: Any) -> Any:
        """The setting as a number."""
        return self._typed(section, key, fallback, "a number", float)

    def getlist(
        self, section: str, key: str, fallback: Any = NOTSET, delimiter: str = ",", **_: Any
    ) -> Any:
        """The setting as a list of texts."""
        found = self._find(section, key)
        if found is None:
            return self.get(section, key, fallback)
        return [part.strip() for part in found.split(delimiter)] if found else []

    def getjson(self, section: str, key: str, fallback: Any = NOTSET, **_: Any) -> Any:
        """The setting's JSON value."""
        return self._typed(section, key, fallback, "JSON", lambda t: json.loads(t or "{}"))

    def gettimedelta(self, section: str, key: str, fallback: Any = NOTSET, **_: Any) -> Any:
        """The setting, a number of seconds, as a timedelta."""
        import datetime as dt

        found = self._find(section, key)
        if found == "":
            return None
        return self._typed(
            section, key, fallback, "a number of seconds", lambda t: dt.timedelta(seconds=int(t))
        )

    def getimport(self, section: str, key: str, **_: Any) -> Any:
        """What the setting names: "module.name"; None if it is empty."""
        import importlib

        found = self.get(section, key, "")
        if not found:
            return None
        module, _, name = found.rpartition(".")
        return getattr(importlib.import_module(module), name)

    def getenum(
        self, section: str, key: str, enum_class: type[enum.Enum], fallback: Any = NOTSET, **_: Any
    ) -> Any:
        """The member of an enumeration that the setting names."""

        def make(text: str) -> enum.Enum:
            if text not in enum_class.__members__:
                raise ValueError
            return enum_class[text]

        names = ", ".join(enum_class.__members__)
        return self._typed(section, key, fallback, f"one of {names}", make)

    def set(self, section: str, option: str, value: Any) -> None:
        """Changes a setting, for this process only."""
        if not self._file().has_section(section):
            self._file().add_section(section)
        self._file().set(section, option, str(value))

    def has_section(self, section: str) -> bool:
        """True if a setting of the section is known."""
        return bool(self.getsection(section))

    def as_dict(self, *_: Any, **__: Any) -> dict[str, dict[str, Any]]:
        """All sections that are known, each a dict."""
        sections = {section for section, _ in _DEFAULTS} | set(self._file().sections())
        return {section: self.getsection(section) for section in sorted(sections)}

    def has_option(self, section: str, key: str, **_: Any) -> bool:
        """True if the setting is there."""
        return self._find(section, key) is not None

    def getsection(self, section: str) -> dict[str, Any]:
        """The settings of a section that are known."""
        known = {key for one, key in _DEFAULTS if one == section.lower()}
        if self._file().has_section(section):
            known.update(self._file().options(section))
        for name in os.environ:
            parts = name.split("__")
            if len(parts) == 3 and parts[0] in ("TRADEWIND", "AIRFLOW"):
                if parts[1] == section.upper():
                    known.add(parts[2].lower())
        return {key: self.get(section, key) for key in sorted(known)}


def run_command(command: str) -> str:
    """What a command prints; AirflowConfigException if it fails."""
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AirflowConfigException(
            f"the command {command!r} failed with exit code {done.returncode}: {done.stderr}"
        )
    return done.stdout.rstrip("\n")


conf = Configuration()
