"""``waygps simulate``: a fleet of simulated devices, for a server anywhere."""

from __future__ import annotations

from typing import Any

import click
from twisted.internet.task import LoopingCall

from waygps.ingest.vendors import find_vendors
from waygps.simulation.fleet import SimulatedFleet, targets


@click.command()
@click.option("--vendor", "names", multiple=True, help="Vendor whose protocol is spoken; repeatable. Default: all.")
@click.option("--devices", default=20, show_default=True, type=click.IntRange(1, 10_000), help="Number of vehicles.")
@click.option("--period", default=2.0, show_default=True, type=click.FloatRange(0.05), help="Seconds between two reports.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the server is.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port, for a single vendor that has not its usual one.")
def simulate(names: tuple[str, ...], devices: int, period: float, host: str, port: int | None) -> None:
    """Drive simulated vehicles around Buenos Aires, until interrupted. They speak the real protocols over TCP and UDP.

    \b
        waygps simulate --vendor teltonika --devices 100 --period 10
    """
    from twisted.internet import reactor

    vendors = find_vendors()
    unknown = set(names) - set(vendors)
    if unknown:
        raise click.BadParameter(f"no vendor {', '.join(unknown)}; there are: {', '.join(vendors)}", param_hint="--vendor")
    if port and len(names) != 1:
        raise click.UsageError("--port goes with exactly one --vendor")
    chosen = [vendors[name].vendor for name in names or vendors]
    ports = [(vendor, transport.upper(), port or vendor.port) for vendor in chosen for transport in vendor.transports]
    speakable = targets(ports)
    if not speakable:
        raise click.UsageError(f"{', '.join(names)} cannot be simulated")
    run(reactor, SimulatedFleet(reactor, speakable, devices, period, host))


def run(reactor: Any, fleet: SimulatedFleet) -> None:
    """Run the fleet until interrupted, and say every ten seconds what was acknowledged."""
    fleet.startService()
    telling = LoopingCall(lambda: click.echo(f"{sum(device.acknowledged for device in fleet.devices)} fixes acknowledged"))
    telling.start(10, now=False)
    reactor.addSystemEventTrigger("before", "shutdown", fleet.stopService)
    reactor.run()
