"""The messages of /ws/gps/, key by key."""

from __future__ import annotations

from msgspec import json
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import NOON, a_fix, a_position
from tests.live.telling import an_update
from waygps.live.messages import (
    Options,
    Problem,
    SubscribeAll,
    SubscribeArea,
    SubscribeMobile,
    UnsubscribeArea,
    UnsubscribeMobile,
    client_message,
    encode,
    gps_batch,
    gps_update,
    initial_state,
    mobile_status,
    plain,
    row,
    system_alert,
)
from waygps.live.update import FIELDS
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
        for text, expected in {
            '{"type": "subscribe_mobile", "mobile_id": 7, "since": 1}': SubscribeMobile(7),
            '{"type": "unsubscribe_mobile", "mobile_id": 7}': UnsubscribeMobile(7),
            '{"type": "subscribe_area", "sur": -35, "oeste": 170, "norte": -34.5, "este": -170}': SubscribeArea(
                -35, 170, -34.5, -170
            ),
            '{"type": "unsubscribe_area"}': UnsubscribeArea(),
            '{"type": "subscribe_all"}': SubscribeAll(),
            '{"type": "options"}': Options(),
            '{"type": "options", "compact": true, "trail": true, "interval": 5, "heartbeat": true}': Options(True, True, 5, True),
        }.items():
            assert client_message(text.encode()) == expected

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
            b'{"type": "subscribe_area", "sur": -91, "oeste": 0, "norte": 0, "este": 0}',
            b'{"type": "subscribe_area", "sur": 0, "oeste": 0, "norte": 0, "este": 180.5}',
            b'{"type": "subscribe_area", "sur": NaN, "oeste": 0, "norte": 0, "este": 0}',
            b'{"type": "subscribe_area", "sur": 0, "oeste": 0, "norte": 0}',
            b'{"type": "options", "interval": -1}',
            b'{"type": "options", "interval": 1e9}',
            b'{"type": "options", "compact": 1}',
        ):
            with self.assertRaises(ValueError) as caught:
                client_message(payload)
            assert str(caught.exception)


class CompactTests(SynchronousTestCase):
    """gps_batch, for who asks for it."""

    def setUp(self) -> None:
        older = [an_update(7, lat, 2.0, NOON + second) for lat, second in ((1.0, 0), (1.1, 500), (1.2, 1000))]
        self.update = older[2].after(older[1].after(older[0]))

    def test_same_values(self) -> None:
        """A row has what a gps_update has, in the order that the answer to the options names, times in milliseconds."""
        ((*values,),) = json.decode(gps_batch([row(self.update, trail=False)]))["updates"]
        named = dict(zip(FIELDS, values, strict=True))
        data = json.decode(plain(self.update, trail=False))["data"]
        assert named.pop("mobile_id") == 7
        assert (named.pop("fecha_gps"), named.pop("fecha_recepcion")) == (NOON + 1000, NOON + 1000)
        assert named == {name: value for name, value in data.items() if not name.startswith("fecha")}

    def test_trail(self) -> None:
        """The points between come along for who asks for them, oldest first, in either form, and for nobody else."""
        data = json.decode(plain(self.update, trail=True))
        assert [(point["fecha_gps"], point["latitud"]) for point in data["trail"]] == [
            ("2026-11-24T12:00:00Z", 1.0),
            ("2026-11-24T12:00:00.500000Z", 1.1),
        ]
        assert set(data["trail"][0]) == {"fecha_gps", "latitud", "longitud", "velocidad", "rumbo"}
        assert json.decode(row(self.update, trail=True))[len(FIELDS)] == [
            [NOON, 1.0, 2.0, None, None],
            [NOON + 500, 1.1, 2.0, None, None],
        ]
        assert "trail" not in json.decode(plain(self.update, trail=False))
        assert len(json.decode(row(self.update, trail=False))) == len(FIELDS)
