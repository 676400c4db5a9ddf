"""Device vendors: one file each, found by twisted.plugin.

A directory named in the configuration, and any installed distribution that ships ``protocols/NAME.py``, add to this package.
"""

from twisted.plugin import pluginPackagePaths

__path__.extend(pluginPackagePaths(__name__))
__all__: list[str] = []
