"""``twistd waygps``."""

from twisted.application.service import ServiceMaker

waygps = ServiceMaker("WayGPS", "waygps.tap", "A GPS tracking server: devices in, PostgreSQL, a live map out.", "waygps")
