"""Loads a protocol file by its path, without installing it, and as often as it changes."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path

from waygps.conformance.report import Report, check
from waygps.conformance.subject import Subject
from waygps.errors import WayGPSError
from waygps.ingest.vendors import find_vendors
from waygps.interfaces import IVendor


class Unloadable(WayGPSError):
    """The file has no vendor, or cannot be imported; the text says in which line and why."""


def load(path: Path) -> list[IVendor]:
    """The vendors of this file, as it is now; at least one. Raises Unloadable."""
    name = f"waygps_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or not path.is_file():
        raise Unloadable(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        # Not through the loader: it takes a compiled file for the newest that was written in the same second.
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        raise Unloadable(_described(path, error)) from error
    vendors = {id(value): value for value in vars(module).values() if IVendor.providedBy(value)}
    if not vendors:
        raise Unloadable(f"{path} has no vendor at its module level: name = Vendor(name=..., ...)")
    return list(vendors.values())


def _described(path: Path, error: BaseException) -> str:
    lines = [place.lineno for place in traceback.extract_tb(error.__traceback__) if place.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) else next(reversed(lines), None)
    return f"{path}, line {line}: {type(error).__name__}: {getattr(error, 'msg', None) or error}"


def subject(vendor: IVendor, **more: object) -> Subject:
    """This vendor among all that are installed, with its own samples."""
    others = tuple(found.vendor for name, found in find_vendors().items() if name != vendor.name)
    return Subject(vendor=vendor, samples=tuple(getattr(vendor, "samples", ())), others=others, **more)  # type: ignore[arg-type]


def check_file(path: Path, mutations: int = 10_000) -> Report:
    """The report of the first vendor in a file: for the test of a plugin, with fewer mutations than ``waygps plugin check`` has.

    No clock decides in it, so that a busy machine changes nothing. Raises Unloadable.
    """
    return check(subject(load(path)[0], mutations=mutations, is_timed=False))
