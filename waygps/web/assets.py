"""Where the files of the page are: our own in webroot/, Leaflet in its Python package."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from twisted.web.pages import notFound
from twisted.web.resource import IResource, Resource
from twisted.web.static import File

from waygps.errors import WayGPSError


def webroot() -> Path:
    """The directory of the page's own files: beside the package in a checkout, below sys.prefix when installed from a wheel."""
    candidates = (Path(__file__).parents[2] / "webroot", Path(sys.prefix) / "share" / "waygps" / "webroot")
    for candidate in candidates:
        if (candidate / "index.html").is_file():
            return candidate
    raise WayGPSError(f"the files of the web page are missing: looked in {' and '.join(map(str, candidates))}; reinstall WayGPS")


def leaflet() -> Path:
    """The directory of Leaflet's files."""
    return Path(str(files("xstatic.pkg.leaflet"))) / "data"


class Files(File):
    """Files of a directory, without a listing of it."""

    contentTypes = {**File.contentTypes, ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

    def directoryListing(self) -> IResource:
        return notFound()


def static() -> Resource:
    """What is served below /static/."""
    root = Files(str(webroot()))
    root.putChild(b"leaflet", Files(str(leaflet())))
    return root
