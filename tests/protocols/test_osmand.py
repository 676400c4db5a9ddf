"""OsmAnd and Traccar Client: parameters, forms and JSON, as its sheet describes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import json
from twisted.trial.unittest import SynchronousTestCase

from protocols.osmand import osmand
from tests.protocols.agreement import AgreementTests
from tests.protocols.frames import frames
from tests.protocols.requesting import RequestsContract, said
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.request import Request, request

PLACE = "id=123456&lat=60.0&lon=30.0"
LOCATION: dict[str, Any] = {
    "timestamp": "2025-06-15T13:45:12.862Z",
    "coords": {"latitude": 37.4219983, "longitude": -122.084, "accuracy": 5, "speed": 0, "heading": -1, "altitude": 5},
    "is_moving": False,
    "odometer": 0,
    "event": "motionchange",
    "battery": {"level": 1, "is_charging": False},
    "activity": {"type": "still"},
    "extras": {},
}
JSON = {"Content-Type": "application/json; charset=utf-8"}
MISSING_IS_NULL = "the other decoder writes 0 for what is missing, or is -1, which the JSON has for unknown"
NOT_SAID = "the other decoder writes 0 for the speed, course and altitude that the request does not have"


def ms(text: str) -> int:
    """Milliseconds of ISO 8601."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def get(query: str) -> Request:
    """A GET with these parameters."""
    return request("GET", f"/?{query}")


def post(*locations: Any, device: Any = "48241179") -> Request:
    """A POST of JSON."""
    place = locations[0] if len(locations) == 1 else list(locations)
    return request("POST", "/", JSON, json.encode({"location": place, "device_id": device}))


def captured() -> list[Request]:
    """The captured requests."""
    asked = [frame.request for frame in frames("osmand") if frame.request]
    return [request(each["method"], each["uri"], each["headers"], each["body"].encode()) for each in asked]


class OsmAndTest(SynchronousTestCase):
    def message(self, asked: Request) -> Message:
        """The one message of a request."""
        (message,) = said(osmand, asked)
        return message

    def fix(self, asked: Request) -> Fix:
        """The one fix of a request, of which nothing is wrong."""
        message = self.message(asked)
        assert (message.warnings, message.reply, message.unreadable) == ((), b"", "")
        (fix,) = message.fixes
        return fix

    def refused(self, asked: Request) -> str:
        """Why a request is answered 400; it is still of this vendor's device."""
        assert osmand.claims(asked)
        return str(self.assertRaises(DecodeError, said, osmand, asked))


class ContractTests(RequestsContract, SynchronousTestCase):
    vendor = osmand
    requests = [*captured(), post(LOCATION), post(LOCATION, LOCATION), get(PLACE)]


class CapturedTests(AgreementTests, SynchronousTestCase):
    vendor = osmand
    exceptions = {
        "osmand-f6a81c94": MISSING_IS_NULL,
        "osmand-88d3401a": MISSING_IS_NULL,
        "osmand-ef6d01b0": NOT_SAID,
        "osmand-6019a0fa": NOT_SAID,
        "osmand-f29a618a": NOT_SAID,
    }
    others = {"osmand-f29a618a altitude_m": NOT_SAID, "osmand-a867c856 altitude_m": NOT_SAID}


class ParameterTests(OsmAndTest):
    def test_whole(self) -> None:
        """A position in the URL: place, time, speed in knots, course, altitude, precision."""
        fix = self.fix(get(f"{PLACE}&timestamp=1377177267&speed=10&bearing=90.5&altitude=12.5&hdop=0.9&accuracy=7"))
        assert (fix.lat, fix.lon, fix.time) == (60.0, 30.0, ms("2013-08-22T13:14:27Z"))
        assert (fix.speed_kmh, fix.course_deg, fix.altitude_m, fix.hdop) == (18.52, 90.5, 12.5, 0.9)
        assert (fix.valid, fix.attributes) == (True, {"accuracy_m": 7.0})

    def test_times(self) -> None:
        """The time is seconds, milliseconds, ISO 8601 or a plain date and time in UTC."""
        for text, expected in (
            ("1442068686579", "2015-09-12T14:38:06.579Z"),
            ("1442068686", "2015-09-12T14:38:06Z"),
            ("2016-01-27T18%3A55%3A47Z", "2016-01-27T18:55:47Z"),
            ("2016-01-27T18%3A55%3A47.5%2B02%3A00", "2016-01-27T16:55:47.5Z"),
            ("2014-06-04+09%3A10%3A11", "2014-06-04T09:10:11Z"),
        ):
            assert self.fix(get(f"{PLACE}&timestamp={text}")).time == ms(expected), text

    def test_no_time(self) -> None:
        """A position without a time is stored with the server's; the other name of the identification does too."""
        message = self.message(get("lat=60.0&lon=30.0&speed=0.0&heading=0.0&vacc=0&hacc=0&altitude=0&deviceid=123456"))
        assert (message.device, message.fixes[0].time, message.fixes[0].course_deg) == ("123456", None, 0.0)
        assert message.fixes[0].attributes == {"vacc": 0, "hacc": 0}

    def test_location(self) -> None:
        """Both coordinates may come in one parameter."""
        fix = self.fix(get("id=1&location=-34.5,-58.25"))
        assert (fix.lat, fix.lon) == (-34.5, -58.25)

    def test_no_position(self) -> None:
        """Cells and networks without a position make no fix; what they say of the battery counts."""
        query = "id=123456&timestamp=1377177267&cell=257,02,16,2224&cell=257,02,16,2223,-90&wifi=00-14-22-01-23-45,-80"
        message = self.message(get(f"{query}&batt=55.4"))
        assert (message.device, message.fixes, message.warnings) == ("123456", (), ())
        assert message.vitals is not None
        assert message.vitals.battery_pct == 55

    def test_cells(self) -> None:
        """All cells and networks are kept with a position."""
        query = "cell=257,02,16,2224&cell=257,02,16,2223,-90&wifi=00-14-22-01-23-45,-80&wifi=00-1C-B3-09-85-15,-70"
        assert self.fix(get(f"{PLACE}&{query}")).attributes == {
            "cells": [
                {"mcc": 257, "mnc": 2, "lac": 16, "cid": 2224},
                {"mcc": 257, "mnc": 2, "lac": 16, "cid": 2223, "rssi_dbm": -90},
            ],
            "wifi": [{"mac": "00:14:22:01:23:45", "rssi_dbm": -80}, {"mac": "00:1c:b3:09:85:15", "rssi_dbm": -70}],
        }

    def test_vehicle(self) -> None:
        """Ignition, battery, driver and alarm have fields of their own; what is not known is kept by its name."""
        query = f"{PLACE}&ignition=true&batt=83.0&charge=false&driverUniqueId=ana&alarm=sos"
        fix = self.fix(get(f"{query}&rpm=933&fuel=24.5&event=x&time=7&notificationToken=t"))
        assert (fix.ignition, fix.battery_pct, fix.driver, fix.alarm) == (True, 83, "ana", "sos")
        assert fix.attributes == {"charging": False, "rpm": 933, "fuel": 24.5, "event": "x", "time": 7}

    def test_alarms(self) -> None:
        """Alarms have one name whoever sends them; one that is not known is an alarm, with its own text beside it."""
        assert self.fix(get(f"{PLACE}&alarm=lowBattery")).alarm == "low_battery"
        fix = self.fix(get(f"{PLACE}&alarm=moon"))
        assert (fix.alarm, fix.attributes) == ("general", {"alarm_text": "moon"})

    def test_not_valid(self) -> None:
        """A position that the client does not believe is marked."""
        assert [self.fix(get(f"{PLACE}&valid={text}")).valid for text in ("true", "1", "false", "0")] == [
            True,
            True,
            False,
            False,
        ]

    def test_unknown_is_not_said(self) -> None:
        """Negative speeds and courses, and empty values, are what the client does not know."""
        fix = self.fix(get(f"{PLACE}&speed=-1&bearing=-1.0&accuracy=-1&hdop=&altitude="))
        assert (fix.speed_kmh, fix.course_deg, fix.hdop, fix.altitude_m, fix.attributes) == (None, None, None, None, {})

    def test_broken_field(self) -> None:
        """A value that cannot be read costs itself, and is a warning."""
        for name in (
            "speed",
            "bearing",
            "altitude",
            "accuracy",
            "hdop",
            "batt",
            "charge",
            "ignition",
            "cell",
            "wifi",
            "driverUniqueId",
        ):
            value = "%00" if name == "driverUniqueId" else "abc"
            message = self.message(get(f"{PLACE}&timestamp=1377177267&{name}={value}"))
            assert [(fix.lat, fix.time) for fix in message.fixes] == [(60.0, 1377177267000)], name
            assert len(message.warnings) == 1, name

    def test_form(self) -> None:
        """The parameters may be a form in the body."""
        asked = request("POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}, PLACE.encode())
        assert osmand.claims(asked)
        assert self.fix(asked).lat == 60.0

    def test_malformed(self) -> None:
        """What is missing or cannot be read is said in the answer: the app shows it, and sends it again."""
        for query, reason in (
            ("timestamp=1377177267&lat=60.0&lon=30.0", "the identification is missing: id, deviceid or device_id"),
            ("id=1&lat=60.0", "lon is missing"),
            ("id=1&lat=north&lon=1", "lat cannot be 'north'"),
            ("id=1&lat=nan&lon=1", "lat cannot be 'nan'"),
            ("id=1&location=60", "lon is missing"),
            (f"{PLACE}&timestamp=noon", "time cannot be 'noon'"),
            (f"{PLACE}&timestamp={'9' * 30}", f"time cannot be '{'9' * 30}'"),
        ):
            assert self.refused(get(query)) == reason, query
        assert str(self.assertRaises(DecodeError, said, osmand, get(""))).startswith("the identification is missing")

    def test_out_of_range(self) -> None:
        """Coordinates that cannot be are handed on: the server keeps them apart, and the app is rid of them."""
        assert self.fix(get("id=1&lat=91&lon=200")).lat == 91.0

    def test_strangers(self) -> None:
        """What any program may ask is not this vendor's."""
        for query in ("", "id=1", "location=Paris", "lat=1", "q=1&lon=2"):
            assert not osmand.claims(get(query)), query
        for body in (b"{}", b"[]", b'{"location": "Paris"}', b'{"_type": "location", "location": {}}', b"{", b"\xff"):
            assert not osmand.claims(request("POST", "/", JSON, body)), body


class JSONTests(OsmAndTest):
    def test_whole(self) -> None:
        """Traccar Client's JSON: metres a second, metres and a share of the battery become the usual units."""
        coords = LOCATION["coords"] | {"speed": 18.67, "heading": 63, "altitude": 35.7}
        asked = post(
            LOCATION | {"coords": coords, "odometer": 1500, "battery": {"level": 0.79, "is_charging": True}, "mock": True}
        )
        assert osmand.claims(asked)
        fix = self.fix(asked)
        assert self.message(asked).device == "48241179"
        assert (fix.time, fix.lat, fix.lon) == (ms("2025-06-15T13:45:12.862Z"), 37.4219983, -122.084)
        assert fix.speed_kmh is not None
        assert abs(fix.speed_kmh - 67.212) < 1e-9
        assert (fix.course_deg, fix.altitude_m, fix.odometer_km, fix.battery_pct) == (63.0, 35.7, 1.5, 79)
        assert fix.attributes == {
            "accuracy_m": 5.0,
            "motion": False,
            "event": "motionchange",
            "activity": "still",
            "charging": True,
            "mock": True,
        }

    def test_unknown_is_not_said(self) -> None:
        """Minus one is what the phone does not know."""
        fix = self.fix(post(LOCATION | {"battery": {"level": -1}}))
        assert (fix.course_deg, fix.speed_kmh, fix.battery_pct) == (None, 0.0, None)

    def test_alarm_and_extras(self) -> None:
        """An alarm is one; what the user adds is kept, but for what is nested without end."""
        deep: Any = 1
        for _ in range(9):
            deep = [deep]
        message = self.message(post(LOCATION | {"alarm": "sos", "extras": {"trip": 7, "crew": ["a"], "lat": 1, "deep": deep}}))
        (fix,) = message.fixes
        assert (fix.alarm, fix.lat) == ("sos", 37.4219983)
        assert (fix.attributes["trip"], fix.attributes["crew"], fix.attributes["lat"]) == (7, ["a"], 1)
        assert message.warnings == ("deep is nested too deeply",)

    def test_no_coords(self) -> None:
        """A heartbeat without a position makes no fix; its battery counts."""
        message = self.message(post({"event": "heartbeat", "battery": {"level": 0.5}}, device=48241179))
        assert (message.device, message.fixes) == ("48241179", ())
        assert message.vitals is not None
        assert message.vitals.battery_pct == 50

    def test_batches(self) -> None:
        """Several locations of a device, or several reports, are taken; one that cannot be read is kept apart."""
        broken = LOCATION | {"timestamp": "noon"}
        message = self.message(post(LOCATION, broken, "x", LOCATION))
        assert (len(message.fixes), message.unreadable) == (2, "time cannot be 'noon'")
        body = json.encode([{"location": LOCATION, "device_id": name} for name in ("a", "b")])
        asked = request("POST", "/", JSON, body)
        assert osmand.claims(asked)
        assert [each.device for each in said(osmand, asked)] == ["a", "b"]

    def test_broken_field(self) -> None:
        """A value of the wrong type costs itself."""
        coords = LOCATION["coords"] | {"speed": "fast", "heading": [], "altitude": {}, "accuracy": True}
        message = self.message(
            post(LOCATION | {"coords": coords, "odometer": "far", "battery": 7, "activity": [], "is_moving": "x"})
        )
        assert len(message.fixes) == 1
        assert len(message.warnings) == 6, message.warnings

    def test_malformed(self) -> None:
        """A report without an identification, or one that cannot be read, is refused with the reason."""
        coords = {"latitude": "north", "longitude": 1}
        for asked, reason in (
            (post(LOCATION, device=""), "the identification is missing: id, deviceid or device_id"),
            (post(LOCATION | {"timestamp": None}), "time is missing"),
            (post(LOCATION | {"coords": coords}), "lat cannot be 'north'"),
        ):
            assert self.refused(asked) == reason
        for body in (b"{", b"{}", b'{"device_id": "1"}', b"[]", b"[1]", b"[" * 60_000):
            self.assertRaises(DecodeError, said, osmand, request("POST", "/", JSON, body))
