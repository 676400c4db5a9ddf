"""``twistd waygps``: everything is put together here, and nowhere else."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from autobahn.twisted.resource import WebSocketResource
from twisted.application.service import IService, Service
from twisted.python import usage

from waygps import __version__, first_login
from waygps.banner import banner
from waygps.config import Configuration
from waygps.errors import WayGPSError
from waygps.garbage import GarbageCollection
from waygps.ingest.auto import AnyVendor
from waygps.ingest.drain import Drain
from waygps.ingest.guard import Guard
from waygps.ingest.journal import Journal
from waygps.ingest.receivers import ReceiverService
from waygps.ingest.sessions import SessionFactory
from waygps.ingest.share import Share
from waygps.ingest.switchboard import Switchboard
from waygps.ingest.valve import Valve
from waygps.ingest.vendors import Found, find_vendors
from waygps.interfaces import IVendor
from waygps.live.hub import Hub
from waygps.live.websocket import GpsFactory
from waygps.origin import Origin
from waygps.pipeline.counting import Counters
from waygps.pipeline.pipeline import Pipeline
from waygps.pipeline.presence import Presence
from waygps.pipeline.validation import Limits
from waygps.preparation import prepare
from waygps.services import Greeting, in_order
from waygps.settings import load
from waygps.simulation.fleet import SimulatedFleet, identification, targets
from waygps.storage.accounts import Accounts
from waygps.storage.adoption import AdoptionService
from waygps.storage.captured import Captured
from waygps.storage.database import DatabaseService
from waygps.storage.embedded import EmbeddedPostgres
from waygps.storage.fleet import Fleet
from waygps.storage.maintenance import Maintenance
from waygps.storage.presence import PresenceService
from waygps.storage.quarantine import Quarantine
from waygps.storage.receivers import AUTO, Receiver, servable
from waygps.storage.session import Session
from waygps.storage.spool import Spool
from waygps.storage.store import Store
from waygps.storage.tally import Tally
from waygps.storage.vehicles import Vehicles
from waygps.storage.vitals import VitalsService
from waygps.storage.writer import BatchWriter, ShardedWriter
from waygps.web.api import API
from waygps.web.health import Health
from waygps.web.quarantine import QuarantineAPI
from waygps.web.server import WebService
from waygps.web.site import Pages, make_site
from waygps.web.throttle import Throttle


class Options(usage.Options):
    """The few settings that matter on a command line; everything else is in the file or the environment."""

    optParameters = [
        ["config", "c", None, "Configuration file (TOML)."],
        ["data-dir", None, None, "Directory for the embedded PostgreSQL and the first login."],
        ["database", None, None, "PostgreSQL URL; without one the embedded PostgreSQL is used."],
        ["web-port", None, None, "Port of the map, REST and WebSocket."],
        ["simulate", None, None, "Number of simulated vehicles."],
    ]
    settings = {"data-dir": "data_dir", "database": "database.url", "web-port": "web.port", "simulate": "simulate"}

    def postOptions(self) -> None:
        file = Path(self["config"]) if self["config"] else None
        overrides = {key: self[option] for option, key in self.settings.items() if self[option] is not None}
        try:
            self.configuration = load(file, os.environ, overrides)
        except WayGPSError as error:
            raise SystemExit(f"waygps: {error}") from None


def makeService(options: Options) -> IService:
    """The whole server. What is wrong with the configuration or the database is said in one line, and nothing starts."""
    from twisted.internet import reactor

    configuration = options.configuration
    embedded = None if configuration.database.url else EmbeddedPostgres(configuration.data_dir)
    try:
        return in_order(reactor, _services(reactor, configuration, embedded))
    except WayGPSError as error:
        if embedded:
            embedded.abandon()
        raise SystemExit(f"waygps: {error}") from None


def _services(reactor: Any, configuration: Configuration, embedded: EmbeddedPostgres | None) -> list[Service]:
    vendors = find_vendors(configuration.receivers.protocol_dirs)
    url = embedded.open() if embedded else configuration.database.url
    simulated = [identification(number) for number in range(configuration.simulate)]
    receivers = prepare(url, configuration.data_dir, vendors, configuration.receivers.ports, simulated)
    server = Server(reactor, configuration, url)
    server.spool.open()
    receiving = server.receivers(receivers, vendors)
    maintenance = Maintenance(reactor, url, configuration.history, os.environ)
    storing: list[Service] = [server.database, maintenance, server.tally, server.store, server.vitals, server.adoption]
    ports: list[Service] = [server.web(receiving), server.drain(), server.guard, receiving]
    services: list[Service] = [*storing, *ports, server.presence, GarbageCollection()]
    if configuration.simulate:
        services.append(server.fleet(receivers, vendors))
    if embedded:
        greeting = Greeting(lambda: print(server.banner(receiving), file=sys.__stdout__, flush=True))
        services = [embedded, *services, greeting]
    return services


class Server:
    """The parts, each made once and handed to those who need it."""

    def __init__(self, reactor: Any, configuration: Configuration, url: str) -> None:
        self._reactor = reactor
        self._configuration = configuration
        ingest, count = configuration.ingest, configuration.database.connections
        patience = configuration.database.patience
        writing = [Session(reactor, url, f"writer {number}", patience) for number in range(count)]
        asking = Session(reactor, url, "vehicles", patience)
        self._reading, self._upkeep = Session(reactor, url, "web"), Session(reactor, url, "upkeep")
        vehicles = Vehicles(asking, most=ingest.most_vehicles)
        self.database = DatabaseService(reactor, [*writing, asking, self._reading, self._upkeep], vehicles)
        counters, batch = Counters(), configuration.database.batch
        writer = ShardedWriter([BatchWriter(session, batch, counters.repeat) for session in writing])
        self._hub = Hub()
        self._valve = valve = Valve(ingest.most_held)
        journal = Journal(configuration.data_dir, time.time)
        self.guard = Guard(reactor, configuration.limits, journal, lambda: valve.is_shut)
        self.spool = Spool(reactor, configuration.data_dir, configuration.spool.most_mb)
        quarantine = Quarantine(asking, configuration.quarantine, reactor.seconds)
        self.store = Store(reactor, writer, self.spool, vehicles, quarantine, self._hub.alert)
        limits = Limits(future=int(ingest.future_tolerance * 1000))
        self.vitals = VitalsService(reactor, self._upkeep, self._hub.vitals, self._hub.alarm)
        told = [self._hub.tell]
        self._pipeline = Pipeline(vehicles, self.store, told, limits, counters, quarantine=quarantine, vitals=self.vitals)
        self.adoption = AdoptionService(reactor, self._upkeep, self._pipeline)
        self._present = Presence(ingest.silence, self._hub.alert, ingest.most_vehicles)
        self.presence = PresenceService(reactor, self._upkeep, self._present, self._hub.status, ingest.most_vehicles)
        self.tally = Tally(reactor, self._upkeep, counters, self._pipeline.clocks.offset)

    def receivers(self, receivers: Sequence[Receiver], vendors: Mapping[str, Found]) -> Switchboard:
        """The ports for devices: these, and then what the table says."""
        settings, patience = self._configuration.receivers, self._configuration.ingest.drain_timeout
        served = partial(servable, vendors=vendors, ports=settings.ports)
        make = partial(self._receiver, vendors)
        switchboard = Switchboard(self._reactor, self._upkeep, self._valve, make, served, patience)
        switchboard.put(receivers)
        return switchboard

    def _receiver(self, vendors: Mapping[str, Found], receiver: Receiver, share: Share) -> ReceiverService:
        served, sessions = self._served(receiver, vendors, share), self._sessions(share, receiver, receiver.vendor)
        return ReceiverService(self._reactor, receiver, served, sessions, self._configuration.receivers.interface)

    def _served(self, receiver: Receiver, vendors: Mapping[str, Found], share: Share) -> IVendor | AnyVendor:
        """The vendor of this receiver, or all of them, under the limits."""
        if receiver.vendor != AUTO.name:
            return self.guard.vendor(vendors[receiver.vendor].vendor, receiver.name)
        every = [found.vendor for found in vendors.values()]
        sessions = partial(self._sessions, share, receiver)
        if receiver.transport == "UDP":
            return AnyVendor(self._reactor, every, sessions)
        ward = self.guard.ward(receiver.name)
        return AnyVendor(self._reactor, every, lambda name: ward.sessions(sessions(name)), ward.factory)

    def _sessions(self, share: Share, receiver: Receiver, vendor: str) -> SessionFactory:
        unknown = receiver.unknown or self._configuration.ingest.unknown_devices
        return SessionFactory(self._pipeline, share, Origin(vendor, receiver.name, unknown), self._present)

    def drain(self) -> Drain:
        """What finishes before the connections are closed."""
        return Drain(self._reactor, self._valve, self._configuration.ingest.drain_timeout)

    def web(self, receiving: Iterable[ReceiverService]) -> WebService:
        """REST, WebSocket and the map on one port."""
        settings = self._configuration.web
        accounts, fleet = Accounts(self._reading, settings.session_hours), Fleet(self._reading)
        health = Health(__version__, self.database, self.store, self._valve, receiving, self._hub)
        throttle, quarantine = Throttle(self._reactor.seconds), QuarantineAPI(accounts, Captured(self._reading))
        api = API(accounts, fleet, health, throttle, self._hub.end_session, settings, quarantine)
        gps = WebSocketResource(GpsFactory(self._hub, accounts.user_of, fleet.vehicles, settings.allowed_origins))
        site = make_site(Pages(accounts).app.resource(), api.app.resource(), gps, settings)
        self._web = WebService(self._reactor, site, settings)
        return self._web

    def fleet(self, receivers: Sequence[Receiver], vendors: Mapping[str, Found]) -> SimulatedFleet:
        """Simulated vehicles on the ports that are open."""
        speaking = [receiver for receiver in receivers if receiver.vendor in vendors]
        ports = [(vendors[receiver.vendor].vendor, receiver.transport, receiver.port) for receiver in speaking]
        return SimulatedFleet(self._reactor, targets(ports), self._configuration.simulate)

    def banner(self, receiving: Iterable[ReceiverService]) -> str:
        """What a person reads on the terminal."""
        login = first_login.remembered(self._configuration.data_dir)
        return banner(self._configuration, receiving, login, self._web.fault)
