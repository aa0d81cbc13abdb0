"""
Plugins: classes made from AirflowPlugin in the files of the plugins folder ($TRADEWIND_HOME/plugins,
[core] plugins_folder of Airflow's settings) and in the entry points `airflow.plugins` of installed
packages. Their macros are seen by templates, their listeners hear of the task's states; timetables,
priority strategies and operator links are kept for who asks. Web pages of plugins have no place here.
"""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from typing import TYPE_CHECKING

from tradewind import macros

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

hookimpl: Any
try:
    import pluggy

    hookimpl = pluggy.HookimplMarker("airflow")
except ImportError:

    def _hookimpl(function: Any = None, **options: Any) -> Any:
        """Marks a function of a listener."""
        if function is None:
            return lambda f: hookimpl(f, **options)
        function.airflow_impl = options
        return function

    hookimpl = _hookimpl


class AirflowPlugin:
    """The base of plugins; a subclass has a `name` and any of these lists."""

    name: str | None = None
    source = None
    macros: list = []
    timetables: list = []
    partition_mappers: list = []
    priority_weight_strategies: list = []
    listeners: list = []
    operator_extra_links: list = []
    global_operator_extra_links: list = []
    hook_lineage_readers: list = []
    # Kept so that plugins load; nothing shows them.
    admin_views: list = []
    flask_blueprints: list = []
    appbuilder_views: list = []
    appbuilder_menu_items: list = []
    fastapi_apps: list = []
    fastapi_root_middlewares: list = []
    external_views: list = []
    react_apps: list = []
    menu_links: list = []
    ti_deps: list = []

    @classmethod
    def validate(cls) -> None:
        """ValueError without a name."""
        if not cls.name:
            raise ValueError("Your plugin needs a name.")

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Called once, when it is loaded."""


class ListenerManager:
    """The listeners of this process. What one of them raises is logged and changes nothing."""

    def __init__(self) -> None:
        self.listeners: list[Any] = []

    @property
    def has_listeners(self) -> bool:
        """True if there is one."""
        return bool(self.listeners)

    def add_listener(self, listener: Any) -> None:
        """A module or object with functions marked by hookimpl."""
        if listener not in self.listeners:
            self.listeners.append(listener)

    def clear(self) -> None:
        """Forgets them."""
        self.listeners.clear()

    def hears(self, event: str) -> bool:
        """True if one has a function for it."""
        return any(True for _ in self._functions(event))

    def _functions(self, event: str) -> Iterator[Any]:
        for listener in self.listeners:
            function = getattr(listener, event, None)
            if function is not None and hasattr(function, "airflow_impl"):
                yield function

    def tell(self, event: str, **arguments: Any) -> int:
        """
        Calls `event` of each that has it, with the arguments that it takes. How many failed: what they
        raised is in the log.
        """
        failed = 0
        for function in self._functions(event):
            try:
                taken = inspect.signature(function).parameters
                function(**{name: value for name, value in arguments.items() if name in taken})
            except Exception:
                failed += 1
                sys.stderr.write(f"tradewind: the listener's {event} failed:\n")
                traceback.print_exc()
        return failed


# What a DAG's document says of listeners: its word, and the functions that are told so.
HEARD = {
    "running": ("on_dag_run_running",),
    "success": ("on_dag_run_success",),
    "failed": ("on_dag_run_failed",),
    "assets": (
        "on_asset_created",
        "on_asset_alias_created",
        "on_asset_changed",
        "on_asset_event_emitted",
    ),
}


def heard() -> list[Any]:
    """The words of HEARD for which there are listeners."""
    return [word for word, events in HEARD.items() if any(map(_manager.hears, events))]


class Loaded:
    """What was loaded: classes in order, and file or entry point → error text."""

    def __init__(self) -> None:
        self.plugins: list[Any] = []
        self.errors: dict[str, str] = {}
        self.folder_done = self.points_done = False


_loaded = Loaded()
_manager = ListenerManager()


def get_listener_manager() -> ListenerManager:
    """The listeners of this process."""
    return _manager


def are_loaded() -> bool:
    """True if there is a plugin, or one that could not be loaded."""
    return bool(_loaded.plugins or _loaded.errors)


def folders() -> list[str]:
    """The folders of plugins and of airflow_local_settings that are there."""
    # What the program gives to its runner: a task does not learn where the home is.
    given = os.environ.get("TRADEWIND_EXTENSIONS")
    found = [path for path in (given or "").split(os.pathsep) if path]
    for home in ("TRADEWIND_HOME", "AIRFLOW_HOME"):
        if home == "TRADEWIND_HOME" and given is not None:
            continue
        path = os.environ.get(home) or (
            os.path.expanduser("~/.tradewind") if home == "TRADEWIND_HOME" else None
        )
        if path:
            found.extend((os.path.join(path, "plugins"), os.path.join(path, "config")))
    for name in ("TRADEWIND__CORE__PLUGINS_FOLDER", "AIRFLOW__CORE__PLUGINS_FOLDER"):
        if os.environ.get(name):
            found.insert(0, os.environ[name])
    whole = dict.fromkeys(os.path.abspath(path) for path in found)
    return [path for path in whole if os.path.isdir(path)]


def prepare(paths: Iterable[str]) -> None:
    """
    Before a DAG file is imported: the folders (of folders()) are on sys.path and plugins of files
    are loaded.
    """
    for path in paths:
        if path not in sys.path:
            sys.path.append(path)
        if os.path.basename(path) != "config":
            _load_folder(path)


def load() -> Loaded:
    """All plugins, those of installed packages too. The Loaded."""
    from tradewind.uses import unrecorded

    with unrecorded():
        # Not what the DAG file uses, but what is installed.
        prepare(folders())
        if not _loaded.points_done:
            _loaded.points_done = True
            _load_points()
    return _loaded


def _load_folder(folder: str) -> None:
    for here, names, files in os.walk(folder):
        names[:] = sorted(n for n in names if n != "__pycache__" and not n.startswith("."))
        for name in sorted(files):
            if name.endswith(".py"):
                _load_file(folder, os.path.join(here, name))


def _load_file(folder: str, path: str) -> None:
    import importlib

    name = os.path.relpath(path, folder)[: -len(".py")].replace(os.sep, ".")
    name = name[: -len(".__init__")] if name.endswith(".__init__") else name
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == path:
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        if "AirflowPlugin" not in file.read():
            # A module for others to import, when they do.
            return
    try:
        module = importlib.import_module(name)
    except Exception as error:
        _failed(path, error)
        return
    for value in list(vars(module).values()):
        if _is_plugin(value) and value.__module__ == name:
            _register(value, path)


def _load_points() -> None:
    from importlib import metadata

    points: Any = metadata.entry_points()
    group = "airflow.plugins"
    for point in points.select(group=group) if hasattr(points, "select") else points.get(group, ()):
        try:
            value = point.load()
            if _is_plugin(value):
                _register(value, point.value)
        except Exception as error:
            _failed(point.value, error)


def _failed(where: str, error: BaseException) -> None:
    _loaded.errors[where] = f"{type(error).__name__}: {error}"
    sys.stderr.write(f"tradewind: the plugin {where} cannot be loaded: {error}\n")


def _is_plugin(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, AirflowPlugin) and value is not AirflowPlugin


def _register(plugin: Any, where: str) -> None:
    if plugin in _loaded.plugins:
        return
    try:
        plugin.validate()
        plugin.on_load()
    except Exception as error:
        _failed(where, error)
        return
    _loaded.plugins.append(plugin)
    if plugin.macros:
        setattr(macros, plugin.name, _Macros(plugin))
    for listener in plugin.listeners:
        _manager.add_listener(listener)


class _Macros:
    """`macros.PLUGIN.NAME` of templates."""

    def __init__(self, plugin: Any) -> None:
        for macro in plugin.macros:
            setattr(self, getattr(macro, "__name__", type(macro).__name__), macro)


def loaded() -> Any:
    """The plugins that are loaded so far."""
    return _loaded.plugins


def of_kind(kind: str) -> list[Any]:
    """All entries of an attribute (`timetables` ...) of all plugins."""
    return [entry for plugin in load().plugins for entry in getattr(plugin, kind)]
