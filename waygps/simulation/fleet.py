"""Simulated devices that speak the vendors' real protocols to real ports, and wait for their answers as real ones do."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import cycle
from random import Random
from typing import Any

from msgspec import Struct
from twisted.application.internet import ClientService
from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.failure import Failure

from waygps.interfaces import IVendor, Transport
from waygps.simulation.device import SimulatedDevice
from waygps.simulation.route import Route


class Target(Struct, frozen=True):
    """A port that speaks this vendor's protocol."""

    vendor: IVendor
    transport: Transport
    port: int


class StreamDevice(Protocol):
    """A simulated device's TCP connection: greets, waits for the answer, then reports once a period."""

    def __init__(self, reactor: Any, device: SimulatedDevice, period: float) -> None:
        self._device = device
        self._period = period
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor

    def connectionMade(self) -> None:
        greeting = self._device.connected()
        if greeting:
            self.transport.write(greeting)  # type: ignore[union-attr]
        else:
            self._ticking.start(self._period)

    def dataReceived(self, data: bytes) -> None:
        self._device.answered()
        if not self._ticking.running:
            self._ticking.start(self._period)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._ticking.running:
            self._ticking.stop()

    def _tick(self) -> None:
        report = self._device.tick(self._period, time.time())
        if report:
            self.transport.write(report)  # type: ignore[union-attr]


class _StreamDevices(Factory):
    noisy = False

    def __init__(self, reactor: Any, device: SimulatedDevice, period: float) -> None:
        self._made = reactor, device, period

    def buildProtocol(self, addr: IAddress | None) -> StreamDevice:
        return StreamDevice(*self._made)


class DatagramDevice(DatagramProtocol, Service):
    """A simulated device that reports over UDP."""

    noisy = False

    def __init__(self, reactor: Any, device: SimulatedDevice, period: float, address: tuple[str, int]) -> None:
        self._reactor = reactor
        self._device = device
        self._period = period
        self._address = address
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor
        self._port: IListeningPort | None = None

    def startService(self) -> None:
        Service.startService(self)
        self._port = self._reactor.listenUDP(0, self)
        self._device.connected()
        self._ticking.start(self._period)

    def stopService(self) -> Deferred[None] | None:
        Service.stopService(self)
        if self._ticking.running:
            self._ticking.stop()
        return self._port.stopListening() if self._port else None

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self._device.answered()

    def _tick(self) -> None:
        report = self._device.tick(self._period, time.time())
        if report:
            self.transport.write(report, self._address)  # type: ignore[union-attr]


class _Delayed(Service):
    """Starts a device somewhere within the first period, so that a fleet does not report in one breath."""

    def __init__(self, reactor: Any, device: Service, delay: float) -> None:
        self._reactor = reactor
        self._device = device
        self._delay = delay

    def startService(self) -> None:
        super().startService()
        self._call = self._reactor.callLater(self._delay, self._device.startService)

    def stopService(self) -> Any:
        super().stopService()
        if self._call.active():
            self._call.cancel()
            return None
        return self._device.stopService()


def identification(number: int) -> str:
    """What the simulated device of this number, from 0, calls itself."""
    return f"9900000{number:08d}"


class SimulatedFleet(MultiService):
    """So many vehicles, dealt out over the targets, each reporting once a ``period`` (seconds) to ``host``."""

    name = "simulated fleet"

    def __init__(
        self, reactor: Any, targets: Sequence[Target], devices: int, period: float = 2.0, host: str = "127.0.0.1"
    ) -> None:
        super().__init__()
        self._reactor = reactor
        self._period = period
        self.devices: list[SimulatedDevice] = []
        delays = Random(devices)
        for number, target in zip(range(devices), cycle(targets), strict=False):
            device = self._device(number, target)
            service: Service
            if target.transport == "udp":
                service = DatagramDevice(reactor, device, period, (host, target.port))
            else:
                endpoint = HostnameEndpoint(reactor, host, target.port)
                service = ClientService(endpoint, _StreamDevices(reactor, device, period), clock=reactor)
            _Delayed(reactor, service, delays.uniform(0, period)).setServiceParent(self)

    def startService(self) -> Deferred[None]:
        """Fires when every device has begun."""
        super().startService()
        return deferLater(self._reactor, self._period)

    def _device(self, number: int, target: Target) -> SimulatedDevice:
        encoder = target.vendor.encoder(identification(number), target.transport)
        assert encoder is not None, f"{target.vendor.name} cannot be simulated"
        device = SimulatedDevice(encoder, Route(number))
        self.devices.append(device)
        return device


TRANSPORTS: dict[str, Transport] = {"TCP": "tcp", "UDP": "udp"}


def targets(ports: Iterable[tuple[IVendor, str, int]]) -> list[Target]:
    """The ports (vendor, transport as in the table of receivers, number) that a simulated device can speak to."""
    speakable = (Target(vendor, TRANSPORTS[transport], port) for vendor, transport, port in ports if transport in TRANSPORTS)
    return [target for target in speakable if target.vendor.encoder("0" * 15, target.transport) is not None]
