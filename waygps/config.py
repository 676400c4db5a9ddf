"""Every setting, its default and what it may be. docs/configuration.md shows them as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct, field
from platformdirs import user_data_path

from waygps.origin import Policy

Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]


class Database(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where fixes are stored."""

    url: str = ""
    """PostgreSQL URL, postgresql://user:password@host:port/database. Empty: the embedded PostgreSQL, in data_dir."""
    connections: Annotated[int, Meta(ge=1, le=32)] = 1
    """Connections that write fixes; each vehicle always has the same one. One keeps up with what one process decodes."""
    batch: Annotated[int, Meta(ge=1, le=10_000)] = 1000
    """The most fixes in one statement."""
    patience: Annotated[float, Meta(ge=0.1, le=600)] = 5
    """Seconds that a statement may take before PostgreSQL counts as out of reach, and fixes go to the spool."""


class Spool(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file in data_dir that takes the fixes while PostgreSQL is out of reach."""

    most_mb: Annotated[int, Meta(ge=1, le=1_000_000)] = 1024
    """Megabytes it may grow to; at this size reading pauses, and nothing is answered until PostgreSQL is back."""


class History(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long positions are kept, and in which form. Both work by whole months, in UTC."""

    compact_after_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    """Days after the end of a month at which it is rewritten into the compact form; 0: never."""
    keep_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    """Days after the end of a month at which it is deleted, with the refused fixes of that age; 0: never."""


class Receivers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ports for devices. Which there are is in the table configuraciones_receptores."""

    interface: str = ""
    """Address to listen on; empty: all."""
    ports: dict[str, Port] = {}
    """Port by vendor, in place of the one in the table; in the environment as teltonika=18080,queclink=18081."""
    protocol_dirs: tuple[Path, ...] = ()
    """Directories with protocol files, beside the built-in ones."""


class Ingest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is taken from devices."""

    unknown_devices: Policy = "cuarentena"
    """A device that is not in moviles: cuarentena keeps what it sends until someone decides, registrar enters it, rechazar
    refuses it. A receiver may have its own rule (configuracion_avanzada, desconocidos)."""
    most_vehicles: Count = 100_000
    """Vehicles that are kept in memory; with registrar also the number of rows of moviles up to which devices are entered."""
    most_held: Count = 50_000
    """Fixes that may wait to be stored; at this number reading pauses on every connection."""
    future_tolerance: Annotated[float, Meta(ge=0, le=86_400)] = 600
    """Seconds that a fix may be ahead of the server's clock."""
    silence: Annotated[float, Meta(ge=1, le=31_536_000)] = 600
    """Seconds without a message after which a device is desconectado, unless it usually reports less often."""
    drain_timeout: Seconds = 10
    """Seconds that a stop waits for what was read to be committed and answered."""


class Quarantine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of devices that are not in moviles; beyond it they are refused."""

    most_devices: Count = 1000
    """Devices."""
    most_messages: Count = 2000
    """Messages of one device."""
    most_mb: Count = 256
    """Megabytes of all devices together."""


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What devices may do; 0 switches a limit off."""

    connections_receiver: Annotated[int, Meta(ge=0)] = 20_000
    """Connections that a receiver has open at once; more are refused."""
    devices_receiver: Annotated[int, Meta(ge=0)] = 100_000
    """Devices of a receiver at once: with a connection, or heard without one in the last ``idle`` seconds; more are refused."""
    connections_address: Annotated[int, Meta(ge=0)] = 10_000
    """Connections that one address has open at once, on all receivers. A carrier puts thousands of devices behind one address."""
    new_per_second: Annotated[float, Meta(ge=0, le=1_000_000)] = 200
    """New connections a second from one address, on all receivers, once it has used up its burst."""
    new_burst: Count = 2000
    """New connections that an address may open at once; it has them again after new_burst / new_per_second seconds."""
    reserved_files: Annotated[int, Meta(ge=0, le=1_000_000)] = 200
    """Open files of the process that connections of devices may not use: they are for the database, the web and the disk."""
    bytes_per_second: Annotated[int, Meta(ge=0)] = 262_144
    """Bytes a second from one device after its burst. A connection is read no faster; of datagrams what is over is dropped."""
    bytes_burst: Annotated[int, Meta(ge=65_536)] = 8_388_608
    """Bytes that a device may send at once; it has them again after bytes_burst / bytes_per_second seconds."""
    datagrams_per_second: Annotated[float, Meta(ge=0, le=10_000_000)] = 2000
    """Datagrams a second from one address, on all receivers, once it has used up its burst; more are dropped."""
    datagrams_burst: Count = 20_000
    """Datagrams that an address may send at once."""
    first_message: Seconds = 60
    """Seconds after which a connection is closed that has not said which device it is."""
    idle: Seconds = 3600
    """Seconds without a message after which a connection is closed."""


class Log(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written to files in data_dir."""

    receivers_json: bool = False
    """Each line of gps_receivers.log is a JSON object."""


class Tiles(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The map under the vehicles."""

    url: str = ""
    """Leaflet URL template of a tile server; empty: a graticule."""
    attribution: str = ""


class Web(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """REST, WebSocket and the map."""

    interface: str = ""
    """Address to listen on; empty: all."""
    port: Port = 8000
    session_hours: Annotated[int, Meta(ge=1, le=8760)] = 12
    """Hours that a login lasts without a request."""
    allowed_origins: tuple[str, ...] = ()
    """Origins besides the server's own whose pages may open a WebSocket, such as https://example.org."""
    secure_cookies: bool = False
    """Send the session cookie over HTTPS only; set it behind a TLS proxy."""
    tiles: Tiles = field(default_factory=Tiles)


class Live(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The WebSockets; docs/api.md has the close codes."""

    update_interval: Annotated[float, Meta(ge=0, le=3600)] = 1
    """Seconds between two updates of one vehicle to a client; the newest wins. 0: each at once."""
    connections_user: Annotated[int, Meta(ge=0)] = 5
    """WebSockets that a user has open at once; 0: any number."""
    messages_per_second: Annotated[float, Meta(gt=0, le=1_000_000)] = 10
    """Messages that a user's WebSockets may send in the long run; five times as many at once."""
    message_size: Annotated[int, Meta(ge=1024, le=16_777_216)] = 65_536
    """Bytes of one message from a client."""
    timeout: Annotated[float, Meta(ge=1, le=3600)] = 30
    """Seconds without a sign of life, after half of which a ping is sent, before a WebSocket is closed."""
    stalled: Annotated[float, Meta(ge=1, le=3600)] = 60
    """Seconds that a client may leave unread what was sent before its WebSocket is closed."""
    status_interval: Annotated[float, Meta(ge=0.1, le=3600)] = 5
    """Seconds from one message of /ws/status/ to the next."""


class Bus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What several processes of the server, or several servers, tell each other through."""

    url: str = ""
    """Redis, redis://[user:password@]host[:port]; empty: this process is alone."""
    channel: str = "waygps"
    """The Redis channel: two installations on one Redis need two."""


class Configuration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All sections."""

    data_dir: Path = field(default_factory=lambda: user_data_path("waygps"))
    """Directory for the embedded PostgreSQL, the spool and the first login."""
    simulate: Annotated[int, Meta(ge=0, le=10_000)] = 0
    """Simulated vehicles that report to the open ports."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """Processes that serve the same ports; more than one need bus.url. The limits of connections are each process's own."""
    database: Database = field(default_factory=Database)
    bus: Bus = field(default_factory=Bus)
    receivers: Receivers = field(default_factory=Receivers)
    ingest: Ingest = field(default_factory=Ingest)
    quarantine: Quarantine = field(default_factory=Quarantine)
    limits: Limits = field(default_factory=Limits)
    log: Log = field(default_factory=Log)
    spool: Spool = field(default_factory=Spool)
    history: History = field(default_factory=History)
    web: Web = field(default_factory=Web)
    live: Live = field(default_factory=Live)
