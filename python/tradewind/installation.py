"""
`python3 -m tradewind.installation WHAT`: what the Python environment has of Airflow, for the command
line: the version that DAG files see, settings, plugins and providers, and whether a connection works.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def _version(_: Any) -> None:
    import airflow

    print(airflow.__version__)


def _config(words: list[str]) -> None:
    from tradewind.configuration import conf

    if words[:1] == ["get-value"] and len(words) == 3:
        print(conf.get(words[1], words[2]))
        return
    sections = conf.as_dict()
    if len(words) > 1:
        sections = {words[1]: conf.getsection(words[1])}
    for section, settings in sections.items():
        print(f"[{section}]")
        for key, text in settings.items():
            print(f"{key} = {text}")
        print()


_PARTS = (
    "macros",
    "listeners",
    "timetables",
    "priority_weight_strategies",
    "operator_extra_links",
    "global_operator_extra_links",
    "hooks",
    "executors",
    "flask_blueprints",
    "fastapi_apps",
)


def _plugins(_: Any) -> None:
    import inspect

    from tradewind import plugins

    rows = []
    for plugin in plugins.load().plugins:
        rows.append(
            {
                "name": plugin.name,
                "source": inspect.getsourcefile(plugin),
                "parts": [name for name in _PARTS if getattr(plugin, name, None)],
            }
        )
    json.dump(rows, sys.stdout)


def _providers(_: Any) -> None:
    from airflow import providers_manager

    rows = []
    for package, info in providers_manager.providers().items():
        about = str(info.data.get("description", "")).strip()
        rows.append({"package_name": package, "description": about, "version": info.version})
    json.dump(rows, sys.stdout)


def _named(thing: Any) -> str:
    """Where it is defined, and its name."""
    kind = thing if hasattr(thing, "__qualname__") else type(thing)
    if hasattr(thing, "__file__"):
        return thing.__name__  # a module of listeners
    return f"{kind.__module__}.{kind.__qualname__}"


def _source(plugin: Any) -> str:
    """The file below its folder of plugins, else the module."""
    import inspect
    import os

    from tradewind import plugins

    path = inspect.getsourcefile(plugin) or ""
    for folder in plugins.folders():
        if path.startswith(folder + os.sep):
            return f"$PLUGINS_FOLDER/{os.path.relpath(path, folder)}"
    return plugin.__module__


# What the REST API names of a plugin, and what has no place here: lists that are always empty.
_SHOWN = ("macros", "timetables", "listeners", "operator_extra_links", "global_operator_extra_links")
_NOT_HERE = (
    "appbuilder_menu_items",
    "appbuilder_views",
    "external_views",
    "fastapi_apps",
    "fastapi_root_middlewares",
    "flask_blueprints",
    "react_apps",
)


def _rest(_: Any) -> None:
    """For the REST API, on one line: plugins, those that cannot be loaded, and providers by the metadata of their distributions."""
    import os
    from importlib import metadata

    from tradewind import plugins

    # What plugins print when they are loaded is no part of the answer.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    loaded = plugins.load()
    rows = []
    for plugin in loaded.plugins:
        row: dict[str, Any] = {"name": plugin.name, "source": _source(plugin)}
        for part in _SHOWN:
            row[part] = [_named(thing) for thing in getattr(plugin, part, None) or ()]
        row.update({part: [] for part in _NOT_HERE})
        rows.append(row)
    errors = [{"source": where, "error": text} for where, text in sorted(loaded.errors.items())]
    providers = {}
    for one in metadata.distributions():
        if any(point.group == "apache_airflow_provider" for point in one.entry_points):
            links = dict(
                text.split(", ", 1) for text in one.metadata.get_all("Project-URL") or () if ", " in text
            )
            providers[one.metadata["Name"]] = {
                "package_name": one.metadata["Name"],
                "description": one.metadata["Summary"] or "",
                "version": one.version,
                "documentation_url": links.get("Documentation"),
            }
    out.write(
        json.dumps(
            {
                "plugins": sorted(rows, key=lambda row: str(row["name"])),
                "import_errors": errors,
                "providers": [row for _name, row in sorted(providers.items())],
            }
        )
        + "\n"
    )
    out.flush()


# Where a type's port is not given.
_PORTS = {
    "postgres": 5432,
    "mysql": 3306,
    "mssql": 1433,
    "oracle": 1521,
    "redis": 6379,
    "mongo": 27017,
    "http": 80,
    "https": 443,
    "ftp": 21,
    "ssh": 22,
    "sftp": 22,
    "smtp": 25,
    "imap": 143,
    "kafka": 9092,
    "elasticsearch": 9200,
    "spark": 7077,
    "hiveserver2": 10000,
    "presto": 8080,
    "trino": 8080,
    "vertica": 5433,
    "clickhouse": 9000,
}

_TIMEOUT_S = 10


def _reach(connection: Any) -> int:
    """Exit code of whether its host answers over TCP; says what was tried."""
    import socket

    kind = connection.conn_type
    # http://host with a schema https is an https address, as its hook reads it.
    port = connection.port or _PORTS.get(connection.schema if kind == "http" else "")
    port = port or _PORTS.get(kind)
    no_hook = f"no installed provider has a hook that tests connections of type {kind!r}"
    host = connection.host
    if not host or not port or "/" in host:
        print(f"Nothing can be tried: {no_hook}, and it has no host and port.", file=sys.stderr)
        return 69
    try:
        socket.create_connection((host, port), timeout=_TIMEOUT_S).close()
    except OSError as error:
        print(f"Connection failed!\n{host}:{port} cannot be reached: {error}")
        return 1
    print(f"{host}:{port} can be reached. Nothing more was tried: {no_hook}.")
    return 0


def _connection(words: list[str]) -> Any:
    """Tries the connection of the environment, which has the id words[0]."""
    import os

    from airflow.providers_manager import ProvidersManager
    from tradewind.connection import Connection

    text = os.environ.pop("TRADEWIND_TESTED_CONNECTION")
    os.environ[f"AIRFLOW_CONN_{words[0].upper()}"] = text
    connection = Connection.from_json(text, words[0])
    info = ProvidersManager().hooks.get(connection.conn_type)
    if info is None or not info.connection_testable:
        return _reach(connection)
    worked, about = connection.test_connection()
    if connection.password:
        about = str(about).replace(connection.password, "***")
    print("Connection success!" if worked else f"Connection failed!\n{about}")
    return 0 if worked else 1


def main(arguments: Any) -> Any:
    """Exit code 0; 1 with the reason on standard error; 64 for wrong use."""
    known = {
        "version": _version,
        "config": _config,
        "plugins": _plugins,
        "providers": _providers,
        "rest": _rest,
        "connection": _connection,
    }
    if not arguments or arguments[0] not in known:
        print(f"usage: python3 -m tradewind.installation {'|'.join(known)}", file=sys.stderr)
        return 64
    from tradewind.exceptions import AirflowException

    try:
        return known[arguments[0]](arguments[1:]) or 0
    except AirflowException as error:
        print(f"tradewind: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
