"""
Frames: a 4-byte little-endian length, then that many bytes of JSON (docs/internals/wire.md).
Descriptors travel with the first byte.
"""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

MESSAGE_MAX = 72 << 20  # as LIMIT_MESSAGE of the engine: the largest XCom and its frame
_FDS_MAX = 64


class ProtocolError(Exception):
    """The other side broke the protocol: the connection is of no more use."""


def encode(message: dict[str, Any]) -> bytes:
    """A frame. ProtocolError if the message is longer than a frame may be."""
    body = json.dumps({"v": 1, **message}, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )
    if len(body) > MESSAGE_MAX:
        raise ProtocolError(f"a message of {len(body)} bytes is longer than {MESSAGE_MAX}")
    return struct.pack("<I", len(body)) + body


def send(sock: socket.socket, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
    """Sends one message, blocking. OSError if the other side is gone."""
    send_frame(sock, encode(message), fds)


def send_frame(sock: socket.socket, frame: bytes, fds: Sequence[int] = ()) -> None:
    """Sends an encoded frame, blocking."""
    sent = 0
    if fds:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        sent = sock.sendmsg([frame], rights, socket.MSG_NOSIGNAL)
    if sent < len(frame):
        sock.sendall(memoryview(frame)[sent:])


class Reader:
    """Takes frames from a stream socket, and descriptors in the order they came."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = bytearray()
        self.fds: list[int] = []
        self._space = socket.CMSG_SPACE(_FDS_MAX * 4)

    def read(self) -> bool:
        """
        Reads once what is there. False at the end of the stream. BlockingIOError if nothing is
        there (non-blocking).
        """
        try:
            data, ancillary, flags, _ = self.sock.recvmsg(
                1 << 16, self._space, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError:
            return False
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array("i")
                fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
                self.fds.extend(fds)
        if flags & socket.MSG_CTRUNC:
            raise ProtocolError("descriptors were lost on the way")
        self.buffer += data
        return bool(data)

    def message(self) -> dict[str, Any] | None:
        """The next whole message, or None. ProtocolError."""
        if len(self.buffer) < 4:
            return None
        (length,) = struct.unpack_from("<I", self.buffer)
        if length > MESSAGE_MAX:
            raise ProtocolError(f"a message of {length} bytes is longer than {MESSAGE_MAX}")
        if len(self.buffer) < 4 + length:
            return None
        body = bytes(self.buffer[4 : 4 + length])
        del self.buffer[: 4 + length]
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"a message is not JSON: {error}") from None
        if not isinstance(message, dict):
            raise ProtocolError("a message is not an object")
        return message

    def take_fds(self, count: int) -> list[int]:
        """The next descriptors. ProtocolError if they did not come."""
        if len(self.fds) < count:
            raise ProtocolError(f"{count} descriptors were expected, {len(self.fds)} came")
        taken, self.fds = self.fds[:count], self.fds[count:]
        return taken


def close_all(fds: Iterable[int]) -> None:
    """Closes descriptors, whatever their state."""
    for fd in fds:
        try:
            os.close(fd)
        except OSError:
            pass


def close_sockets(*sockets: socket.socket) -> None:
    """Closes sockets."""
    for sock in sockets:
        sock.close()
