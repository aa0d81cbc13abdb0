"""
Connections: where a hook finds host, login and password. From the secrets backend of airflow.cfg,
the secrets folder, the environment (TRADEWIND_CONN_<ID>, AIRFLOW_CONN_<ID>: a URI or JSON), then
the store; as variables are.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from tradewind import link, log
from tradewind.exceptions import AirflowException, AirflowNotFoundException
from tradewind.types import NOTSET

if TYPE_CHECKING:
    from typing import Any
    from urllib.parse import SplitResult

    from typing_extensions import Self

ENV_PREFIXES = ("TRADEWIND_CONN_", "AIRFLOW_CONN_")
_FIELDS = (
    "conn_id", "conn_type", "description", "host", "login", "password", "schema", "port", "extra",
)  # fmt: skip
_ID = re.compile(r"^[\w#!()\-.:/\\]{1,250}$")
CONN_ID_MAX_LEN = 250


def sanitize_conn_id(conn_id: Any, max_length: int = CONN_ID_MAX_LEN) -> str | None:
    """The id, or None if it is not one."""
    if not isinstance(conn_id, str) or len(conn_id) > max_length or not _ID.match(conn_id):
        return None
    return conn_id


def text_in_environment(conn_id: str) -> str | None:
    """The connection as the environment has it, or None."""
    for prefix in ENV_PREFIXES:
        text = os.environ.get(prefix + conn_id.upper())
        if text:
            return text
    return None


class Connection:
    """
    Named access to another system. Made of fields, or of `uri` alone (AirflowException if both are
    given). extra: JSON text or a dict. Passwords and sensitive extras are masked in the log.
    """

    EXTRA_KEY = "__extra__"

    def __init__(
        self,
        conn_id: str | None = None,
        conn_type: str | None = None,
        description: str | None = None,
        host: str | None = None,
        login: str | None = None,
        password: str | None = None,
        schema: str | None = None,
        port: int | None = None,
        extra: str | dict[str, Any] | None = None,
        uri: str | None = None,
        **_: Any,
    ) -> None:
        self.conn_id, self.description = conn_id, description
        if uri is not None and any((conn_type, host, login, password, schema, port, extra)):
            raise AirflowException(
                "give either the URI or the fields of a connection (conn_type, host, login, password,"
                " schema, port, extra), not both"
            )
        self.conn_type, self.host, self.login = conn_type, host, login
        self.password, self.schema, self.port = password, schema, port
        if extra is not None and not isinstance(extra, str):
            extra = json.dumps(extra)
        self.extra = extra
        if uri is not None:
            self._parse_uri(uri)
        if self.extra:
            self._check_extra()
        self._mask()

    def _check_extra(self) -> None:
        try:
            parsed = json.loads(self.extra or "")
        except ValueError:
            # Airflow warns and goes on: the text is kept, extra_dejson is empty.
            return
        if not isinstance(parsed, dict):
            raise ValueError(
                f"Expected JSON object for `extra` field for connection: {self.conn_id}, got"
                f" {type(parsed).__name__}"
            )

    def _mask(self) -> None:
        if self.password:
            log.mask_secret(self.password)
            log.mask_secret(quote(self.password, safe=""))
        log.mask_named(self.extra_dejson if self.extra else {})

    def _parse_uri(self, uri: str) -> None:
        if "://" not in uri:
            raise AirflowException(
                f"the URI of connection {self.conn_id!r} must be"
                " type://login:password@host:port/schema"
            )
        kind, rest = uri.split("://", 1)
        if not re.fullmatch(r"[A-Za-z0-9+._-]*", kind):
            raise AirflowException(f"Invalid connection string of connection {self.conn_id!r}.")
        self.conn_type = _type_of_scheme(kind.lower())
        # `type://protocol://host`: the protocol belongs to the host.
        protocol = rest.partition("://")[0] if "://" in rest else None
        if rest.count("://") > 1 or (protocol and set(protocol) & set("@:")):
            raise AirflowException(f"Invalid connection string of connection {self.conn_id!r}.")
        parts = urlsplit(rest if protocol else "//" + rest)
        host = _host_of(parts)
        self.host = f"{parts.scheme}://{host}" if protocol and host else host
        self.schema = unquote(parts.path[1:])
        self.login = unquote(parts.username) if parts.username else parts.username
        self.password = unquote(parts.password) if parts.password else parts.password
        self.port = parts.port
        if parts.query:
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            self.extra = query.get(self.EXTRA_KEY) or json.dumps(query)

    def get_uri(self) -> str:
        """The connection as a URI that reads back as the same."""
        uri = f"{self.conn_type.lower().replace('_', '-')}://" if self.conn_type else "//"
        host = self.host
        if host and "://" in host:
            protocol, rest = host.split("://", 1)
            if protocol != self.conn_type:
                uri, host = f"{uri}{protocol}://", rest
        access = ""
        if self.login is not None:
            access += quote(self.login, safe="")
        if self.password is not None:
            access += ":" + quote(self.password, safe="")
        if access:
            access += "@"
        place = quote(host, safe="") if host else ""
        if self.port:
            place += f":{self.port}" if place or access else f"@:{self.port}"
        if self.schema:
            place += "/" + quote(self.schema, safe="")
        return uri + access + place + self._query()

    def _query(self) -> str:
        if not self.extra:
            return ""
        slash = "?" if self.schema else "/?"
        extra = self.extra_dejson
        try:
            flat = urlencode(extra)
        except TypeError:
            flat = None
        if flat and extra == dict(parse_qsl(flat, keep_blank_values=True)):
            return slash + flat
        return slash + urlencode({self.EXTRA_KEY: self.extra})

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """extra as a dict; {} if there is none or if it is not JSON."""
        return self.get_extra_dejson()

    def get_extra_dejson(self, nested: bool = False) -> dict[str, Any]:
        """The same; nested: JSON text within it is read too."""
        if not self.extra:
            return {}
        try:
            found = json.loads(self.extra)
        except ValueError:
            return {}
        if nested:
            for key, value in found.items():
                if isinstance(value, str):
                    try:
                        found[key] = json.loads(value)
                    except ValueError:
                        continue
        log.mask_named(found)
        return found

    def get_password(self) -> str | None:
        """The password."""
        return self.password

    def set_password(self, value: str | None) -> None:
        """Changes it."""
        self.password = value
        self._mask()

    def get_extra(self) -> str | None:
        """The extra as text."""
        return self.extra

    def set_extra(self, value: str | dict[str, Any] | None) -> None:
        """Changes it."""
        self.extra = value if value is None or isinstance(value, str) else json.dumps(value)

    def rotate_fernet_key(self) -> None:
        """Nothing to do: the store has its own keys."""

    def get_hook(self, *, hook_params: dict[str, Any] | None = None) -> Any:
        """A hook of the provider that serves the connection's type. AirflowException without one."""
        from airflow.providers_manager import ProvidersManager

        info = ProvidersManager().hooks.get(self.conn_type)
        if info is None:
            raise AirflowException(
                f"no installed provider has a hook for connections of type {self.conn_type!r}"
            )
        return info.hook_class(
            **{info.connection_id_attribute_name: self.conn_id}, **(hook_params or {})
        )

    def test_connection(self) -> tuple[bool, str]:
        """(whether it works, a text), as its hook says."""
        try:
            return self.get_hook().test_connection()
        except Exception as error:
            return False, str(error)

    def to_dict(self, *, prune_empty: bool = False, validate: bool = True) -> dict[str, Any]:
        """All fields; extra as a dict."""
        out = {name: getattr(self, name) for name in _FIELDS}
        out["extra"] = self.extra_dejson
        if prune_empty:
            out = {n: v for n, v in out.items() if v is not None and (n != "extra" or v)}
        return out

    @classmethod
    def from_json(cls, value: str, conn_id: str | None = None) -> Self:
        """From JSON text: fields by name; the type may have `-` for `_`."""
        fields = json.loads(value)
        if not isinstance(fields, dict):
            raise AirflowException(f"connection {conn_id!r}: its JSON text must be an object")
        fields.pop("conn_id", None)
        kind = fields.pop("conn_type", None)
        if kind is not None:
            kind = _type_of_scheme(kind)
        fields["extra"] = fields.get("extra") or None
        port = fields.pop("port", None)
        if port in (None, ""):
            port = None
        else:
            try:
                port = int(port)
            except (TypeError, ValueError):
                raise ValueError(f"Expected integer value for `port`, but got {port!r} instead.") from None
        return cls(conn_id=conn_id, conn_type=kind, port=port, **fields)

    def as_json(self) -> str:
        """As JSON text, without the id."""
        fields = self.to_dict(prune_empty=True)
        fields.pop("conn_id", None)
        return json.dumps(fields)

    @classmethod
    def from_text(cls, conn_id: str | None, text: str) -> Self:
        """From a URI or JSON text."""
        text = text.strip()
        return cls.from_json(text, conn_id) if text.startswith("{") else cls(conn_id, uri=text)

    @classmethod
    def from_uri(cls, uri: str, conn_id: str | None = None) -> Self:
        """From a URI."""
        return cls(conn_id, uri=uri)

    @classmethod
    def get(cls, conn_id: str) -> Connection:
        """The connection of that id. AirflowNotFoundException."""
        found = _of_backend(conn_id)
        if found is not None:
            return found
        near = text_in_environment(conn_id)
        answer = link.look_up("conn_get", conn_id=conn_id, **({"folder": True} if near else {}))
        if answer and answer.get("found"):
            fields = dict(answer["conn"])
            fields.pop("conn_id", None)
            return cls(conn_id=conn_id, **fields)
        if near:
            return cls.from_text(conn_id, near)
        raise AirflowNotFoundException(
            f"The conn_id `{conn_id}` isn't defined (`tradewind connections add`, or"
            f" TRADEWIND_CONN_{conn_id.upper()} in the environment)"
        )

    get_connection_from_secrets = get

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Connection):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _FIELDS)

    def __hash__(self) -> int:
        return hash((self.conn_id, self.conn_type, self.host, self.login))

    def __repr__(self) -> str:
        return f"Connection(conn_id={self.conn_id!r}, conn_type={self.conn_type!r}, host={self.host!r})"

    def __str__(self) -> str:
        return str(self.conn_id or "")


def _host_of(parts: SplitResult) -> str:
    """The host of a URI; one with `/` in it (a socket's path, quoted) keeps its capitals."""
    host = unquote(parts.hostname or "")
    if "/" in host:
        host = unquote(parts.netloc.rpartition("@")[2].partition(":")[0])
    return host


def _type_of_scheme(scheme: str) -> str:
    """The connection's type, as Airflow normalizes it."""
    return "postgres" if scheme == "postgresql" else scheme.replace("-", "_")


def _of_backend(conn_id: str) -> Any:
    from tradewind.hooks import secrets_backend

    backend = secrets_backend()
    return backend.get_connection(conn_id=conn_id) if backend is not None else None


class ConnectionAccessor:
    """`conn.ID` of templates, and `conn.get(ID, default)`."""

    def __getattr__(self, conn_id: str) -> Connection:
        if conn_id.startswith("__"):
            raise AttributeError(conn_id)
        return Connection.get(conn_id)

    def get(self, conn_id: str, default_conn: Any = NOTSET) -> Any:
        """The connection, else the default; AirflowNotFoundException without one."""
        try:
            return Connection.get(conn_id)
        except AirflowNotFoundException:
            if default_conn is NOTSET:
                return None
            return default_conn

    def __repr__(self) -> str:
        return "<ConnectionAccessor>"
