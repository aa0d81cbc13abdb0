"""
Airflow's `conf`: options from the environment (TRADEWIND__SECTION__KEY, AIRFLOW__SECTION__KEY, and
AIRFLOW__SECTION__KEY_CMD), then airflow.cfg in $AIRFLOW_HOME or $TRADEWIND_HOME, then Airflow's
defaults of the options that providers ask for. What is read while a DAG file is imported makes the
file depend on it.
"""

from __future__ import annotations

import configparser
import datetime as dt
import json
import os
import shlex
import subprocess

from airflow._exceptions import AirflowConfigException

_TRUE, _FALSE = ("t", "true", "1", "yes", "on"), ("f", "false", "0", "no", "off")
_UNSET = object()

_DEFAULTS = {
    ("core", "parallelism"): "32",
    ("core", "default_timezone"): "utc",
    ("core", "executor"): "LocalExecutor",
    ("core", "max_active_tasks_per_dag"): "16",
    ("core", "max_active_runs_per_dag"): "16",
    ("core", "load_examples"): "False",
    ("core", "unit_test_mode"): "False",
    ("core", "default_task_retries"): "0",
    ("core", "default_task_retry_delay"): "300",
    ("core", "max_task_retry_delay"): "86400",
    ("core", "default_task_weight_rule"): "downstream",
    ("core", "default_task_execution_timeout"): "",
    ("core", "max_map_length"): "1024",
    ("core", "dagbag_import_timeout"): "30.0",
    ("core", "killed_task_cleanup_time"): "60",
    ("core", "allowed_deserialization_classes"): "airflow.*",
    ("core", "hide_sensitive_var_conn_fields"): "True",
    ("core", "sensitive_var_conn_names"): "",
    ("core", "security"): "",
    ("core", "default_impersonation"): "",
    ("core", "test_connection"): "Disabled",
    ("operators", "default_owner"): "airflow",
    ("operators", "default_deferrable"): "False",
    ("operators", "default_cpus"): "1",
    ("operators", "default_ram"): "512",
    ("operators", "default_disk"): "512",
    ("operators", "default_gpus"): "0",
    ("operators", "default_queue"): "default",
    ("scheduler", "catchup_by_default"): "False",
    ("scheduler", "create_cron_data_intervals"): "False",
    ("scheduler", "create_delta_data_intervals"): "False",
    ("sensors", "default_timeout"): "604800",
    ("secrets", "backend"): "",
    ("secrets", "backend_kwargs"): "",
    ("secrets", "use_cache"): "False",
    ("email", "email_backend"): "airflow.utils.email.send_email_smtp",
    ("email", "email_conn_id"): "smtp_default",
    ("email", "default_email_on_retry"): "True",
    ("email", "default_email_on_failure"): "True",
    ("email", "ssl_context"): "default",
    ("smtp", "smtp_host"): "localhost",
    ("smtp", "smtp_port"): "25",
    ("smtp", "smtp_starttls"): "True",
    ("smtp", "smtp_ssl"): "False",
    ("smtp", "smtp_timeout"): "30",
    ("smtp", "smtp_retry_limit"): "5",
    ("smtp", "smtp_mail_from"): "airflow@example.com",
    ("logging", "logging_level"): "INFO",
    ("logging", "remote_logging"): "False",
    ("logging", "remote_log_conn_id"): "",
    ("logging", "remote_base_log_folder"): "",
    ("logging", "encrypt_s3_logs"): "False",
    ("logging", "min_length_masked_secret"): "5",
    ("metrics", "statsd_on"): "False",
    ("webserver", "base_url"): "http://localhost:8080",
    ("triggerer", "capacity"): "1000",
    ("lineage", "backend"): "",
}


def get_airflow_home():
    """$AIRFLOW_HOME, else $TRADEWIND_HOME, else ~/.tradewind."""
    home = os.environ.get("AIRFLOW_HOME") or os.environ.get("TRADEWIND_HOME") or "~/.tradewind"
    return os.path.expanduser(home)


AIRFLOW_HOME = get_airflow_home()


class Configuration:
    """Sections of options. A missing option without a fallback is an AirflowConfigException."""

    def __init__(self):
        self._file = None

    def _parsed(self):
        if self._file is None:
            self._file = configparser.ConfigParser(interpolation=None)
            path = os.environ.get("AIRFLOW_CONFIG") or os.path.join(
                get_airflow_home(), "airflow.cfg"
            )
            if os.path.isfile(path):
                self._file.read(path, encoding="utf-8")
        return self._file

    def _find(self, section, key):
        section, key = section.lower(), key.lower()
        name = f"{section.replace('.', '_')}__{key}".upper()
        for prefix in ("TRADEWIND__", "AIRFLOW__"):
            text = os.environ.get(prefix + name)
            if text is not None:
                return os.path.expanduser(os.path.expandvars(text))
            command = os.environ.get(f"{prefix}{name}_CMD")
            if command is not None:
                return run_command(command)
        file = self._parsed()
        if file.has_option(section, key):
            return file.get(section, key)
        if (section, key) == ("core", "dags_folder"):
            return os.path.join(get_airflow_home(), "dags")
        if (section, key) == ("core", "plugins_folder"):
            return os.path.join(get_airflow_home(), "plugins")
        if (section, key) == ("logging", "base_log_folder"):
            return os.path.join(get_airflow_home(), "logs")
        return _DEFAULTS.get((section, key))

    def get(self, section, key, fallback=_UNSET, **_):
        """The option's text."""
        found = self._find(section, key)
        if found is not None:
            return found
        if fallback is _UNSET:
            raise AirflowConfigException(f"section/key [{section}/{key}] not found in config")
        return fallback

    def _as(self, convert, what, section, key, fallback):
        text = self.get(section, key, fallback)
        if text is fallback and not isinstance(text, str):
            return text
        try:
            return convert(text)
        except (TypeError, ValueError):
            raise AirflowConfigException(
                f"the option [{section}] {key} must be {what}, not {text!r}"
            ) from None

    def getboolean(self, section, key, fallback=_UNSET, **_):
        """True or False."""
        return self._as(_boolean, "a boolean", section, key, fallback)

    def getint(self, section, key, fallback=_UNSET, **_):
        """A whole number."""
        return self._as(int, "a whole number", section, key, fallback)

    def getfloat(self, section, key, fallback=_UNSET, **_):
        """A number."""
        return self._as(float, "a number", section, key, fallback)

    def getlist(self, section, key, fallback=_UNSET, delimiter=",", **_):
        """The parts between delimiters."""
        split = lambda text: [p.strip() for p in text.split(delimiter)] if text.strip() else []  # noqa: E731
        return self._as(split, "a list", section, key, fallback)

    def getjson(self, section, key, fallback=_UNSET, **_):
        """The value of JSON text; {} of an empty text."""
        return self._as(lambda t: json.loads(t or "{}"), "JSON", section, key, fallback)

    def getenum(self, section, key, enum_class, fallback=_UNSET, **_):
        """A member of an enumeration, by name."""
        return self._as(
            lambda t: getattr(enum_class, t),
            f"one of {[m.name for m in enum_class]}",
            section,
            key,
            fallback,
        )

    def gettimedelta(self, section, key, fallback=None, **_):
        """A timedelta from seconds."""
        text = self.get(section, key, fallback)
        return dt.timedelta(seconds=float(text)) if isinstance(text, str) and text else fallback

    def getimport(self, section, key, **_):
        """What the dotted name in the option names; None of an empty one."""
        text = self.get(section, key, fallback="")
        if not text:
            return None
        from airflow.utils.module_loading import import_string

        return import_string(text)

    def get_mandatory_value(self, section, key, **kwargs):
        """As get; None is an error."""
        value = self.get(section, key, **kwargs)
        if value is None:
            raise ValueError(f"the value [{section}/{key}] must be set")
        return value

    get_mandatory_list_value = getlist

    def getsection(self, section):
        """All options of a section that are known, or None."""
        found = {k: v for (s, k), v in _DEFAULTS.items() if s == section.lower()}
        if self._parsed().has_section(section):
            found.update(self._parsed().items(section))
        for prefix in ("AIRFLOW__", "TRADEWIND__"):
            start = f"{prefix}{section.upper()}__"
            for name in list(os.environ):
                if name.startswith(start):
                    found[name[len(start) :].lower()] = os.environ[name]
        return found or None

    def has_option(self, section, option):
        """True if the option has a value."""
        return self._find(section, option) is not None

    def has_section(self, section):
        """True if the section has an option."""
        return bool(self.getsection(section))

    def add_section(self, section):
        """For code that makes its own section."""
        if not self._parsed().has_section(section):
            self._parsed().add_section(section)

    def set(self, section, option, value):
        """For this process only."""
        self.add_section(section)
        self._parsed().set(section, option, str(value))

    def as_dict(self, *_, **__):
        """Sections that are known, each a dict."""
        sections = {s for s, _ in _DEFAULTS} | set(self._parsed().sections())
        return {section: self.getsection(section) or {} for section in sorted(sections)}


def _boolean(text):
    word = str(text).lower().partition("#")[0].strip()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(text)


def run_command(command):
    """What a command prints; AirflowConfigException if it fails."""
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AirflowConfigException(
            f"the command {command!r} failed with exit code {done.returncode}: {done.stderr}"
        )
    return done.stdout.rstrip("\n")


conf = Configuration()
AirflowConfigParser = Configuration


def get_custom_secret_backend(*_):
    """The backend of [secrets] backend, or None."""
    made = conf.getimport("secrets", "backend")
    return made(**conf.getjson("secrets", "backend_kwargs", fallback={})) if made else None


def initialize_secrets_backends(*_):
    """Where variables and connections are looked for before the engine, in order."""
    from airflow.secrets.environment_variables import EnvironmentVariablesBackend

    own = get_custom_secret_backend()
    return [*([own] if own is not None else []), EnvironmentVariablesBackend()]


ensure_secrets_loaded = initialize_secrets_backends
