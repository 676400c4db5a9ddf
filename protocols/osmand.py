"""OsmAnd's online tracking and Traccar Client: a request a position, as parameters of its URL or of a form, or as JSON.

Speeds are knots in the parameters, as Traccar Client sends them, and metres a second in JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import DecodeError as NotJSON
from msgspec import json

from waygps import events
from waygps.errors import DecodeError
from waygps.fix import Message
from waygps.readers import choice, course, hdop, number, printable, speed_knots, unix_or_iso
from waygps.reading import Reading, message
from waygps.request import Request, request
from waygps.vendor import Sample, Vendor

DEVICE = {"id", "deviceid"}
POSITION = {"lat", "lon", "location"}
REPORT = {*POSITION, "timestamp", "batt", "cell", "wifi"}
"""An identification and one of these are a device's request; an identification alone may be anybody's."""
ALARMS: dict[str, str] = {name.replace("_", ""): name for key, name in vars(events).items() if key.isupper()}

boolean = choice({"true": True, "1": True, "false": False, "0": False, True: True, False: False})
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?", re.ASCII)


def known(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A reader to which what is negative says nothing."""
    return lambda raw: None if float(raw) < 0 else read(raw)


def charge(scale: float) -> Callable[[Any], int]:
    """A reader of the battery's charge as a whole percentage."""
    return lambda raw: round(number(0, 100, scale)(raw))


def alarm(raw: Any) -> str:
    """The event; one that is not known is an alarm all the same."""
    return ALARMS.get(str(raw).replace("_", "").lower(), events.GENERAL)


def cell(text: str) -> dict[str, int]:
    """A cell of the mobile network: mcc,mnc,lac,cid[,rssi in dBm]."""
    return dict(zip(("mcc", "mnc", "lac", "cid", "rssi_dbm"), map(int, text.split(",")), strict=False))


def access_point(text: str) -> dict[str, Any]:
    """A Wi-Fi network that was heard: its address, and the signal in dBm."""
    address, _, rssi = text.partition(",")
    return {"mac": address.replace("-", ":").lower(), "rssi_dbm": int(rssi)}


def typed(text: str) -> Any:
    """What a parameter that is not known says: a number, true, false or a text."""
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return {"true": True, "false": False}.get(text, text)


PARAMETERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "timestamp": ("time", unix_or_iso),
    "valid": ("valid", lambda raw: raw in ("true", "1")),
    "speed": ("speed_kmh", known(speed_knots)),
    "bearing": ("course_deg", known(course)),
    "heading": ("course_deg", known(course)),
    "altitude": ("altitude_m", number()),
    "accuracy": ("accuracy_m", known(number())),
    "hdop": ("hdop", hdop),
    "batt": ("battery_pct", charge(1)),
    "charge": ("charging", boolean),
    "driverUniqueId": ("driver", printable),
    "ignition": ("ignition", boolean),
    "alarm": ("alarm", alarm),
}
ELSEWHERE = {*DEVICE, *POSITION, "cell", "wifi", "notificationToken"}

MEMBERS: dict[tuple[str, ...], tuple[str, Callable[[Any], Any]]] = {
    ("timestamp",): ("time", unix_or_iso),
    ("coords", "speed"): ("speed_kmh", known(number(0, 2000, 3.6))),
    ("coords", "heading"): ("course_deg", known(course)),
    ("coords", "altitude"): ("altitude_m", number()),
    ("coords", "accuracy"): ("accuracy_m", known(number())),
    ("is_moving",): ("motion", boolean),
    ("odometer",): ("odometer_km", known(number(0, scale=0.001))),
    ("event",): ("event", printable),
    ("alarm",): ("alarm", alarm),
    ("activity", "type"): ("activity", printable),
    ("battery", "level"): ("battery_pct", known(charge(100))),
    ("battery", "is_charging"): ("charging", boolean),
    ("mock",): ("mock", boolean),
}


def by_parameters(values: Mapping[str, list[str]]) -> Message:
    """The message of the parameters; of one that is repeated the last counts, but cells and networks all do."""
    reading = Reading()
    given = {name: texts[-1] for name, texts in values.items()}
    lat, lon = given.get("lat"), given.get("lon")
    if "location" in given and not (lat or lon):
        lat, _, lon = given["location"].partition(",")
    if POSITION & given.keys():
        reading.need("lat", lat, number())
        reading.need("lon", lon, number())
    for name, text in given.items():
        if name in PARAMETERS:
            _put(reading, *PARAMETERS[name], text)
        elif name not in ELSEWHERE:
            reading.attributes[name] = typed(text)
    reading.put("cells", values.get("cell"), lambda texts: [cell(text) for text in texts])
    reading.put("wifi", values.get("wifi"), lambda texts: [access_point(text) for text in texts])
    return _message([reading], given.get("id") or given.get("deviceid"))


def by_json(report: Mapping[str, Any]) -> Message:
    """The message of an object with a device_id and a location, or several in a list."""
    places = report["location"] if isinstance(report["location"], list) else [report["location"]]
    return _message([_place(place) for place in places], report.get("device_id"))


def _place(place: Any) -> Reading:
    reading = Reading()
    if not isinstance(place, dict):
        reading.unreadable = "location is no object"
        return reading
    extras = place.get("extras")
    for name, value in extras.items() if isinstance(extras, dict) else ():
        reading.keep(name, value)
    if isinstance(coords := place.get("coords"), dict):
        reading.need("lat", coords.get("latitude"), number())
        reading.need("lon", coords.get("longitude"), number())
        reading.need("time", place.get("timestamp"), unix_or_iso)
    for (first, *rest), (name, read) in MEMBERS.items():
        value = place.get(first)
        if rest:
            value = value.get(rest[0]) if isinstance(value, dict) else None
        _put(reading, name, read, value)
    return reading


def _put(reading: Reading, name: str, read: Callable[[Any], Any], raw: Any) -> None:
    if name == "time" and raw not in (None, ""):
        reading.need(name, raw, read)
    else:
        reading.put(name, raw, read)
    if name == "alarm" and reading.fields.get("alarm") == events.GENERAL:
        reading.attributes["alarm_text"] = str(raw)


def _message(readings: list[Reading], device: Any) -> Message:
    """The message; one report that cannot be read is refused, of several it costs itself."""
    if not device:
        raise DecodeError("the identification is missing: id, deviceid or device_id")
    if len(readings) == 1 and readings[0].unreadable:
        raise DecodeError(readings[0].unreadable)
    return message(readings, str(device))


def _reports(body: bytes) -> list[dict[str, Any]]:
    """The reports of a body in JSON. Raises DecodeError where it has none."""
    try:
        found = json.decode(body)
    except (NotJSON, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}", body) from None
    reports = found if isinstance(found, list) else [found]
    if not reports or not all(isinstance(report, dict) and _is_report(report) for report in reports):
        raise DecodeError("no object with device_id and location", body)
    return reports


def _is_report(report: Mapping[str, Any]) -> bool:
    return isinstance(report.get("location"), dict | list) and "_type" not in report


def _is_json(request: Request) -> bool:
    return request.body.lstrip()[:1] in (b"{", b"[")


def messages(request: Request) -> Iterator[Message]:
    """The messages of a request; see IRequests."""
    if _is_json(request):
        yield from map(by_json, _reports(request.body))
    else:
        yield by_parameters(request.query or request.form())


def claims(request: Request) -> bool:
    """A position with coordinates, or an identification with something to report; see IRequests."""
    if _is_json(request):
        try:
            return bool(_reports(request.body))
        except DecodeError:
            return False
    names = (request.query or request.form()).keys()
    return bool((names & DEVICE and names & REPORT) or {"lat", "lon"} <= names)


osmand = Vendor(
    name="osmand",
    title="OsmAnd / Traccar Client",
    maker="OsmAnd, Traccar",
    port=5055,
    active=False,
    transports=("http",),
    requests=messages,
    claims=claims,
    models=("OsmAnd", "Traccar Client", "GPSLogger"),
    samples=(
        Sample(
            request=request(
                "GET", "/?id=902064&lat=42.06288&lon=-88.23412&timestamp=1442068686579&hdop=6.0&altitude=224.0&speed=0.0"
            ),
            transport="http",
            fixes=(
                {
                    "time": "2015-09-12T14:38:06.579Z",
                    "lat": 42.06288,
                    "lon": -88.23412,
                    "altitude_m": 224.0,
                    "speed_kmh": 0.0,
                    "hdop": 6.0,
                },
            ),
            reply=b"",
        ),
        Sample(
            request=request(
                "GET",
                "/?id=123456789012345&timestamp=1504763810&lat=40.7232948571&lon=-74.0061408571&bearing=7.19889788244&speed=40"
                "&ignition=true&rpm=933&fuel=24",
            ),
            transport="http",
            fixes=({"time": "2017-09-07T05:56:50Z", "speed_kmh": 74.08, "course_deg": 7.19889788244, "ignition": True},),
            reply=b"",
        ),
        Sample(
            request=request(
                "POST",
                "/",
                {"Content-Type": "application/json"},
                b'{"location":{"timestamp":"2025-06-15T13:45:12.862Z","coords":{"latitude":37.4219983,"longitude":-122.084,"accuracy":5,'
                b'"speed":18.67,"heading":63,"altitude":35.7},"is_moving":true,"odometer":1200,"event":"motionchange",'
                b'"battery":{"level":0.79,"is_charging":false},"activity":{"type":"in_vehicle"},"extras":{}},"device_id":"48241179"}',
            ),
            transport="http",
            fixes=(
                {
                    "time": "2025-06-15T13:45:12.862Z",
                    "lat": 37.4219983,
                    "speed_kmh": 67.212,
                    "course_deg": 63.0,
                    "battery_pct": 79,
                },
            ),
            reply=b"",
        ),
    ),
)
