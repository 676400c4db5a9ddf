"""OwnTracks in its HTTP mode, phones and gateways: a POST of one JSON object, answered with a JSON array of nothing.

A report that cannot be read is answered all the same: the app would keep it at the head of its queue for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from zlib import crc32

from msgspec import DecodeError as NotJSON
from msgspec import json

from waygps import events
from waygps.errors import DecodeError
from waygps.fix import Message
from waygps.readers import choice, course, number, printable, shallow, speed_kmh, unix_or_iso
from waygps.reading import Reading
from waygps.request import Request, request
from waygps.vendor import Sample, Vendor

ANSWER = b"[]"
LIMIT = ("x-limit-u", "x-limit-d")
"""Headers that say whose request it is: user and device."""
FOREIGN = {"id", "deviceid", "lat", "lon"}
"""Parameters of other programs' requests."""
MOST_NAME = 32
"""Characters of an identification in the database."""
_IMEI = re.compile(r"\d{15}", re.ASCII)
_UNFIT = re.compile(r"[^A-Za-z0-9_.:-]", re.ASCII)

boolean = choice({1: True, 0: False, "true": True, "false": False})


def charge(raw: Any) -> int:
    """The battery's charge as a whole percentage."""
    return round(number(0, 100)(raw))


FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "acc": ("accuracy_m", number(0)),
    "alt": ("altitude_m", number()),
    "vac": ("vertical_accuracy_m", number(0)),
    "vel": ("speed_kmh", speed_kmh),
    "cog": ("course_deg", course),
    "batt": ("battery_pct", charge),
    "bs": ("battery_status", choice({0: None, 1: "unplugged", 2: "charging", 3: "full"})),
    "conn": ("connection", choice({"w": "wifi", "m": "mobile", "o": "offline"})),
    "t": ("trigger", printable),
    "m": ("monitoring", choice({1: "significant", 2: "move"})),
    "p": ("pressure_kpa", number(0)),
    "created_at": ("sent_at_ms", unix_or_iso),
    "sent": ("sent_at_ms", unix_or_iso),
    "inregions": ("regions", shallow),
    "inrids": ("region_ids", shallow),
    "SSID": ("ssid", printable),
    "BSSID": ("bssid", printable),
    "desc": ("geofence", printable),
    "rid": ("geofence_id", printable),
    "event": ("event", printable),
    "odometer": ("odometer_km", number(0)),
    "hmc": ("engine_hours_s", number(0)),
    "ubatt": ("battery_v", number(0, 100)),
    "uext": ("power_v", number(0, 100)),
    "ign": ("ignition", boolean),
    "motion": ("motion", boolean),
    "lac": ("lac", lambda raw: int(raw, 16)),
    "cid": ("cid", lambda raw: int(raw, 16)),
}
"""What a location or a transition says, in the order that counts where two keys say the same."""
ELSEWHERE = {"_type", "_id", "lat", "lon", "tst", "tid", "topic", "image", "wtst"}
GATEWAY = {"ign", "odometer", "imei", "don", "doff", "hmc", "ubatt", "uext", "lac", "cid", "rty"}
"""Keys that only gateways of vehicle trackers send; some of their triggers are letters that mean something else from a phone."""

ALARMS = {
    "9": events.LOW_BATTERY,
    "E": events.POWER_RESTORED,
    "e": events.POWER_CUT,
    "!": events.TOW,
    "s": events.OVERSPEED,
    "h0": events.HARSH_BRAKING,
    "h3": events.HARSH_BRAKING,
    "h1": events.HARSH_ACCELERATION,
    "h4": events.HARSH_ACCELERATION,
    "h2": events.HARSH_CORNERING,
    "h5": events.HARSH_CORNERING,
}
"""A gateway's triggers; h with what rty says."""
IGNITION = {"i": True, "I": False}
CROSSINGS = {"enter": events.GEOFENCE_ENTER, "leave": events.GEOFENCE_EXIT}


def identification(request: Request, said: Mapping[str, Any]) -> str:
    """USER:DEVICE of the headers, the topic (owntracks/USER/DEVICE) or the URL, else the tid; "" for none.

    A gateway's DEVICE is an IMEI, and is it alone. What does not fit is cut, and ends in a checksum of the whole.
    """
    headers = [request.headers.get(name, "") for name in LIMIT]
    topic = str(said.get("topic") or "").split("/")
    url = [request.query.get(name, [""])[-1] for name in ("u", "d")]
    for parts in (headers, topic[1:3], url, [str(said.get("tid") or "")]):
        if any(parts):
            return _fitting(parts)
    return ""


def _fitting(parts: list[str]) -> str:
    if _IMEI.fullmatch(parts[-1]):
        return parts[-1]
    whole = ":".join(part for part in parts if part)
    name = _UNFIT.sub("_", whole).lstrip("_.:-")
    if name == whole and len(name) <= MOST_NAME:
        return name
    return f"{name[: MOST_NAME - 9] or 'x'}-{crc32(whole.encode()):08x}"


def _report(said: Mapping[str, Any]) -> Reading:
    """A location, or the crossing of a region's border."""
    reading = Reading()
    reading.need("lat", said.get("lat"), number())
    reading.need("lon", said.get("lon"), number())
    reading.need("time", said.get("tst"), unix_or_iso)
    for key, value in said.items():
        if key not in FIELDS and key not in ELSEWHERE:
            reading.keep(key, value)
    for key, (name, read) in FIELDS.items():
        reading.put(name, said.get(key), read)
    if said["_type"] == "transition":
        reading.put("alarm", said.get("event"), choice(CROSSINGS))
    elif GATEWAY & said.keys():
        _note_trigger(reading, str(said.get("t")), said.get("rty"))
    return reading


def _note_trigger(reading: Reading, trigger: str, kind: Any) -> None:
    """What made a gateway report."""
    alarm = ALARMS.get(f"h{kind}" if trigger == "h" else trigger)
    if alarm:
        reading.fields["alarm"] = alarm
    if trigger in IGNITION:
        reading.fields.setdefault("ignition", IGNITION[trigger])


def _read(body: bytes) -> Any:
    try:
        return json.decode(body)
    except (NotJSON, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}", body) from None


def _is_ours(said: Any) -> bool:
    return isinstance(said, dict) and isinstance(said.get("_type"), str)


def messages(request: Request) -> Iterator[Message]:
    """The message of a request; see IRequests."""
    said = _read(request.body) if request.body.strip() else {"_type": "nothing"}
    if not _is_ours(said):
        raise DecodeError("no object with _type", request.body)
    device = identification(request, said)
    if said["_type"] in ("location", "transition"):
        if not device:
            raise DecodeError("the identification is missing: X-Limit-U and X-Limit-D, topic, u and d, or tid", request.body)
        yield _report(said).message(device, ANSWER)
    elif said["_type"] == "encrypted" and device:
        yield Message(device=device, reply=ANSWER, unreadable="it is encrypted: switch the app's encryption off")
    else:
        yield Message(device=device, reply=ANSWER)


def claims(request: Request) -> bool:
    """An object with _type; or nothing that can be read, from who says of whom it is as only these apps do; see IRequests."""
    body = request.body.lstrip()
    if request.method != "POST" or body[:1] not in (b"{", b""):
        return False
    try:
        return _is_ours(_read(body))
    except DecodeError:
        is_named = any(name in request.headers for name in LIMIT) or {"u", "d"} <= request.query.keys()
        return is_named and not FOREIGN & request.query.keys()


def _post(body: bytes, headers: Mapping[str, str] | None = None) -> Request:
    return request("POST", "/pub", {"Content-Type": "application/json", **(headers or {})}, body)


owntracks = Vendor(
    name="owntracks",
    title="OwnTracks",
    port=5144,
    active=False,
    transports=("http",),
    requests=messages,
    claims=claims,
    models=("OwnTracks for Android", "OwnTracks for iOS", "qtripp"),
    samples=(
        Sample(
            request=_post(
                b'{"cog":271,"lon":2.29513,"acc":5,"vel":61,"vac":21,"lat":48.85833,"tst":1497349316,"alt":167,"_type":"location",'
                b'"tid":"JJ","t":"u","batt":67}',
                {"X-Limit-U": "jane", "X-Limit-D": "phone"},
            ),
            transport="http",
            fixes=({"time": "2017-06-13T10:21:56Z", "lat": 48.85833, "speed_kmh": 61.0, "course_deg": 271.0, "battery_pct": 67},),
            reply=ANSWER,
        ),
        Sample(
            request=_post(
                b'{"topic":"owntracks/qtripp/865284041968706","lat":47.420051,"lon":13.654704,"vel":0,"cog":113,"tst":1736519167,'
                b'"mcc":232,"mnc":1,"lac":"4F4D","cid":"673A","_type":"location","acc":10,"alt":1113,"t":"I","don":105,"tid":"CS"}'
            ),
            transport="http",
            fixes=({"time": "2025-01-10T14:26:07Z", "lon": 13.654704, "altitude_m": 1113.0, "ignition": False},),
            reply=ANSWER,
        ),
        Sample(
            request=_post(
                b'{"_type":"transition","event":"enter","desc":"Home","lat":12.34,"lon":44.5,"tst":1427634603,"acc":130,"tid":"JP",'
                b'"wtst":1425042603,"t":"c"}'
            ),
            transport="http",
            fixes=({"time": "2015-03-29T13:10:03Z", "lat": 12.34, "lon": 44.5, "alarm": events.GEOFENCE_ENTER},),
            reply=ANSWER,
        ),
        Sample(request=_post(b'{"_type":"lwt","tst":1380738247}'), transport="http", reply=ANSWER),
    ),
)
