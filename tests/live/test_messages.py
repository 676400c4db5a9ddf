"""The messages of /ws/gps/, key by key."""

from __future__ import annotations

from msgspec import json
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import NOON, a_fix, a_position
from waygps.live.messages import Problem, client_message, encode, gps_update, initial_state, mobile_status, system_alert
from waygps.position import Vehicle, position

VAN = Vehicle(7, "A1", "AB123CD")


class GpsUpdateTests(SynchronousTestCase):
    def test_keys(self) -> None:
        """A page reads the keys that it always did, in Spanish, with the time as ISO 8601 in UTC."""
        fix = a_fix(
            NOON,
            -34.6037224,
            -58.3815921,
            altitude_m=25.5,
            speed_kmh=45.0,
            course_deg=180.0,
            satellites=9,
            hdop=0.9,
            ignition=True,
            battery_pct=80,
            odometer_km=12.5,
            alarm="sos",
        )
        place = a_position(VAN, fix, NOON + 1500)
        assert json.decode(gps_update(VAN, place, place)) == {
            "type": "gps_update",
            "mobile_id": 7,
            "data": {
                "latitud": -34.603722,
                "longitud": -58.381592,
                "altitud": 25.5,
                "velocidad": 45.0,
                "rumbo": 180.0,
                "satelites": 9,
                "hdop": 0.9,
                "ignicion": True,
                "bateria": 80,
                "odometro": 12.5,
                "fecha_gps": "2026-11-24T12:00:00Z",
                "fecha_recepcion": "2026-11-24T12:00:01.500000Z",
                "calidad_datos": "buena",
                "alarma": "sos",
                "imei": "A1",
                "patente": "AB123CD",
            },
        }

    def test_wrong_clock(self) -> None:
        """A page never sees the time of a wrong clock, by which it would take right reports for old ones."""
        known = position(VAN, a_fix(NOON - 10_800_000), "buena", "lines", NOON, 1, skew=-10_800_000)
        for place in (a_position(VAN, a_fix(NOON + 540_000)), known):
            assert json.decode(gps_update(VAN, place, place))["data"]["fecha_gps"] == "2026-11-24T12:00:00Z"

    def test_unknown_is_null(self) -> None:
        """What a device does not say is there as null, so that a page never asks for a missing key."""
        place = a_position(VAN, a_fix())
        data = json.decode(gps_update(Vehicle(7, "A1", None), place, place))["data"]
        assert len(data) == 16
        assert {key for key, value in data.items() if value is None} == {
            *("altitud", "velocidad", "rumbo", "satelites", "hdop", "ignicion", "bateria", "odometro", "alarma", "patente")
        }

    def test_without_a_fix(self) -> None:
        """A report without a position leaves the marker where it was last seen, with the new time and state."""
        place = a_position(VAN, a_fix(NOON, lat=1.0, speed_kmh=30.0, ignition=True))
        unlocated = a_fix(NOON + 60_000, lat=0.0, lon=0.0, valid=False, speed_kmh=0.0, ignition=False)
        newest = a_position(VAN, unlocated, NOON + 60_000)
        data = json.decode(gps_update(VAN, newest, place))["data"]
        assert (data["latitud"], data["longitud"], data["velocidad"]) == (1.0, -58.4, 30.0)
        assert (data["ignicion"], data["fecha_gps"]) == (False, "2026-11-24T12:01:00Z")


class OtherMessagesTests(SynchronousTestCase):
    def test_initial_state(self) -> None:
        """A page begins with all vehicles at once, as the database wrote them."""
        assert json.decode(initial_state('[{"id": 7, "patente": "ñ"}]')) == {
            "type": "initial_state",
            "mobiles": [{"id": 7, "patente": "ñ"}],
        }

    def test_mobile_status(self) -> None:
        """The state of a device has the keys of the seed's pages, and the word that the table has."""
        assert json.decode(mobile_status(7, "error")) == {"type": "mobile_status", "mobile_id": 7, "status": "error"}

    def test_system_alert(self) -> None:
        """A page tells alerts by their type, and has a text for people."""
        assert json.decode(system_alert("cola_llena", "The spool is full")) == {
            "type": "system_alert",
            "alert_type": "cola_llena",
            "message": "The spool is full",
        }

    def test_problem(self) -> None:
        """What was not understood is said as a message of its own type."""
        assert json.decode(encode(Problem("not understood"))) == {"type": "error", "message": "not understood"}

    def test_client_messages(self) -> None:
        """A client may subscribe and unsubscribe; keys of a later version are ignored."""
        for kind in ("subscribe_mobile", "unsubscribe_mobile"):
            message = client_message(b'{"type": "%s", "mobile_id": 7, "since": 1}' % kind.encode())
            assert (message.type, message.mobile_id) == (kind, 7)

    def test_not_understood(self) -> None:
        """Anything else is refused with a reason."""
        for payload in (
            b"",
            b"{",
            b"[]",
            b"\xff",
            b"{}",
            b'{"type": "subscribe_mobile"}',
            b'{"type": "subscribe_mobile", "mobile_id": "x"}',
            b'{"type": "drop_tables", "mobile_id": 7}',
        ):
            with self.assertRaises(ValueError) as caught:
                client_message(payload)
            assert str(caught.exception)
