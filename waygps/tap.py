"""``twistd waygps``: which processes there are, and which services each has. What one process is made of is in wiring.py."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from twisted.application.service import IService, Service
from twisted.python import usage

from waygps import first_login
from waygps.banner import Announced, Opened, banner
from waygps.config import Configuration
from waygps.errors import ConfigurationError, WayGPSError
from waygps.ingest.vendors import Found, find_vendors
from waygps.preparation import prepare, receivers_of
from waygps.services import Greeting, in_order
from waygps.settings import load
from waygps.simulation.fleet import SimulatedFleet, identification, targets
from waygps.storage.embedded import EmbeddedPostgres
from waygps.storage.maintenance import Maintenance
from waygps.storage.orphans import orphans
from waygps.storage.receivers import Receiver
from waygps.wiring import Server
from waygps.workers import Workers, directory_of


class Options(usage.Options):
    """The few settings that matter on a command line; everything else is in the file or the environment."""

    optParameters = [
        ["config", "c", None, "Configuration file (TOML)."],
        ["data-dir", None, None, "Directory for the embedded PostgreSQL and the first login."],
        ["database", None, None, "PostgreSQL URL; without one the embedded PostgreSQL is used."],
        ["web-port", None, None, "Port of the map, REST and WebSocket."],
        ["simulate", None, None, "Number of simulated vehicles."],
        ["worker", None, None, "Number of this process; the server gives it to the processes that it starts itself."],
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
        if options["worker"] is not None:
            return in_order(reactor, _worker(reactor, configuration, int(options["worker"])))
        if configuration.workers > 1:
            return in_order(reactor, _several(reactor, configuration, embedded, options["config"]))
        return in_order(reactor, _services(reactor, configuration, embedded))
    except WayGPSError as error:
        if embedded:
            embedded.abandon()
        raise SystemExit(f"waygps: {error}") from None


def _services(reactor: Any, configuration: Configuration, embedded: EmbeddedPostgres | None) -> list[Service]:
    """One process that does everything."""
    url, vendors, receivers = _prepared(configuration, embedded)
    server = Server(reactor, configuration, url)
    receiving = server.receivers(receivers, vendors)
    maintenance = Maintenance(reactor, url, configuration.history, os.environ)
    services = [maintenance, *server.services(receiving, orphans(configuration.data_dir, 1))]
    if configuration.simulate:
        services.append(fleet(reactor, configuration, receivers, vendors))
    if embedded:
        services = [embedded, *services, Greeting(lambda: _greet(configuration, receiving, server.web_fault))]
    return services


def _several(reactor: Any, configuration: Configuration, embedded: EmbeddedPostgres | None, file: str | None) -> list[Service]:
    """The process that serves nothing itself, and watches those that do."""
    if not configuration.bus.url:
        raise ConfigurationError(
            f"workers = {configuration.workers} needs bus.url, the Redis through which they know of each other"
        )
    url, vendors, receivers = _prepared(configuration, embedded)
    services: list[Service] = [Maintenance(reactor, url, configuration.history, os.environ)]
    services.append(Workers(reactor, configuration, url, Path(file) if file else None))
    if configuration.simulate:
        services.append(fleet(reactor, configuration, receivers, vendors))
    if embedded:
        announced = [Announced(receiver) for receiver in receivers]
        services = [embedded, *services, Greeting(lambda: _greet(configuration, announced, ""))]
    return services


def _worker(reactor: Any, configuration: Configuration, number: int) -> list[Service]:
    """One of several processes on the same ports."""
    vendors, url = find_vendors(configuration.receivers.protocol_dirs), configuration.database.url
    own = replace(configuration, data_dir=directory_of(configuration.data_dir, number))
    server = Server(reactor, own, url, number)
    left = orphans(configuration.data_dir, configuration.workers) if number == 0 else []
    receiving = server.receivers(receivers_of(url, vendors, configuration.receivers.ports), vendors)
    return server.services(receiving, left)


def _prepared(
    configuration: Configuration, embedded: EmbeddedPostgres | None
) -> tuple[str, Mapping[str, Found], Sequence[Receiver]]:
    vendors = find_vendors(configuration.receivers.protocol_dirs)
    url = embedded.open() if embedded else configuration.database.url
    simulated = [identification(number) for number in range(configuration.simulate)]
    return url, vendors, prepare(url, configuration.data_dir, vendors, configuration.receivers.ports, simulated)


def fleet(
    reactor: Any, configuration: Configuration, receivers: Sequence[Receiver], vendors: Mapping[str, Found]
) -> SimulatedFleet:
    """Simulated vehicles on the ports that are open."""
    speaking = [receiver for receiver in receivers if receiver.vendor in vendors and receiver.tls is None]
    ports = [(vendors[receiver.vendor].vendor, receiver.transport, receiver.port) for receiver in speaking]
    return SimulatedFleet(reactor, targets(ports), configuration.simulate)


def _greet(configuration: Configuration, receiving: Iterable[Opened], web_fault: str) -> None:
    """What a person reads on the terminal."""
    login = first_login.remembered(configuration.data_dir)
    print(banner(configuration, receiving, login, web_fault), file=sys.__stdout__, flush=True)
