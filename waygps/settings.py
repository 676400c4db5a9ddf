"""Gathers the settings: defaults <- TOML file <- WAYGPS_* in the environment <- command line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import ValidationError
from msgspec.structs import fields

from waygps.config import Configuration
from waygps.errors import ConfigurationError

PREFIX = "WAYGPS_"
Tree = dict[str, Any]


def load(file: Path | None, environment: Mapping[str, str], overrides: Mapping[str, str]) -> Configuration:
    """The configuration from all its sources; ``overrides`` are from the command line, by dotted key.

    ConfigurationError names the key, the value and what is allowed.
    """
    tree: Tree = _read(file) if file else {}
    for key, text in chain(_from_environment(environment), overrides.items()):
        _put(tree, key, text)
    return _converted(tree)


def known_keys(struct: type = Configuration, prefix: str = "") -> dict[str, Any]:
    """Every setting by its dotted key, with its type."""
    keys: dict[str, Any] = {}
    for field in fields(struct):
        name = prefix + field.name
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            keys.update(known_keys(field.type, name + "."))
        else:
            keys[name] = field.type
    return keys


def _read(file: Path) -> Tree:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"the configuration {file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the configuration {file} is not TOML: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    names = {PREFIX + key.replace(".", "_").upper(): key for key in known_keys()}
    for name, text in environment.items():
        if name in names:
            yield names[name], text
        elif name.startswith(PREFIX):
            raise ConfigurationError(f"{name} in the environment is not a setting{_suggestion(name, names)}")


def _put(tree: Tree, key: str, text: str) -> None:
    *sections, name = key.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            return  # the conversion says what is wrong with it
    tree[name] = _parsed(text, known_keys()[key])


def _parsed(text: str, kind: Any) -> Any:
    """A value from the environment in the shape that TOML would give it; numbers stay text for the conversion."""
    if get_origin(kind) is dict:
        pairs = (part.partition("=") for part in text.split(",") if part.strip())
        return {name.strip(): value.strip() for name, _, value in pairs}
    if get_origin(kind) is tuple and get_args(kind):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _converted(tree: Tree) -> Configuration:
    try:
        return msgspec.convert(tree, Configuration, strict=False, dec_hook=_path)
    except ValidationError as error:
        raise ConfigurationError(_explained(str(error), tree)) from None


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str) and value:
        return Path(value).expanduser()
    raise ValueError("Expected a path")


def _explained(problem: str, tree: Tree) -> str:
    """msgspec's text with the key as it is written in the file, the value found there, and the nearest right key."""
    what, _, where = problem.partition(" - at `$")
    key = where.rstrip("`").lstrip(".")
    unknown = re.search(r"unknown field `(.*)`", what)
    if unknown:
        name = f"{key}.{unknown[1]}".lstrip(".")
        return f"{name} is not a setting{_suggestion(name, known_keys())}"
    kind = known_keys().get(re.sub(r"\[.*", "", key))
    return f"{key} = {_value(tree, key)!r} is not allowed: {_allowed(kind, what)}"


def _allowed(kind: Any, what: str) -> str:
    """What a setting may be, in words; msgspec's own where there are none better."""
    if get_origin(kind) is Literal:
        return "it must be one of " + ", ".join(get_args(kind))
    if get_origin(kind) is dict:
        kind = get_args(kind)[1]
    meta = next((part for part in get_args(kind) if isinstance(part, msgspec.Meta)), None)
    if meta is None:
        return {bool: "it must be true or false", str: "it must be a text"}.get(kind, what)
    number = "a whole number" if get_args(kind)[0] is int else "a number"
    return f"it must be {number} from {meta.ge}" + (f" to {meta.le}" if meta.le is not None else "")


def _value(tree: Any, key: str) -> Any:
    for part in re.findall(r"[^.\[\]]+", key):
        if isinstance(tree, dict) and part in tree:
            tree = tree[part]
        elif isinstance(tree, list) and part.isdecimal():
            tree = tree[int(part)]
    return tree


def _suggestion(name: str, names: Mapping[str, Any]) -> str:
    section = name.rpartition(".")[0]
    beside = sorted(key for key in names if key.rpartition(".")[0] == section)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    known = ", ".join(beside if section and beside else sorted(names))
    return (f"; did you mean {near[0]}?" if near else ".") + f" Known there: {known}"
