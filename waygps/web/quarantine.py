"""REST for the quarantine, below /api/cuarentena: who is there, what it sent, adopt, discard."""

from __future__ import annotations

from typing import Annotated

from klein import Klein
from msgspec import Meta, Raw, Struct
from twisted.logger import Logger
from twisted.web.iweb import IRequest

from waygps.storage.accounts import Accounts
from waygps.storage.captured import Captured
from waygps.web.problems import APIError, answer
from waygps.web.requests import body_of, number_of, user_of, with_errors

MOST_MESSAGES = 1000
MOST_DEVICES = 1_000_000
MOST_STRANGERS = 1000
Plate = Annotated[str, Meta(max_length=20, pattern=r"^[^\x00]*$")]
"""As the column has it."""


class Adoption(Struct, forbid_unknown_fields=True):
    """The body of an adoption."""

    patente: Plate | None = None


class QuarantineAPI:
    """The routes; each needs a login."""

    app = with_errors(Klein())
    _log = Logger()

    def __init__(self, accounts: Accounts, captured: Captured) -> None:
        self._accounts = accounts
        self._captured = captured

    @app.route("/", methods=["GET"])
    async def devices(self, request: IRequest) -> bytes:
        """The devices that report and are not in moviles, ``limite`` of them, and how many there are."""
        await user_of(self._accounts, request)
        devices = await self._captured.devices(number_of(request, "limite", MOST_DEVICES, MOST_DEVICES))
        return answer(request, {"cuarentena": Raw(devices.encode()), "total": await self._captured.count()})

    @app.route("/bytes", methods=["GET"])
    async def strangers(self, request: IRequest) -> bytes:
        """What no vendor recognises, the newest ``limite``."""
        await user_of(self._accounts, request)
        found = await self._captured.strangers(number_of(request, "limite", MOST_STRANGERS, MOST_STRANGERS))
        return answer(request, {"bytes_desconocidos": Raw(found.encode())})

    @app.route("/<path:imei>/mensajes", methods=["GET"])
    async def messages(self, request: IRequest, imei: str) -> bytes:
        """The newest messages of a device, ``limite`` of them, in hex."""
        await user_of(self._accounts, request)
        found = await self._captured.messages(_possible(imei), number_of(request, "limite", 100, MOST_MESSAGES))
        return answer(request, {"mensajes": Raw(found.encode())})

    @app.route("/<path:imei>/adoptar", methods=["POST"])
    async def adopt(self, request: IRequest, imei: str) -> bytes:
        """Make a vehicle of the device; what it sent before is stored a moment later."""
        user = await user_of(self._accounts, request)
        number = await self._captured.adopt(_possible(imei), body_of(request, Adoption).patente or None)
        if number is None:
            raise APIError(404, f"{imei} is not in quarantine")
        self._log.info("{user} adopted {imei}: it is vehicle {number}", user=user, imei=imei, number=number)
        return answer(request, {"movil_id": number, "imei": imei})

    @app.route("/<path:imei>", methods=["DELETE"])
    async def discard(self, request: IRequest, imei: str) -> bytes:
        """Forget the device and what it sent."""
        user = await user_of(self._accounts, request)
        if not await self._captured.discard(_possible(imei)):
            raise APIError(404, f"{imei} is not in quarantine")
        self._log.info("{user} discarded {imei} from the quarantine", user=user, imei=imei)
        request.setResponseCode(204)
        return b""


def _possible(imei: str) -> str:
    """What a device can be called, as PostgreSQL keeps it."""
    if "\0" in imei:
        raise APIError(404, "no device is called so")
    return imei
