"""OwnTracks over HTTP: locations, crossings and all else that the apps and gateways send, as its sheet describes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import json
from twisted.trial.unittest import SynchronousTestCase

from protocols.owntracks import owntracks
from tests.protocols.requesting import RequestsContract, said
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.pipeline.validation import device_fault
from waygps.request import Request, request

LOCATION = {
    "_type": "location",
    "acc": 15,
    "alt": 440,
    "batt": 46,
    "conn": "w",
    "lat": 46.0681247,
    "lon": 11.1512805,
    "t": "u",
    "tid": "5t",
    "tst": 1551874878,
    "vac": 2,
    "vel": 0,
}
GATEWAY = {
    "topic": "owntracks/qtripp/865284041968706",
    "lat": 47.420051,
    "lon": 13.654704,
    "vel": 0,
    "cog": 113,
    "tst": 1736519167,
    "mcc": 232,
    "mnc": 1,
    "lac": "4F4D",
    "cid": "673A",
    "_type": "location",
    "acc": 10,
    "alt": 1113,
    "t": "I",
    "don": 105,
    "tid": "CS",
}
CROSSING = {
    "_type": "transition",
    "event": "enter",
    "desc": "Home",
    "lat": 12.34,
    "lon": 44.5,
    "tst": 1427634603,
    "acc": 130,
    "tid": "JP",
    "wtst": 1425042603,
    "t": "c",
}
JANE = {"X-Limit-U": "jane", "X-Limit-D": "phone"}


def post(body: object, headers: Mapping[str, str] | None = None, uri: str = "/pub") -> Request:
    """What an app sends: JSON, or these bytes."""
    return request("POST", uri, headers, body if isinstance(body, bytes) else json.encode(body))


def ms(text: str) -> int:
    """Milliseconds of ISO 8601."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


class ContractTests(RequestsContract, SynchronousTestCase):
    vendor = owntracks
    requests = [
        post(LOCATION),
        post(GATEWAY),
        post(CROSSING, JANE),
        post({"_type": "lwt", "tst": 1380738247}),
        post(b"", JANE),
        post(b"", uri="/?u=jane&d=phone"),
        post(b'{"_type": "loc', JANE),
    ]


class OwnTracksTest(SynchronousTestCase):
    def message(self, asked: Request) -> Message:
        """The one message of a request; the app always hears the same."""
        (message,) = said(owntracks, asked)
        assert message.reply == b"[]"
        return message

    def fix(self, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Fix:
        """The one fix of a report, of which nothing is wrong."""
        message = self.message(post(body, headers))
        assert (message.warnings, message.unreadable) == ((), "")
        (fix,) = message.fixes
        return fix


class LocationTests(OwnTracksTest):
    def test_phone(self) -> None:
        """A phone's position, with what the phone says of itself."""
        fix = self.fix(LOCATION)
        assert (fix.time, fix.lat, fix.lon, fix.valid) == (ms("2019-03-06T12:21:18Z"), 46.0681247, 11.1512805, True)
        assert (fix.speed_kmh, fix.altitude_m, fix.battery_pct, fix.course_deg, fix.alarm) == (0.0, 440.0, 46, None, None)
        assert fix.attributes == {"accuracy_m": 15.0, "vertical_accuracy_m": 2.0, "connection": "wifi", "trigger": "u"}

    def test_speed_and_course(self) -> None:
        """Speeds are kilometres an hour, courses degrees."""
        fix = self.fix(LOCATION | {"cog": 271, "vel": 61, "tst": 1497349316})
        assert (fix.speed_kmh, fix.course_deg, fix.time) == (61.0, 271.0, ms("2017-06-13T10:21:56Z"))

    def test_minimal(self) -> None:
        """A position and its time are enough; what is missing is not known."""
        fix = self.fix({"lon": 2.29513, "lat": 48.85833, "tst": 1497349316, "_type": "location", "tid": "JJ"})
        assert (fix.speed_kmh, fix.course_deg, fix.altitude_m, fix.battery_pct, fix.attributes) == (None, None, None, None, {})

    def test_attributes(self) -> None:
        """What else the app says is kept by name: regions, network, battery, pressure, the time it was sent."""
        more = {
            "bs": 2,
            "m": 1,
            "p": 101.3,
            "created_at": 1736161415,
            "inregions": ["Home"],
            "inrids": ["6da9cf"],
            "SSID": "net",
            "tag": "bike",
            "image": "iVBO",
        }
        attributes = self.fix(LOCATION | more).attributes
        assert {name: attributes[name] for name in attributes if name not in self.fix(LOCATION).attributes} == {
            "battery_status": "charging",
            "monitoring": "significant",
            "pressure_kpa": 101.3,
            "sent_at_ms": ms("2025-01-06T11:03:35Z"),
            "regions": ["Home"],
            "region_ids": ["6da9cf"],
            "ssid": "net",
            "tag": "bike",
        }

    def test_numbers_as_text(self) -> None:
        """Very old apps write numbers as texts."""
        fix = self.fix({name: str(value) for name, value in LOCATION.items()})
        assert (fix.time, fix.lat, fix.speed_kmh, fix.battery_pct) == (1551874878000, 46.0681247, 0.0, 46)

    def test_crossing(self) -> None:
        """Entering and leaving a region are events with the position and the region's name."""
        fix = self.fix(CROSSING)
        assert (fix.lat, fix.time, fix.alarm) == (12.34, 1427634603000, "geofence_enter")
        assert fix.attributes == {"accuracy_m": 130.0, "trigger": "c", "geofence": "Home", "event": "enter"}
        assert self.fix(CROSSING | {"event": "leave"}).alarm == "geofence_exit"

    def test_broken_field(self) -> None:
        """A value that cannot be read costs itself, and is a warning."""
        for name in ("acc", "alt", "vac", "vel", "cog", "batt", "bs", "conn", "created_at", "inregions", "odometer", "lac"):
            deep = [[[[[1]]]]]
            message = self.message(post(LOCATION | {name: deep}))
            assert [fix.time for fix in message.fixes] == [1551874878000], name
            assert len(message.warnings) == 1, (name, message.warnings)

    def test_unreadable(self) -> None:
        """A report without a place or time is kept apart and answered: the app would send it for ever."""
        for name, value, reason in (
            ("lat", None, "lat is missing"),
            ("lon", "east", "lon cannot be 'east'"),
            ("tst", "noon", "time cannot be 'noon'"),
            ("tst", "", "time is missing"),
        ):
            message = self.message(post(LOCATION | {name: value}))
            assert (message.fixes, message.unreadable) == ((), reason)

    def test_out_of_range(self) -> None:
        """Coordinates that cannot be are handed on, for the server to keep apart."""
        assert self.fix(LOCATION | {"lat": 91}).lat == 91.0


class GatewayTests(OwnTracksTest):
    def test_position(self) -> None:
        """A vehicle tracker behind a gateway is known by its IMEI, and its ignition by what made it report."""
        assert self.message(post(GATEWAY)).device == "865284041968706"
        fix = self.fix(GATEWAY)
        assert (fix.time, fix.altitude_m, fix.course_deg, fix.ignition) == (ms("2025-01-10T14:26:07Z"), 1113.0, 113.0, False)
        assert {name: fix.attributes[name] for name in ("mcc", "lac", "cid", "don")} == {
            "mcc": 232,
            "lac": 0x4F4D,
            "cid": 0x673A,
            "don": 105,
        }

    def test_vehicle(self) -> None:
        """Voltages, mileage, ignition, temperatures and the rest of a vehicle."""
        more = {"ign": True, "odometer": 1234.5, "ubatt": 4.1, "uext": 12.6}
        fix = self.fix(GATEWAY | more | {"hmc": 3600, "rpm": 900, "temp_c-00": 21.5, "motion": True})
        assert (fix.ignition, fix.odometer_km, fix.battery_v, fix.power_v) == (True, 1234.5, 4.1, 12.6)
        attributes = {name: fix.attributes[name] for name in ("engine_hours_s", "rpm", "temp_c-00", "motion")}
        assert attributes == {"engine_hours_s": 3600.0, "rpm": 900, "temp_c-00": 21.5, "motion": True}

    def test_alarms(self) -> None:
        """What made a gateway report is an event; harsh driving is told apart by the kind of report."""
        for trigger, kind, expected in (
            ("9", 0, "low_battery"),
            ("E", 0, "power_restored"),
            ("e", 0, "power_cut"),
            ("!", 0, "tow"),
            ("s", 0, "overspeed"),
            ("h", 0, "harsh_braking"),
            ("h", 4, "harsh_acceleration"),
            ("h", 5, "harsh_cornering"),
            ("h", 9, None),
            ("t", 0, None),
        ):
            assert self.fix(GATEWAY | {"t": trigger, "rty": kind}).alarm == expected, trigger
        assert self.fix(GATEWAY | {"t": "i"}).ignition is True

    def test_letters_of_phones(self) -> None:
        """The same letters from a phone are no events of a vehicle."""
        fix = self.fix(LOCATION | {"t": "i"})
        assert (fix.ignition, fix.alarm, fix.attributes["trigger"]) == (None, None, "i")


class IdentityTests(OwnTracksTest):
    def device(self, body: Mapping[str, Any], headers: Mapping[str, str] | None = None, uri: str = "/pub") -> str:
        """Whose report this is; always an identification that the server takes."""
        device = self.message(post(body, headers, uri)).device
        assert device_fault(device) == ""
        return device

    def test_order(self) -> None:
        """The headers count, then the topic, then the URL, and the two letters of the app if there is nothing else."""
        topic = LOCATION | {"topic": "owntracks/joe/tablet"}
        assert self.device(topic, JANE, "/?u=a&d=b") == "jane:phone"
        assert self.device(topic, None, "/?u=a&d=b") == "joe:tablet"
        assert self.device(topic | {"topic": "owntracks/joe/tablet/event"}) == "joe:tablet"
        assert self.device(LOCATION, None, "/?u=a&d=b") == "a:b"
        assert self.device(LOCATION) == "5t"
        assert self.device(LOCATION, {"X-Limit-U": "jane"}) == "jane"

    def test_what_does_not_fit(self) -> None:
        """A long name, or one with odd characters, is cut, and two that are cut stay two."""
        topic = "owntracks/ckrey/22A67880-15C3-41A6-9157-25545C7993A"
        names = [self.device(LOCATION | {"topic": topic + last}) for last in "CD"]
        assert names[0] != names[1]
        assert all(name.startswith("ckrey:22A67880-15C3-41A-") for name in names)
        odd = [self.device(LOCATION, {"X-Limit-U": user, "X-Limit-D": "x"}) for user in ("jo@x.org", "jo_x.org", "é", "_")]
        assert len(set(odd)) == 4
        assert odd[1] == "jo_x.org:x"

    def test_nobody(self) -> None:
        """A position of nobody is refused with the reason."""
        body = {name: value for name, value in LOCATION.items() if name != "tid"}
        error = self.assertRaises(DecodeError, said, owntracks, post(body))
        assert str(error).startswith("the identification is missing")


class OtherTests(OwnTracksTest):
    def test_just_answered(self) -> None:
        """Cards, waypoints, commands and an empty body are answered and make no position."""
        for kind in (
            "lwt",
            "waypoint",
            "waypoints",
            "card",
            "cmd",
            "configuration",
            "steps",
            "status",
            "beacon",
            "request",
            "new",
        ):
            message = self.message(post({"_type": kind, "tst": 1380738247, "lat": 1, "lon": 2}))
            assert (message.fixes, message.unreadable, message.device) == ((), "", ""), kind
        assert self.message(post(b"", JANE)).device == "jane:phone"

    def test_encrypted(self) -> None:
        """What is encrypted is kept apart with the remedy; the app goes on."""
        message = self.message(post({"_type": "encrypted", "data": "x"}, JANE))
        assert (message.device, message.fixes, message.unreadable[:15]) == ("jane:phone", (), "it is encrypted")
        assert self.message(post({"_type": "encrypted", "data": "x"})).unreadable == ""

    def test_malformed(self) -> None:
        """What is not an object with a type is refused."""
        for body in (b"{", b"[]", b"7", b'{"lat": 1}', b'{"_type": 7}', b"\xff\xfe", b"[" * 60_000):
            self.assertRaises(DecodeError, said, owntracks, post(body))

    def test_strangers(self) -> None:
        """What any program may send is not this vendor's."""
        for asked in (
            request("GET", "/pub?u=a&d=b"),
            post(b""),
            post(b"", uri="/?u=a"),
            post(b"{}", JANE),
            post(b"id=1&lat=1&lon=2", JANE),
            post(b"", JANE, "/?id=1&lat=1&lon=2"),
            post([LOCATION]),
            post({"location": {}, "device_id": "1"}),
        ):
            assert not owntracks.claims(asked), asked
