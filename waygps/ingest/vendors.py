"""Finds the vendors: every IVendor at the module level of a file in protocols/, wherever that file lies."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

from msgspec import Struct
from twisted.logger import Logger
from twisted.plugin import getCache
from zope.interface import Invalid
from zope.interface.verify import verifyObject

import protocols
from waygps.interfaces import IRequests, IVendor, Transport

NAME = re.compile(r"[a-z][a-z0-9_]{0,19}", re.ASCII)

_log = Logger()


class Found(Struct, frozen=True):
    """A vendor and the file it came from."""

    vendor: IVendor
    path: str


def find_vendors(directories: Iterable[Path] = ()) -> dict[str, Found]:
    """All vendors by name, those in these directories included.

    A file that cannot be imported, or whose vendor is incomplete, is logged by name and skipped. Of two vendors with one name
    neither is taken: nothing tells which of them the operator means.
    """
    for directory in directories:
        _add(directory)
    named: defaultdict[str, list[Found]] = defaultdict(list)
    for found in _complete(_plugins()):
        named[found.vendor.name].append(found)
    _report_broken()
    return {name: same[0] for name, same in sorted(named.items()) if _is_single(name, same)}


def _add(directory: Path) -> None:
    if not directory.is_dir():
        _log.error("protocol directory {directory} does not exist (setting receivers.protocol_dirs)", directory=str(directory))
    elif str(directory) not in protocols.__path__:
        _warn_of_shadows(directory)
        protocols.__path__.append(str(directory))


def _warn_of_shadows(directory: Path) -> None:
    """Python imports the first of two files with one name; say so instead of leaving a dropped-in file without effect."""
    present = {name for _, name, _ in pkgutil.iter_modules(protocols.__path__)}
    for path in sorted(directory.glob("*.py")):
        if path.stem in present:
            _log.warn(
                "{path} is not used: a protocol file named {name}.py comes first; rename it", path=str(path), name=path.stem
            )


def _plugins() -> Iterator[Found]:
    seen: set[int] = set()
    for dropin in getCache(protocols).values():
        for plugin in dropin.plugins:
            vendor = _load(plugin) if IVendor in plugin.provided else None
            if vendor is not None and id(vendor) not in seen:
                # The same object in two files is an import of one by the other.
                seen.add(id(vendor))
                yield Found(vendor, str(importlib.import_module(dropin.moduleName).__file__))


def _load(plugin: object) -> IVendor | None:
    try:
        return plugin.load()  # type: ignore[attr-defined, no-any-return]
    except Exception as error:  # whatever a plugin's import may raise
        _log.error("protocol {plugin} is skipped: {error}", plugin=str(plugin), error=repr(error))
        return None


def _complete(plugins: Iterable[Found]) -> Iterator[Found]:
    for found in plugins:
        lack = lacks(found.vendor)
        if lack:
            _log.error("protocol file {path} is skipped: its vendor is incomplete: {lack}", path=found.path, lack=lack)
        else:
            yield found


def lacks(vendor: IVendor) -> str:
    """What a vendor lacks; "" for nothing."""
    try:
        verifyObject(IVendor, vendor)
        if "http" in vendor.transports:
            verifyObject(IRequests, vendor)
    except Invalid as error:
        return " ".join(str(error).split())
    if not (isinstance(vendor.name, str) and NAME.fullmatch(vendor.name)):
        return f"its name {vendor.name!r} is not 1 to 20 lower-case letters, digits and _"
    if not vendor.transports or not all(transport in get_args(Transport) for transport in vendor.transports):
        return f"its transports {vendor.transports!r} are not some of {', '.join(get_args(Transport))}"
    if not (isinstance(vendor.port, int) and 1 <= vendor.port <= 65535):
        return f"its port {vendor.port!r} is not from 1 to 65535"
    return ""


def _report_broken() -> None:
    for finder, name, _ in pkgutil.iter_modules(protocols.__path__):
        try:
            importlib.import_module(f"protocols.{name}")
        except (Exception, SystemExit) as error:
            path = Path(getattr(finder, "path", "")) / f"{name}.py"
            _log.error("protocol file {path} is skipped: {error}", path=str(path), error=f"{type(error).__name__}: {error}")


def _is_single(name: str, same: list[Found]) -> bool:
    if len(same) == 1:
        return True
    paths = " and ".join(found.path for found in same)
    _log.error("vendor {name} is refused, it is defined by {paths}: rename or remove one of them", name=name, paths=paths)
    return False
