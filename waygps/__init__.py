"""WayGPS: a GPS tracking server that answers a device only when its fix is durable."""

__version__ = "0.1.0"
