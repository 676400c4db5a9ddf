"""What can go wrong, one family."""


class WayGPSError(Exception):
    """Base of every error that WayGPS raises on purpose; its text is meant for a person."""


class DecodeError(WayGPSError):
    """The bytes cannot be the protocol's: nothing after them can be trusted, and the connection ends unanswered.

    The only exception a decoder may raise. ``data`` holds the offending bytes (at most 64) for the log.
    """

    def __init__(self, reason: str, data: bytes | bytearray = b"") -> None:
        super().__init__(reason)
        self.data = bytes(data[:64])


class ConfigurationError(WayGPSError):
    """A setting is unknown or has a bad value; the text names the key, the value and what is allowed."""


class SchemaError(WayGPSError):
    """The database cannot be brought to, or is newer than, the schema of this program."""


class StoreUnavailable(WayGPSError):
    """PostgreSQL is out of reach; nothing is known to be stored and nothing may be acknowledged."""


class SpoolUnavailable(StoreUnavailable):
    """The spool's disk does not take, or give, what it should."""


class SpoolFull(SpoolUnavailable):
    """The spool has reached its size, or the disk has."""


class ReceiverError(WayGPSError):
    """A receiver cannot be opened as its row says."""
