"""A surface: one route at which clients speak a dialect; and which surface a path means."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from sluicegate.core.arguments import Arguments
from sluicegate.core.dialect import Dialect

Make = Callable[[Arguments], Dialect]
"""Makes one request's own dialect. Raises InvalidRequest."""

BY_KEY = "/k/"
"""Below it stands a virtual key, and behind that the path of a surface: for tools that can set a base URL and no header."""


class Surface:
    """One route at which clients speak `dialect`.

    `path` may be a template: `{name}` stands for one segment, at its end `{name:path}` for one or more, and behind
    either, at its end, may stand a verb (`{model}:generateContent`).
    """

    __slots__ = ("body", "dialect", "form", "make", "method", "path", "plain")

    def __init__(
        self, method: str, path: str, dialect: Dialect, make: Make | None = None, *, body: bool = True, form: bool = False
    ) -> None:
        """Where `make` is given each request has its own dialect, and `dialect` tells the errors of what `make` refuses.

        Without a `body` the request's arguments stand for it (`core/arguments.py`); a `form` is no JSON (`web/form.py`).
        """
        self.method = method
        self.path = path
        self.dialect = dialect
        self.make = make
        self.body = body
        self.form = form
        self.plain = make is None and body and not form

    def dialect_for(self, arguments: Arguments) -> Dialect:
        """The dialect of one request. Raises InvalidRequest."""
        return self.dialect if self.make is None else self.make(arguments)

    def below(self, *prefixes: str) -> tuple["Surface", ...]:
        """This surface at its own path and below each of `prefixes`."""
        paths = (self.path, *(prefix + self.path for prefix in prefixes))
        return tuple(Surface(self.method, path, self.dialect, self.make, body=self.body, form=self.form) for path in paths)


class Mount:
    """All surfaces of one path: `first` is the one a request is taken for whose method none of them has."""

    __slots__ = ("allowed", "by_method", "first", "names")

    def __init__(self, surface: Surface) -> None:
        self.first = surface
        self.by_method = {surface.method: surface}
        self.allowed = surface.method
        self.names = tuple(place.name for segment in surface.path.split("/") if (place := _place(segment)))

    def add(self, surface: Surface) -> None:
        """Serve another method. Raises ValueError for one that is served already."""
        if surface.method in self.by_method:
            raise ValueError(f"{surface.method} {surface.path} is mounted twice")
        self.by_method[surface.method] = surface
        self.allowed = ", ".join(sorted(self.by_method))


class Found(msgspec.Struct, frozen=True, gc=False):
    """What a path means."""

    mount: Mount
    places: Mapping[str, str] = {}
    """What stands in the template's places."""
    key: str = ""
    """The virtual key that stood in the path."""


class _Node:
    """What may follow in a path: a segment that is named, any one segment, or all the rest."""

    __slots__ = ("ends", "named", "one", "rest")

    def __init__(self) -> None:
        self.named: dict[str, _Node] = {}
        self.one: _Node | None = None
        self.ends: dict[str, Mount] = {}
        """What is here if the path ends here, by the verb."""
        self.rest: dict[str, Mount] = {}
        """What takes whatever follows, by the verb."""

    def following(self, segment: str) -> "_Node":
        """The node behind a segment of a template, made where there is none. Raises ValueError where none can be."""
        place = _place(segment)
        if place is None:
            return self.named.setdefault(segment, _Node())
        if place.open:
            raise ValueError("a place that is open to more segments stands at the end of a path")
        if self.one is None:
            self.one = _Node()
        return self.one


class Mounts:
    """Finds the surface that a path means.

    `exact` holds every path without places: one look-up. A template is found by walking the path once, a step for each
    segment and no step back: where a named segment and a place could both stand, it is the named one.
    """

    __slots__ = ("_root", "exact")

    def __init__(self, surfaces: Iterable[Surface]) -> None:
        """Raises ValueError for two surfaces that cannot be told apart."""
        self.exact: dict[str, Mount] = {}
        self._root = _Node()
        mounted: dict[str, Mount] = {}
        for surface in surfaces:
            mount = mounted.get(surface.path)
            if mount is not None:
                mount.add(surface)
                continue
            mounted[surface.path] = mount = Mount(surface)
            if "{" in surface.path:
                self._plant(surface.path, mount)
            else:
                self.exact[surface.path] = mount

    def find(self, path: str) -> Found | None:
        """What `path` means; None if nothing is there."""
        key = ""
        if path.startswith(BY_KEY):
            key, slash, rest = path[len(BY_KEY) :].partition("/")
            path = slash + rest
            if not key:
                return None
        mount = self.exact.get(path)
        if mount is not None:
            return Found(mount, {}, key)
        found = self._walk(path.split("/"))
        if found is None:
            return None
        mount, values = found
        return Found(mount, dict(zip(mount.names, values, strict=True)), key)

    def _plant(self, path: str, mount: Mount) -> None:
        """Make the way to a template."""
        *above, last = path.split("/")
        node = self._root
        for segment in above:
            node = node.following(segment)
        place = _place(last)
        if place is None:
            ends, verb = node.following(last).ends, ""
        else:
            ends, verb = (node.rest if place.open else node.following(last).ends), place.verb
        if verb in ends:
            raise ValueError(f"{path} cannot be told from {ends[verb].first.path}")
        ends[verb] = mount

    def _walk(self, segments: Sequence[str]) -> tuple[Mount, list[str]] | None:
        node = self._root
        values: list[str] = []
        ends = None
        for index, segment in enumerate(segments):
            following = node.named.get(segment)
            if following is None and (following := node.one) is not None:
                values.append(segment)
            if following is None:
                values.append("/".join(segments[index:]))
                ends = node.rest
                break
            node = following
        else:
            ends = node.ends
        return _end(ends, values)


def _end(ends: Mapping[str, Mount], values: list[str]) -> tuple[Mount, list[str]] | None:
    """Which of `ends` the last value names by a verb behind it, or the one without a verb."""
    mount = ends.get("")
    if values:
        name, _, verb = values[-1].rpartition(":")
        if verb and name and verb in ends:
            mount, values[-1] = ends[verb], name
    return (mount, values) if mount is not None and all(values) else None


class _Place(msgspec.Struct, frozen=True):
    """A place of a template: `{model:path}:generate` is the place `model`, open to more segments, with a verb."""

    name: str
    open: bool
    verb: str


def _place(segment: str) -> _Place | None:
    """What a segment of a template says; None for one that is named."""
    if not segment.startswith("{"):
        return None
    inner, _, verb = segment[1:].partition("}")
    name, _, kind = inner.partition(":")
    return _Place(name, kind == "path", verb.removeprefix(":"))
