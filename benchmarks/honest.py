"""Devices that report at their pace and want to be answered: whoever disturbs them is measured by how long they wait."""

from __future__ import annotations

import asyncio
import time

from msgspec import Struct, field

from waygps.fix import Fix
from waygps.interfaces import IVendor

ACKNOWLEDGEMENT = 4
"""Bytes that a report is answered with, by Teltonika's and the generic protocol."""


class Heard(Struct):
    """What the devices saw."""

    acknowledged: int = 0
    waited: list[float] = field(default_factory=list)
    """Seconds from each report to its acknowledgement."""
    faults: list[str] = field(default_factory=list)

    def at(self, share: float) -> float:
        """Milliseconds within which this share of the reports was acknowledged."""
        waited = sorted(self.waited) or [0.0]
        return round(waited[int((len(waited) - 1) * share)] * 1000, 1)


class Honest:
    """So many devices of a vendor at a port, which report every ``period`` seconds; entered and left like a context.

    Those of another ``series`` are others.
    """

    def __init__(self, vendor: IVendor, port: int, series: int = 0, devices: int = 50, period: float = 0.5) -> None:
        self._vendor = vendor
        self._port = port
        self._period = period
        self.names = [f"86{series:03d}{number:010d}" for number in range(devices)]
        self.heard = Heard()
        self._is_over = False
        self._begun = int(time.time() * 1000) - 3_600_000

    async def __aenter__(self) -> Honest:
        ready = [asyncio.get_running_loop().create_future() for _ in self.names]
        self._running = [asyncio.create_task(self._device(number, future)) for number, future in enumerate(ready)]
        await asyncio.wait_for(asyncio.gather(*ready), 30)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_over = True
        await asyncio.gather(*self._running)

    async def _device(self, number: int, ready: asyncio.Future[None]) -> None:
        try:
            await self._reports(number, ready)
        except Exception as fault:  # told with the others'
            self.heard.faults.append(f"{self.names[number]}: {fault!r}")
            if not ready.done():
                ready.set_result(None)

    async def _reports(self, number: int, ready: asyncio.Future[None]) -> None:
        encoder = self._vendor.encoder(self.names[number], "tcp")
        assert encoder is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        if encoder.hello():
            writer.write(encoder.hello())
            await reader.readexactly(1)
        ready.set_result(None)
        await asyncio.sleep(self._period * number / len(self.names))
        moment = self._begun
        while not self._is_over:
            moment += 1000
            sent = time.perf_counter()
            writer.write(encoder.report((Fix(time=moment, lat=-34.6, lon=-58.4, satellites=9),)))
            await reader.readexactly(ACKNOWLEDGEMENT)
            self.heard.waited.append(time.perf_counter() - sent)
            self.heard.acknowledged += 1
            await asyncio.sleep(self._period)
        writer.close()
