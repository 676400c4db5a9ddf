"""What one process of the server is made of: each part made once, here and nowhere else, and handed to those who need it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from autobahn.twisted.resource import WebSocketResource
from twisted.application.service import Service
from twisted.internet.defer import ensureDeferred

from waygps import __version__
from waygps.background import Background
from waygps.config import Configuration
from waygps.errors import StoreUnavailable
from waygps.garbage import GarbageCollection
from waygps.ingest.drain import Drain
from waygps.ingest.files import Files, allow_files
from waygps.ingest.findings import Findings
from waygps.ingest.guard import Guard
from waygps.ingest.journal import Journal
from waygps.ingest.receivers import ReceiverService
from waygps.ingest.switchboard import Switchboard
from waygps.ingest.tracing import Tracing
from waygps.ingest.valve import Valve
from waygps.ingest.vendors import Found
from waygps.live.bus import RedisBus
from waygps.live.hub import Hub
from waygps.live.messages import initial_state
from waygps.live.status import StatusFactory
from waygps.live.websocket import GpsFactory, users_of
from waygps.pipeline.counting import Counters
from waygps.pipeline.pipeline import Pipeline
from waygps.pipeline.presence import Presence
from waygps.pipeline.validation import Limits
from waygps.ports import Listener
from waygps.reception import Reception
from waygps.storage.accounts import Accounts
from waygps.storage.adoption import AdoptionService
from waygps.storage.captured import Captured
from waygps.storage.database import DatabaseService
from waygps.storage.fleet import Fleet
from waygps.storage.orphans import OrphanService
from waygps.storage.presence import PresenceService
from waygps.storage.quarantine import Quarantine
from waygps.storage.receiver_rows import ReceiverRows
from waygps.storage.receivers import Receiver, servable
from waygps.storage.replay import Replay
from waygps.storage.session import Session
from waygps.storage.spool import Spool
from waygps.storage.store import Store
from waygps.storage.strangers import StrangersService
from waygps.storage.tally import Tally
from waygps.storage.vehicles import Vehicles
from waygps.storage.vitals import VitalsService
from waygps.storage.writer import BatchWriter, ShardedWriter
from waygps.web.api import API
from waygps.web.health import Health
from waygps.web.quarantine import QuarantineAPI
from waygps.web.receivers import ReceiversAPI
from waygps.web.running import Running
from waygps.web.server import WebService
from waygps.web.site import Pages, make_site
from waygps.web.throttle import Throttle


class Server:
    """The parts. ``worker``: the number of this process where several serve the same ports."""

    def __init__(self, reactor: Any, configuration: Configuration, url: str, worker: int | None = None) -> None:
        self._reactor = reactor
        self._configuration = configuration
        self._worker = worker
        self._bus = RedisBus(reactor, configuration.bus.url, configuration.bus.channel) if configuration.bus.url else None
        self._hub = Hub(self._bus, reactor, configuration.live.update_interval)
        self._storing(url)
        self._listening()

    def _storing(self, url: str) -> None:
        """The way of a fix into PostgreSQL, or the spool."""
        reactor, configuration = self._reactor, self._configuration
        ingest, database = configuration.ingest, configuration.database
        writing = [Session(reactor, url, f"writer {number}", database.patience) for number in range(database.connections)]
        asking = Session(reactor, url, "vehicles", database.patience)
        self._reading, self._upkeep = Session(reactor, url, "web"), Session(reactor, url, "upkeep")
        self._vehicles = Vehicles(asking, most=ingest.most_vehicles)
        self._database = DatabaseService(reactor, [*writing, asking, self._reading, self._upkeep], self._vehicles)
        self._counters = Counters()
        self._writer = ShardedWriter([BatchWriter(session, database.batch, self._counters.repeat) for session in writing])
        self._quarantine = Quarantine(asking, configuration.quarantine, reactor.seconds)
        self._spool = self._spool_in(configuration.data_dir)
        self._store = Store(reactor, self._writer, self._spool, self._vehicles, self._quarantine, self._hub.alert)

    def _listening(self) -> None:
        """What devices say, and what is known of their connections."""
        reactor, ingest = self._reactor, self._configuration.ingest
        self._valve = valve = Valve(ingest.most_held)
        self._background = Background()
        is_json = self._configuration.log.receivers_json
        journal = Journal(self._configuration.data_dir, time.time, is_json, self._background.call)
        files = Files(allow_files(), self._configuration.limits.reserved_files, self._hub.alert)
        self._guard = Guard(reactor, self._configuration.limits, journal, files, lambda: valve.is_shut)
        self._vitals = VitalsService(reactor, self._upkeep, self._hub.vitals, self._hub.alarm)
        self._pipeline = Pipeline(
            self._vehicles,
            self._store,
            [self._hub.tell],
            Limits(future=int(ingest.future_tolerance * 1000)),
            self._counters,
            quarantine=self._quarantine,
            vitals=self._vitals,
        )
        self._present = Presence(ingest.silence, self._hub.alert, ingest.most_vehicles, announce=self._announce)
        self._presence = PresenceService(
            reactor, self._upkeep, self._present, self._hub.status, ingest.most_vehicles, ingest.silence
        )
        self._findings = Findings(self._hub.alert, time.time)
        self._strangers = StrangersService(reactor, self._upkeep)
        self._tracing = Tracing(reactor, self._upkeep)
        if self._bus:
            self._bus.subscribe("dispositivo", lambda payload: self._present.taken(*payload.decode().split("\0")))

    def services(self, receiving: Switchboard, left: Sequence[Path] = ()) -> list[Service]:
        """All services, in the order in which they start; ``left`` has the directories of processes that are gone."""
        self._spool.open()
        tally = Tally(self._reactor, self._upkeep, self._counters, self._pipeline.clocks.offset)
        adoption = AdoptionService(self._reactor, self._upkeep, self._pipeline)
        replay = partial(Replay, self._writer, vehicles=self._vehicles, quarantine=self._quarantine)
        emptying = OrphanService(self._reactor, left, self._spool_in, lambda spool: replay(spool=spool))
        storing: list[Service] = [
            self._background,
            self._database,
            tally,
            self._tracing,
            self._store,
            self._vitals,
            self._strangers,
            adoption,
            emptying,
        ]
        drain = Drain(self._reactor, self._valve, self._configuration.ingest.drain_timeout)
        bus: list[Service] = [self._bus] if self._bus else []
        return [*storing, *bus, self._site(receiving), drain, self._guard, receiving, self._presence, GarbageCollection()]

    def receivers(self, receivers: Sequence[Receiver], vendors: Mapping[str, Found]) -> Switchboard:
        """The ports for devices: these, and then what the table says."""
        settings, ingest = self._configuration.receivers, self._configuration.ingest
        self._vendors = vendors
        served = partial(servable, vendors=vendors, ports=settings.ports)
        listener = Listener(self._reactor, settings.interface, is_shared=self._worker is not None)
        reception = Reception(
            self._reactor,
            listener,
            vendors,
            self._guard,
            self._pipeline,
            self._present,
            ingest.unknown_devices,
            self._findings,
            [self._strangers.note],
            self._tracing,
        )
        switchboard = Switchboard(self._reactor, self._upkeep, self._valve, reception.receiver, served, ingest.drain_timeout)
        reception.follow(switchboard)
        switchboard.put(receivers)
        return switchboard

    def _site(self, receiving: Iterable[ReceiverService]) -> WebService:
        """REST, WebSocket and the map on one port."""
        settings = self._configuration.web
        accounts, fleet = Accounts(self._reading, settings.session_hours), Fleet(self._reading)
        health = Health(__version__, self._database, self._store, self._valve, receiving, self._hub)
        throttle, quarantine = Throttle(self._reactor.seconds), QuarantineAPI(accounts, Captured(self._reading))
        running = Running(receiving, self._findings, self._configuration.receivers.ports, self._vendors)
        receivers = ReceiversAPI(accounts, ReceiverRows(self._reading), running)
        api = API(accounts, fleet, health, throttle, self._hub.end_session, settings, quarantine, receivers)
        site = make_site(Pages(accounts).app.resource(), api.app.resource(), self._websockets(accounts, fleet, health), settings)
        if self._bus:
            self._bus.on_recovery(lambda: ensureDeferred(self._renew(fleet)))
        listener = Listener(self._reactor, settings.interface, is_shared=self._worker is not None)
        self._web = WebService(listener, site, settings.port)
        return self._web

    def _websockets(self, accounts: Accounts, fleet: Fleet, health: Health) -> dict[str, WebSocketResource]:
        """The channels of /ws/."""
        live, origins, clock = self._configuration.live, self._configuration.web.allowed_origins, self._reactor
        users = users_of(live, clock)
        gps = GpsFactory(self._hub, accounts.user_of, fleet.vehicles, origins, clock=clock, users=users, live=live)
        status = StatusFactory(self._hub, accounts.user_of, health, users, clock, live, origins)
        return {"gps": WebSocketResource(gps), "status": WebSocketResource(status)}

    @property
    def web_fault(self) -> str:
        """Why the web port is not open; "" while it is."""
        return self._web.fault

    def _spool_in(self, directory: Path) -> Spool:
        return Spool(self._reactor, directory, self._configuration.spool.most_mb)

    def _announce(self, device: str, peer: str) -> None:
        if self._bus:
            self._bus.publish("dispositivo", f"{device}\0{peer}".encode())

    async def _renew(self, fleet: Fleet) -> None:
        """The bus may have missed something: every page of this process gets the state of all vehicles from PostgreSQL."""
        if len(self._hub):
            try:
                self._hub.renew(initial_state(await fleet.vehicles()))
            except StoreUnavailable:
                return  # the pages are told that PostgreSQL is away, and then that it is back
