"""Keeps what no vendor recognises in ``bytes_desconocidos``: the newest of each host and receiver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, json
from twisted.application.service import Service
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from waygps.errors import StoreUnavailable
from waygps.storage.session import Session

KEEP = """
INSERT INTO bytes_desconocidos AS b (receptor, protocolo, origen, datos, candidatos, veces)
SELECT receptor, protocolo, origen, datos, candidatos, veces
FROM unnest(%s::text[], %s::text[], %s::text[], %s::bytea[], %s::jsonb[], %s::int[])
     AS n (receptor, protocolo, origen, datos, candidatos, veces)
ON CONFLICT (receptor, protocolo, origen) DO UPDATE
SET fecha = now(), veces = b.veces + excluded.veces, datos = excluded.datos, candidatos = excluded.candidatos
RETURNING id
"""
FORGET = """
DELETE FROM bytes_desconocidos WHERE id IN (SELECT id FROM bytes_desconocidos ORDER BY fecha DESC, id DESC OFFSET %s) RETURNING id
"""
MOST_ROWS = 1000
"""Hosts and receivers that are kept; of more the newest."""
MOST_WAITING = 200
"""Hosts and receivers that wait to be written; what comes beyond is only counted in the log of the receiver."""
MOST_BYTES = 4096
"""Bytes that are kept of each."""


class _Stranger(Struct):
    data: bytes
    scores: Mapping[str, float]
    times: int = 0


class StrangersService(Service):
    """Writes once a second what came meanwhile. While PostgreSQL is away a bounded part waits."""

    _log = Logger()
    name = "strangers"

    def __init__(self, reactor: Any, session: Session) -> None:
        self._session = session
        self._waiting: dict[tuple[str, str, str], _Stranger] = {}
        self._writing: Deferred[None] | None = None
        self._beating = LoopingCall(self.beat)
        self._beating.clock = reactor

    def startService(self) -> None:
        super().startService()
        self._beating.start(1)

    def stopService(self) -> None:
        super().stopService()
        self._beating.stop()

    def note(self, receiver: str, peer: str, transport: str, data: bytes, scores: Mapping[str, float]) -> None:
        """``peer`` (HOST:PORT) sent this first; ``scores`` has the likeliest vendors, from 0 to 1."""
        key = receiver, transport.upper(), peer.rpartition(":")[0]
        if key in self._waiting or len(self._waiting) < MOST_WAITING:
            times = self._waiting[key].times if key in self._waiting else 0
            self._waiting[key] = _Stranger(data[:MOST_BYTES], scores, times + 1)

    def beat(self) -> None:
        """Write what waits, unless an earlier writing still goes on."""
        if self._waiting and self._writing is None:
            self._writing = ensureDeferred(self._write())
            self._writing.addErrback(self._eb_write).addBoth(self._cb_written)

    async def _write(self) -> None:
        batch, self._waiting = self._waiting, {}
        try:
            await self._session.query(KEEP, _columns(batch))
            await self._session.query(FORGET, [MOST_ROWS])
        except StoreUnavailable:
            self._waiting = {**batch, **self._waiting}

    def _eb_write(self, failure: Any) -> None:
        self._log.failure("what no vendor recognises is not kept", failure)

    def _cb_written(self, result: object) -> None:
        self._writing = None


def _columns(batch: dict[tuple[str, str, str], _Stranger]) -> list[list[Any]]:
    # In one order for all processes, so that none waits for another that waits for it.
    ordered = [(key, batch[key]) for key in sorted(batch)]
    rows = [(*key, stranger.data, _candidates(stranger.scores), stranger.times) for key, stranger in ordered]
    return [list(column) for column in zip(*rows, strict=True)]


def _candidates(scores: Mapping[str, float]) -> str:
    return json.encode([{"protocolo": name, "puntaje": round(score, 3)} for name, score in scores.items()]).decode()
