"""
The trigger process: one asyncio loop in which the triggers of all deferred tasks wait, so that they
hold neither a process nor a slot of their own. `python3 -m tradewind.runner.triggers`, started by
the worker with a stream socket as descriptor 0; standard output and error go to its log.

States of a trigger: told → made (class imported, called with its arguments) → waiting → fired or
failed, once → gone.
Invariants: 1. a trigger is answered by one `fired` at most. 2. Nothing is kept here: a new process is
told all triggers again. 3. The process ends when the socket does.
"""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import importlib
import json
import logging
import os
import struct
import sys
import traceback
from typing import TYPE_CHECKING

from tradewind.runner import wire
from tradewind.serde import decode, storable

if TYPE_CHECKING:
    import socket
    from asyncio import StreamReader, StreamWriter
    from logging import LogRecord
    from types import ModuleType
    from typing import Any

_log_path = contextvars.ContextVar("log_path", default=None)
_files: dict[str, tuple[Any, ModuleType]] = {}  # path → (stat signature, module)


class Current:
    """What a trigger knows of its task: `trigger.task_instance`, and how it asks the engine."""

    def __init__(self, message: dict[str, Any]) -> None:
        self.attempt = message["attempt"]
        self.dag_id, self.run_id = message.get("dag_id"), message.get("run_id")
        self.task_id, self.map_index = message.get("task_id"), message.get("map_index", -1)
        self.try_number = message.get("try_number", 1)
        self.id = self.attempt
        self._path: Any = message.get("engine")
        self._engine: Any = None
        self._lock = asyncio.Lock()

    async def ask(self, kind: str, **members: Any) -> Any:
        """
        The engine's answer. Asked in a thread, so that no other trigger waits; AirflowRuntimeError
        if the engine refuses, EngineAway if it is not there for long.
        """
        from tradewind.runner.engine import Engine

        async with self._lock:
            if self._engine is None:
                self._engine = Engine(self._path, self.attempt)
            return await asyncio.to_thread(self._engine.ask, kind, **members)

    def close(self) -> None:
        """Lets go of the connection."""
        if self._engine is not None:
            self._engine.close()


def _dag_module(path: str) -> ModuleType:
    """The module of a DAG file, imported once for each state of the file."""
    from tradewind.importer import Target, _load

    status = os.stat(path)
    signature = (status.st_mtime_ns, status.st_size, status.st_ino)
    known = _files.get(path)
    if known is None or known[0] != signature:
        known = _files[path] = (signature, _load(Target.of(path)))
    return known[1]


def find_class(classpath: str, file: str | None) -> Any:
    """The trigger's class. A class of the DAG file itself is found there, whatever its name."""
    module_name, _, name = classpath.rpartition(".")
    folder = os.path.dirname(file or "")
    if folder and folder not in sys.path:
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
    if module_name.startswith("tradewind_dag_") and file:
        return getattr(_dag_module(file), name)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError:
        # `Outer.Inner` of a module
        outer, _, inner = module_name.rpartition(".")
        if not outer:
            raise
        module = getattr(importlib.import_module(outer), inner)
    return getattr(module, name)


class Process:
    """The loop's side of the socket, and the triggers that run."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.running: dict[str, Any] = {}  # attempt → task
        self.dropped: set[str] = set()
        self.watched: dict[str, Any] = {}  # id of an asset's watcher → (task, event "next")

    async def serve(self) -> None:
        """Until the socket ends."""
        try:
            while True:
                (length,) = struct.unpack("<I", await self.reader.readexactly(4))
                if length > wire.MESSAGE_MAX:
                    raise wire.ProtocolError(f"a message of {length} bytes")
                self.hear(json.loads(await self.reader.readexactly(length)))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    def hear(self, message: dict[str, Any]) -> None:
        """One message of the worker. Unknown types are for later versions."""
        attempt: Any = message.get("attempt")
        if message.get("type") == "trigger" and attempt not in self.running:
            task = asyncio.get_running_loop().create_task(self.run(message))
            self.running[attempt] = task
        elif message.get("type") == "watch" and message["id"] not in self.watched:
            go_on = asyncio.Event()
            task = asyncio.get_running_loop().create_task(self.watch(message, go_on))
            self.watched[message["id"]] = (task, go_on)
        elif message.get("type") == "next" and message.get("id") in self.watched:
            self.watched[message["id"]][1].set()
        elif message.get("type") == "unwatch" and message.get("id") in self.watched:
            self.watched.pop(message["id"])[0].cancel()
        elif message.get("type") == "drop" and attempt in self.running:
            self.dropped.add(attempt)
            self.running[attempt].cancel()

    async def watch(self, message: dict[str, Any], go_on: asyncio.Event) -> None:
        """
        A trigger of an asset, made again whenever it ends: an event is told, and it goes on when
        that is durable.
        """
        pause = 1.0
        while True:
            try:
                current = Current({**message, "attempt": message["id"]})
                trigger, events = _made(message, current)
                try:
                    async for event in events:
                        payload = storable(getattr(event, "payload", event), "the event of a trigger")
                        go_on.clear()
                        self.tell({"type": "event", "id": message["id"], "event": payload})
                        await go_on.wait()
                        pause = 1.0
                finally:
                    await events.aclose()
                    await trigger.cleanup()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                logging.getLogger("tradewind.triggers").error(
                    "the trigger of the watcher %r failed; it is made again in %d s:\n%s",
                    message["id"].replace("\n", " "), pause,
                    "".join(traceback.format_exception(error)).rstrip(),
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, 60.0)

    async def run(self, message: dict[str, Any]) -> None:
        """One trigger, from its message to its end."""
        attempt = message["attempt"]
        _log_path.set(message.get("log"))
        current = Current(message)
        try:
            answer = await self.first_event(message, current)
        except asyncio.CancelledError:
            answer = None
        except (TimeoutError, asyncio.TimeoutError):
            answer = {"error": "Trigger timeout"}
        except Exception as error:
            logging.getLogger("tradewind.triggers").error(
                "the trigger failed:\n%s", "".join(traceback.format_exception(error)).rstrip()
            )
            answer = {"error": f"Trigger failure: {type(error).__name__}: {error}"}
        finally:
            current.close()
            self.running.pop(attempt, None)
            self.dropped.discard(attempt)
        if answer is not None:
            self.tell({"type": "fired", "attempt": attempt, **answer})

    async def first_event(self, message: dict[str, Any], current: Current) -> dict[str, Any]:
        """The answer that the first event makes. TimeoutError after the task's timeout."""
        trigger, events = _made(message, current)
        left = None
        if message.get("timeout_us") is not None:
            left = max(0.0, message["timeout_us"] / 1e6 - dt.datetime.now().timestamp())
        try:
            event = await asyncio.wait_for(_next(events), left)
        except asyncio.CancelledError:
            if current.attempt in self.dropped and hasattr(trigger, "on_kill"):
                await trigger.on_kill()
            raise
        finally:
            await events.aclose()
            await trigger.cleanup()
        return _answer(event)

    def tell(self, message: dict[str, Any]) -> None:
        """Sends a message; what cannot be sent is told as a failure."""
        self.writer.write(wire.encode(message))


def _made(message: dict[str, Any], current: Current) -> tuple[Any, Any]:
    """The trigger of a message, and its events."""
    spec = message["trigger"]
    cls = find_class(spec["classpath"], spec.get("file") or message.get("file"))
    trigger = cls(**decode(spec.get("kwargs") or {}))
    trigger.task_instance = current
    trigger.trigger_id = current.attempt
    return trigger, trigger.run()


async def _next(events: Any) -> Any:
    async for event in events:
        return event
    raise RuntimeError("it ended without an event")


def _answer(event: Any) -> dict[str, Any]:
    from tradewind.triggers.base import BaseTaskEndEvent

    if isinstance(event, BaseTaskEndEvent):
        xcoms = {
            key: storable(value, f"the XCom {key!r} of a trigger")
            for key, value in (event.xcoms or {}).items()
        }
        return {"end": event.task_instance_state, "xcoms": xcoms}
    return {"event": storable(getattr(event, "payload", event), "the event of a trigger")}


class _ToTask(logging.Handler):
    """Lines of a trigger go to the log of its task's attempt; all others to this process's."""

    def emit(self, record: LogRecord) -> None:
        from tradewind.log import masked

        text = masked(self.format(record)) + "\n"
        path = _log_path.get()
        try:
            if path is None:
                sys.stderr.write(text)
                return
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(fd, text.encode("utf-8", "backslashreplace"))
            finally:
                os.close(fd)
        except OSError:
            self.handleError(record)


def _set_up_logging() -> None:
    from tradewind.runner.task import LOG_FORMAT

    handler = _ToTask()
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def _end_with_parent() -> None:
    """A trigger that blocks the loop does not outlive the worker."""
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


async def _main(sock: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=sock, limit=1 << 20)
    await Process(reader, writer).serve()


def main() -> None:
    """The process's whole life."""
    import socket

    sock = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.umask(0o077)
    _end_with_parent()
    _set_up_logging()
    asyncio.run(_main(sock))
    # Threads of triggers may still wait for something: nobody waits for them any more.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
