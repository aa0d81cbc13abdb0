"""
Assets: data that tasks make and use. `Asset`, `AssetAlias`, `Asset.ref`, `a & b`, `a | b`,
`AssetWatcher`, `Metadata`, and the decorators `@asset` and `@asset.multi`.
"""

from __future__ import annotations

import inspect
import urllib.parse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tradewind.edges import as_list

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Any

    from tradewind.baseoperator import BaseOperator
    from tradewind.context import Context
    from tradewind.dags import DAG
    from tradewind.hints import Callbacks, Schedule
    from tradewind.param import ParamsDict
    from tradewind.storage import ObjectStoragePath
    from tradewind.triggers.base import BaseTrigger

NAME_LENGTH_MAX = 1500


def _checked(what: str, text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"the {what} of an asset must be a string, not {type(text).__name__}")
    if not text.strip():
        raise ValueError(f"the {what} of an asset must not be empty")
    if len(text) > NAME_LENGTH_MAX:
        raise ValueError(f"the {what} of an asset is longer than {NAME_LENGTH_MAX} characters")
    if not text.isascii():
        raise ValueError(f"the {what} of an asset may hold only ASCII characters")
    return text


def normalized_uri(uri: str) -> str:
    """The URI in its normal form; text without a scheme stays. ValueError."""
    _checked("uri", uri)
    parts = urllib.parse.urlsplit(uri)
    if not parts.scheme:
        return uri
    scheme = parts.scheme.lower()
    if scheme == "airflow":
        raise ValueError("the asset scheme 'airflow' is reserved")
    if scheme.startswith("x-"):
        return uri
    host = parts.netloc
    if "@" in host:
        # A password must not be stored or shown.
        user, _, place = host.rpartition("@")
        host = f"{user.partition(':')[0]}@{place}"
    query = urllib.parse.urlencode(sorted(urllib.parse.parse_qsl(parts.query)))
    return urllib.parse.urlunsplit((scheme, host, parts.path.rstrip("/") or parts.path, query, ""))


class BaseAsset:
    """What a schedule can be made of: assets, aliases, references, and their combinations."""

    def __and__(self, other: BaseAsset) -> AssetAll:
        return AssetAll(self, other) if isinstance(other, BaseAsset) else NotImplemented

    def __or__(self, other: BaseAsset) -> AssetAny:
        return AssetAny(self, other) if isinstance(other, BaseAsset) else NotImplemented

    def __bool__(self) -> bool:
        return True

    def as_expression(self) -> dict[str, Any]:
        """As data: the form of the DAG document."""
        raise NotImplementedError

    def iter_assets(self) -> Iterator[tuple[Any, Asset]]:
        """Pairs of ((name, uri), asset)."""
        return iter(())

    def iter_asset_aliases(self) -> Iterator[tuple[str, AssetAlias]]:
        """Pairs of (name, alias)."""
        return iter(())

    def iter_asset_refs(self) -> Iterator[AssetRef]:
        """The references by name or URI."""
        return iter(())


class Asset(BaseAsset):
    """A piece of data, named by name, URI or both; one stands for the other where it is absent."""

    asset_type = "asset"

    def __init__(
        self,
        name: str | None = None,
        uri: str | ObjectStoragePath | None = None,
        *,
        group: str | None = None,
        extra: dict[str, Any] | None = None,
        watchers: Iterable[AssetWatcher] | None = None,
    ) -> None:
        if name is None and uri is None:
            raise TypeError("Asset() requires either 'name' or 'uri'")
        place: Any = None if uri is None else str(uri)
        self.name = _checked("name", name if name is not None else place)
        self.uri = normalized_uri(self.name if place is None else place)
        self.group = _checked("group", group) if group is not None else self.asset_type
        if extra is not None and not isinstance(extra, dict):
            raise TypeError(f"the extra of an asset must be a dict, not {type(extra).__name__}")
        self.extra = dict(extra or {})
        self.watchers = list(watchers or ())
        for watcher in self.watchers:
            if not isinstance(watcher, AssetWatcher):
                raise TypeError(
                    f"watchers of an asset must be AssetWatchers, not {type(watcher).__name__}"
                )

    @staticmethod
    def ref(*, name: str | None = None, uri: str | None = None, url: str | None = None) -> AssetRef:
        """A reference to the asset of that name, or of that URI, which may be made elsewhere."""
        uri = uri if uri is not None else url
        if (name is None) == (uri is None):
            raise TypeError("Asset.ref() takes exactly one of 'name' and 'uri'")
        return AssetNameRef(name) if name is not None else AssetUriRef(uri or "")

    @property
    def normalized_uri(self) -> str:
        """The URI in its normal form."""
        return self.uri

    def iter_assets(self) -> Iterator[tuple[Any, Asset]]:
        yield (self.name, self.uri), self

    def as_expression(self) -> dict[str, Any]:
        out: dict[str, Any] = {"type": "asset", "name": self.name, "uri": self.uri, "group": self.group}
        if self.extra:
            out["extra"] = self.extra
        if self.watchers:
            out["watchers"] = [watcher.as_data() for watcher in self.watchers]
        return out

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Asset):
            return NotImplemented
        return (self.name, self.uri, self.group) == (other.name, other.uri, other.group)

    def __hash__(self) -> int:
        return hash((self.name, self.uri))

    def __fspath__(self) -> str:
        return self.uri

    def __repr__(self) -> str:
        return f"Asset(name={self.name!r}, uri={self.uri!r})"


class Model(Asset):
    """An asset of the group "model"."""

    asset_type = "model"


class AssetRef(BaseAsset):
    """A reference to an asset."""

    attribute = ""

    def __init__(self, text: str) -> None:
        self.text = _checked(self.attribute, text)
        setattr(self, self.attribute, text)

    def iter_asset_refs(self) -> Iterator[AssetRef]:
        yield self

    def as_expression(self) -> dict[str, Any]:
        return {"type": "asset_ref", self.attribute: self.text}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.text == getattr(other, "text", None)

    def __hash__(self) -> int:
        return hash((self.attribute, self.text))

    def __repr__(self) -> str:
        return f"Asset.ref({self.attribute}={self.text!r})"


class AssetNameRef(AssetRef):
    """A reference by name."""

    attribute = "name"


class AssetUriRef(AssetRef):
    """A reference by URI."""

    attribute = "uri"


class AssetAlias(BaseAsset):
    """A name for assets that are known only when a task has run."""

    def __init__(self, name: str, group: str | None = None) -> None:
        self.name = _checked("name", name)
        self.group = group or "asset"

    def iter_asset_aliases(self) -> Iterator[tuple[str, AssetAlias]]:
        yield self.name, self

    def as_expression(self) -> dict[str, Any]:
        return {"type": "asset_alias", "name": self.name, "group": self.group}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetAlias) and self.name == other.name

    def __hash__(self) -> int:
        return hash(("alias", self.name))

    def __repr__(self) -> str:
        return f"AssetAlias({self.name!r})"


class _Combined(BaseAsset):
    kind = ""

    def __init__(self, *objects: BaseAsset) -> None:
        for one in objects:
            if not isinstance(one, BaseAsset):
                raise TypeError(f"expected an asset, got {type(one).__name__}")
        self.objects: list[BaseAsset] = []
        for one in objects:
            # a & b & c is one of three.
            whole: Any = one
            self.objects.extend(whole.objects if type(one) is type(self) else [one])

    def _each(self, method: str) -> Iterator[Any]:
        seen = set()
        for one in self.objects:
            for item in getattr(one, method)():
                key = item[0] if isinstance(item, tuple) else item
                if key not in seen:
                    seen.add(key)
                    yield item

    def iter_assets(self) -> Iterator[tuple[Any, Asset]]:
        return self._each("iter_assets")

    def iter_asset_aliases(self) -> Iterator[tuple[str, AssetAlias]]:
        return self._each("iter_asset_aliases")

    def iter_asset_refs(self) -> Iterator[AssetRef]:
        return self._each("iter_asset_refs")

    def as_expression(self) -> dict[str, Any]:
        return {"type": self.kind, "of": [one.as_expression() for one in self.objects]}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.objects))})"


class AssetAny(_Combined):
    """Any of them: `a | b`."""

    kind = "any"


class AssetAll(_Combined):
    """All of them: `a & b`."""

    kind = "all"


class AssetWatcher:
    """A trigger whose events are events of the asset."""

    def __init__(self, name: str, trigger: BaseTrigger) -> None:
        self.name = _checked("name", name)
        self.trigger = trigger

    def as_data(self) -> dict[str, Any]:
        """As data: name, and the trigger's class and arguments."""
        classpath, kwargs = self.trigger.serialize()
        return {"name": self.name, "trigger": {"classpath": classpath, "kwargs": kwargs}}


class Metadata:
    """
    What a task says of an outlet: `yield Metadata(asset, {"rows": 3})`. alias: the alias that the
    asset is added to.
    """

    def __init__(
        self,
        asset: BaseAsset,
        extra: dict[str, Any] | None = None,
        alias: str | AssetAlias | None = None,
    ) -> None:
        if isinstance(asset, AssetAlias) or not isinstance(asset, BaseAsset):
            raise TypeError(f"Metadata is of an asset, not of {type(asset).__name__}")
        self.asset, self.extra = asset, dict(extra or {})
        self.alias = AssetAlias(alias) if isinstance(alias, str) else alias


def condition_of(assets: Any) -> BaseAsset:
    """Assets of a schedule as one condition: several are all of them."""
    if isinstance(assets, BaseAsset):
        return assets
    if isinstance(assets, Iterable) and not isinstance(assets, (str, bytes, dict)):
        found = list(assets)
        if found and all(isinstance(one, BaseAsset) for one in found):
            return AssetAll(*found)
    raise ValueError(
        "all elements of a schedule that is a list must be assets, asset aliases or references"
    )


# The decorators. What they make imports DAG and PythonOperator, which know of assets.


def _check_function(function: Callable[..., Any]) -> None:
    if function.__name__ != function.__qualname__:
        raise ValueError("@asset: nested functions are not supported")
    if function.__name__ in ("self", "context"):
        raise ValueError(f"@asset: a function cannot be named {function.__name__!r}")
    for name, p in inspect.signature(function).parameters.items():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise TypeError(f"@asset: the function cannot take *{name}")
        if p.kind is p.POSITIONAL_ONLY and p.default is p.empty:
            raise TypeError(f"@asset: {name!r} cannot be positional only")


def _main_operator(
    function: Callable[..., Any], outlets: list[Any], own: BaseAsset
) -> BaseOperator:
    """The one task of the DAG of an @asset."""
    from tradewind.operators.asset import AssetMainOperator, wanted_assets

    return AssetMainOperator(
        task_id=function.__name__,
        python_callable=function,
        definition=own,
        inlets=[Asset.ref(name=name) for name in wanted_assets(function)],
        outlets=outlets,
    )


class AssetDefinition(Asset):
    """The asset that @asset makes of a function, and of a DAG that runs it."""

    def __init__(self, function: Callable[..., Any], source: _DagOptions, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function, self.source = function, source
        self.__doc__ = function.__doc__
        with source.create_dag(self.name):
            _main_operator(function, [self], self)


class MultiAssetDefinition(BaseAsset):
    """All assets that the function of an @asset.multi makes."""

    def __init__(self, function: Callable[..., Any], source: asset.multi) -> None:
        self.function, self.source = function, source
        self.objects = list(source.outlets)
        with source.create_dag(function.__name__):
            _main_operator(function, self.objects, self)

    def iter_outlets(self) -> Iterator[Any]:
        """Its assets and aliases."""
        return iter(self.objects)

    def iter_assets(self) -> Iterator[tuple[Any, Asset]]:
        for one in self.objects:
            yield from one.iter_assets()

    def iter_asset_aliases(self) -> Iterator[tuple[str, AssetAlias]]:
        for one in self.objects:
            yield from one.iter_asset_aliases()

    def iter_asset_refs(self) -> Iterator[AssetRef]:
        for one in self.objects:
            yield from one.iter_asset_refs()

    def as_expression(self) -> dict[str, Any]:
        return AssetAll(*self.objects).as_expression()


class _DagOptions:
    """The arguments of the DAG of an @asset."""

    def __init__(
        self,
        *,
        schedule: Schedule | None,
        is_paused_upon_creation: bool | None = None,
        dag_id: str | None = None,
        dag_display_name: str | None = None,
        description: str | None = None,
        params: ParamsDict | Mapping[str, Any] | None = None,
        on_success_callback: Callbacks | None = None,
        on_failure_callback: Callbacks | None = None,
        access_control: dict[str, Any] | None = None,
        owner_links: dict[str, str] | None = None,
        tags: Collection[str] = (),
    ) -> None:
        self.dag_id = dag_id
        self.options: dict[str, Any] = {
            "schedule": schedule,
            "is_paused_upon_creation": is_paused_upon_creation,
            "dag_display_name": dag_display_name,
            "description": description,
            "params": params,
            "on_success_callback": on_success_callback,
            "on_failure_callback": on_failure_callback,
            "access_control": access_control,
            "owner_links": owner_links,
            "tags": tags,
        }

    def create_dag(self, default_id: str) -> DAG:
        """The DAG."""
        from tradewind.dags import DAG

        return DAG(dag_id=self.dag_id or default_id, catchup=False, **self.options)


class asset(_DagOptions):  # noqa: N801
    """
    `@asset(schedule="@daily")`: makes an asset of a function, and a DAG with one task that calls
    it. The function's arguments name assets that it uses; `self` is its own asset, `context` the
    context.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        uri: str | ObjectStoragePath | None = None,
        group: str | None = None,
        extra: dict[str, Any] | None = None,
        watchers: Iterable[AssetWatcher] | None = None,
        **dag_options: Any,
    ) -> None:
        super().__init__(**dag_options)
        self.name = name
        self.kwargs = {"uri": uri, "group": group, "extra": extra, "watchers": watchers}

    def __call__(self, function: Callable[..., Any]) -> AssetDefinition:
        _check_function(function)
        name = self.name or function.__name__
        return AssetDefinition(function, self, name=name, **self.kwargs)

    class multi(_DagOptions):  # noqa: N801
        """`@asset.multi(schedule=..., outlets=[...])`: a function that makes several assets."""

        def __init__(
            self, *, outlets: BaseAsset | Collection[BaseAsset], **dag_options: Any
        ) -> None:
            super().__init__(**dag_options)
            self.outlets = as_list(outlets)

        def __call__(self, function: Callable[..., Any]) -> MultiAssetDefinition:
            _check_function(function)
            if not self.outlets:
                raise ValueError("@asset.multi: no outlets are given")
            return MultiAssetDefinition(function, self)
