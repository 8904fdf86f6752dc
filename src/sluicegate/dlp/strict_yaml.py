"""YAML as people write it by hand: what a careless or hostile file can say beyond that is refused before it is built.

A key that stands twice would silently undo the first; nesting, aliases and merges can make little text a lot of work.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import yaml
from yaml import CSafeLoader

from sluicegate.dlp.packs import read_yaml

MAX_DEPTH = 100
"""Mappings and lists within each other; a policy file needs ten."""
MAX_NODES = 2_000_000
"""Keys, values, mappings and lists, each counted wherever an alias repeats it."""

_OPENING = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


class _Open(msgspec.Struct):
    """A mapping or list whose end has not come."""

    anchor: str | None
    keys: set[str] | None
    """The keys so far; None for a list."""
    children: int = 0
    nodes: int = 1


def read_strict_yaml(content: bytes) -> object:
    """What the YAML says, as `yaml.safe_load` reads it. Raises yaml.YAMLError, whose problem quotes nothing of it, also for
    keys that stand twice, more than MAX_DEPTH levels, more than MAX_NODES nodes, and values that their type does not allow.
    """
    _check(content)
    try:
        return read_yaml(content)
    except (ValueError, KeyError, AttributeError, OverflowError):  # PyYAML's own makers of dates and numbers raise these
        raise yaml.YAMLError("a value that its type does not allow") from None


def _check(content: bytes) -> None:
    sizes: dict[str, int] = {}
    levels = [_Open(None, None)]
    for event in _events(content):
        if isinstance(event, _CLOSING):
            closed = levels.pop()
            if closed.anchor is not None:
                sizes[closed.anchor] = closed.nodes
            levels[-1].nodes += closed.nodes
        elif isinstance(event, (*_OPENING, yaml.ScalarEvent, yaml.AliasEvent)):
            _count(event, levels[-1])
            if isinstance(event, _OPENING):
                levels.append(_Open(event.anchor, set() if isinstance(event, yaml.MappingStartEvent) else None))
            elif isinstance(event, yaml.ScalarEvent):
                levels[-1].nodes += 1
            elif event.anchor in sizes:
                levels[-1].nodes += sizes[event.anchor]
            elif any(level.anchor == event.anchor for level in levels):
                raise _wrong("a value that holds itself", event)
            if len(levels) > MAX_DEPTH:
                raise _wrong(f"more than {MAX_DEPTH} levels", event)
        if levels[-1].nodes > MAX_NODES:
            raise _wrong(f"more than {MAX_NODES} values", event)


def _count(event: yaml.Event, level: _Open) -> None:
    """Note one more child. Raises yaml.YAMLError where it is a key that the mapping has already."""
    if level.keys is not None and level.children % 2 == 0 and isinstance(event, yaml.ScalarEvent):
        if event.value in level.keys:
            raise _wrong("a key that the mapping has already", event)
        level.keys.add(event.value)
    level.children += 1


def _events(content: bytes) -> Iterator[yaml.Event]:
    events: Iterator[yaml.Event] = yaml.parse(content, CSafeLoader)
    return events


def _wrong(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    mark: Any = event.start_mark  # libyaml's own kind of mark, which PyYAML's errors take as well
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
