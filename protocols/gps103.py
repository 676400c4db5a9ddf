"""Coban trackers (GPS103, TK103, GPS303, GPS403 …) and their clones: text that begins with ``imei:``, without a checksum.

    ##,imei:359586015829802,A;     answered LOAD
    359586015829802;               answered ON
    imei:359710045559474,tracker,151030080103,,F,000101.000,A,5443.3834,N,02512.9071,E,0.00,0;

The layouts are those of Coban's GPRS protocol. A position is not answered; an SOS is, and a heartbeat in front of a position.
"""

from __future__ import annotations

import re

from waygps import events
from waygps.bits import ddmm_text
from waygps.encoding import LineEncoder, moment
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import Transport, Verdict
from waygps.readers import (
    KNOT_KMH,
    clock,
    course,
    ddmm,
    flag,
    hdop,
    latitude,
    longitude,
    number,
    percent,
    printable,
    satellites,
    speed_kmh,
    speed_knots,
    whole,
)
from waygps.reading import Reading
from waygps.vendor import Sample, Vendor

DAY = 1440
"""Minutes."""
OBD_WINDOW_MS = 60_000
"""How far apart, by the device's own clock, OBD values and the position that they are shown with may be."""
LONGEST_LOGIN = 30
"""Characters of what names an IMEI and is no report."""

ALARMS = {
    "help me": events.SOS,
    "low battery": events.LOW_BATTERY,
    "stockade": events.GEOFENCE,
    "move": events.MOVEMENT,
    "speed": events.OVERSPEED,
    "ac alarm": events.POWER_CUT,
    "acc alarm": events.TAMPERING,
    "bonnet alarm": events.TAMPERING,
    "footbrake alarm": events.TAMPERING,
    "door alarm": events.DOOR,
    "sensor alarm": events.VIBRATION,
    "accident alarm": events.CRASH,
    "collision": events.CRASH,
    "accelerate": events.HARSH_ACCELERATION,
    "sharp turn": events.HARSH_CORNERING,
    "DTC": events.FAULT,
    "oil1": events.FUEL_LEAK,
    "oil2": events.FUEL_LEAK,
}
ROUTINE = {"tracker", "", "001"}
MEASURED = {"T:": (events.TEMPERATURE, "temperature1_c"), "oil ": (events.FUEL_LEAK, "fuel1_pct")}
"""Keywords that go on with the value that caused the alarm."""

_BLANK = re.compile(r"-+")
_LOGIN = re.compile(r"##,imei:([0-9]{15})(?![0-9]).*")
_REPORT = re.compile(r"([0-9]{15})?imei:([0-9]{15}),(.*)", re.DOTALL)
"""A heartbeat may stand in front of it without a delimiter."""
_PLACE = re.compile(
    r"(?:([NS]),)?([^,]*),(?(1)|(?:([NS]?),)?)"  # the hemisphere before the number, behind it, empty, or not there at all
    r"(?:([EW]),)?([^,]*)(?(4)|(?:,([EW]?)(?=,|$))?)(?:,(.*))?"
)
_CODE = re.compile(r"[PCBU][0-9A-F]{4}")


def _measure(raw: str) -> float:
    return number(0, 100)(raw.removesuffix("%"))


def _celsius(raw: str) -> float | None:
    """A lone sign says nothing."""
    return number(-100, 500)(raw) if raw.strip("+-") else None


TAIL = (("speed_kmh", speed_knots), ("course_deg", course), ("altitude_m", number()), ("ignition", flag), ("door", flag))
"""The fields behind the coordinates; the door's is true where it is open."""
OBD = (
    ("odometer_km", number(0)),
    ("obd_fuel_instant", number(0)),
    ("obd_fuel_average", number(0)),
    ("obd_hours_h", number(0)),
    ("obd_speed_kmh", speed_kmh),
    ("engine_load_pct", _measure),
    ("coolant_temperature_c", _celsius),
    ("throttle_pct", _measure),
    ("rpm", whole()),
    ("power_v", number(0, 100)),
    ("dtc1", printable),
    ("dtc2", printable),
)
"""What a GPS306 reads from the vehicle; the manual gives no units of fuel, and the odometer's is taken for km."""
ALTERNATIVE = (
    ("gsm", whole()),
    ("valid", lambda raw: int(raw) > 0),
    ("lat", latitude),
    ("lon", longitude),
    ("speed_kmh", speed_kmh),
    ("course_deg", course),
    ("altitude_m", number()),
    ("hdop", hdop),
    ("satellites", satellites),
    ("ignition", flag),
    ("charging", flag),
    ("error", printable),
)
"""The fields behind the date of the format that ends with an asterisk."""


def _local(text: str) -> int | None:
    """The device's own time, [YY]YY/MM/DD HH:MM or yymmddHHMM[SS], as if it were UTC; None where it is not set."""
    digits = re.sub(r"[/ :]", "", text)
    return clock(digits[:6], digits[6:].ljust(6, "0"), "ymd") if digits.strip("0") else None


def _time(text: str) -> int | None:
    """From the device's own time and the receiver's time of day in UTC: its date is the one that is nearest to the former."""
    own, _, utc = text.partition(",")
    local = _local(own)
    try:
        at = clock(re.sub(r"[/ :]", "", own)[:6], utc, "ymd")
    except ValueError:
        return local
    if local is None:
        return None
    minutes = local // 60_000 - at // 60_000
    zone = (minutes + DAY // 2 - 1) % DAY - DAY // 2 + 1
    return at + (minutes - zone) * 60_000


def _keyword(reading: Reading, keyword: str) -> None:
    reading.put("alarm", ALARMS.get(keyword))
    for start, (alarm, name) in MEASURED.items():
        if keyword.startswith(start):
            reading.put("alarm", alarm)
            reading.put(name, keyword.removeprefix(start), number())
    if keyword in ("acc on", "acc off"):
        reading.put("ignition", keyword == "acc on")
    if keyword not in ROUTINE:
        reading.put("event", keyword, printable)


def _tail(reading: Reading, fields: list[str]) -> None:
    if len(fields) > 4 and fields[4] not in ("", "0", "1"):  # an oil alarm leaves the door's field out
        fields.insert(4, "")
    reading.take(TAIL, fields)
    for name, raw in zip(("fuel1_pct", "fuel2_pct"), fields[5:7], strict=False):
        if _CODE.fullmatch(raw):
            reading.put("dtc1", raw)
        elif raw.isdecimal() and int(raw) > 100:  # the odometer, on models that read it from the vehicle
            reading.put("odometer_km", raw, number())
        else:
            reading.put(name, raw, _measure)
    reading.take([("temperature1_c", _celsius)], fields[7:8])


def _place(reading: Reading, text: str) -> list[str]:
    """Take the coordinates; gives the fields behind them."""
    match = _PLACE.fullmatch(text)
    if match is None:
        reading.unreadable = "there are no coordinates"
        return []
    north, lat, behind_lat, east, lon, behind_lon, rest = match.groups()
    take = reading.need if reading.fields["valid"] else reading.put
    take("lat", lat, lambda raw: ddmm(raw, north or behind_lat or ""))
    take("lon", lon, lambda raw: ddmm(raw, east or behind_lon or ""))
    if not (reading.fields["valid"] or reading.fields.get("lat") or reading.fields.get("lon")):
        reading.fields.pop("lat", None)  # zeros: no position was ever known
    return (rest or "").split(",")


def _standard(fields: list[str]) -> Reading:
    reading = Reading()
    keyword, own, extra, kind, utc, status, *rest = [*fields, *[""] * 6][: max(6, len(fields))]
    reading.put("battery_pct", extra.removesuffix("%") if extra.endswith("%") else None, percent)
    if keyword == "rfid":
        reading.put("driver", extra, printable)
    if kind == "F":
        reading.put("time", f"{own},{utc}", _time)
        reading.fields["valid"] = status == "A"
        _tail(reading, _place(reading, ",".join(rest)))
    elif kind == "L":
        _tail(reading, rest[4:])
    else:
        reading.unreadable = "neither a position (F) nor a cell (L)"
    _keyword(reading, keyword)
    return reading


def _alternative(fields: list[str]) -> Reading:
    reading = Reading()
    said = ["" if _BLANK.fullmatch(field) else field for field in fields] + [""] * 9
    _keyword(reading, said[1])
    reading.take([("sensor_id", printable), ("sensor_v", number())], said[2:4])
    reading.put("time", f"{said[5]} {said[4]}", lambda raw: clock(*raw.split(" ")))
    reading.take(ALTERNATIVE, said[6:])
    reading.fields.setdefault("valid", False)
    for name in ("lat", "lon"):
        if name not in reading.fields:
            reading.unreadable = f"{name} is missing"
    return reading


class Decoder(FrameDecoder):
    """Sentences, ended in several ways. What a GPS306 reads from the vehicle goes with the position of that minute."""

    max_buffer = 10_240
    ends_datagram = True

    _obd: tuple[int, Reading] | None = None

    def size(self, buffer: bytearray) -> int:
        return -1 if buffer[0] in b"\r\n;*\0 " else self.until(b";", b"\n", b"*")

    def messages(self, frame: bytes) -> list[Message]:
        text = frame.decode("latin-1").rstrip("\r\n; ")
        if login := _LOGIN.fullmatch(text):
            return [Message(device=login[1], reply=b"LOAD")]
        if text.isdecimal() and len(text) == 15:
            return [Message(device=text, reply=b"ON")]
        report = _REPORT.search(text)
        if report is None:
            return [self._stranger(frame)]
        beat, device, rest = report.groups()
        if len(text) <= LONGEST_LOGIN:
            return [Message(device=device, reply=b"LOAD")]
        fields = rest.split(",")
        reply = b"ON" if beat else b""
        if fields[0] == "help me":
            reply += f"**,imei:{device},E;".encode()
        return [self._reading(fields).message(device, reply)]

    def _stranger(self, frame: bytes) -> Message:
        if not self.device:
            raise DecodeError("neither a login nor a report", frame)
        return Message(device=self.device, warnings=(f"not understood: {frame[:40]!r}",))

    def _reading(self, fields: list[str]) -> Reading:
        if fields[0] == "vr":  # a piece of a photo
            return Reading()
        if fields[0] == "OBD":
            return self._vehicle(fields)
        if fields[-1].endswith("*"):
            return _alternative(fields)
        return self._joined(_standard(fields), fields)

    def _vehicle(self, fields: list[str]) -> Reading:
        reading, clocks = Reading(), Reading()
        reading.take(OBD, fields[2:])
        clocks.put("time", fields[1] if len(fields) > 1 else "", _local)
        time = clocks.fields.get("time")
        self._obd = (time, reading) if time else None
        return reading

    def _joined(self, reading: Reading, fields: list[str]) -> Reading:
        """Add what was read from the vehicle in the same minute."""
        if self._obd and reading.is_fix:
            (at, vehicle), self._obd = self._obd, None
            own = _local(fields[1]) if reading.fields.get("time") else None
            if own and abs(own - at) <= OBD_WINDOW_MS:
                reading.fields = vehicle.fields | reading.fields
                reading.attributes = vehicle.attributes | reading.attributes
        return reading


class Encoder(LineEncoder):
    """A simulated GPS303: a heartbeat in front of each position, since only that is answered."""

    def hello(self) -> bytes:
        return f"##,imei:{self.device},A;".encode()

    def line(self, fix: Fix) -> bytes:
        at = moment(fix)
        place = f"{ddmm_text(fix.lat)},{ddmm_text(fix.lon, 'EW')}"
        motion = f"{(fix.speed_kmh or 0) / KNOT_KMH:.2f},{fix.course_deg or 0:.2f},{fix.altitude_m or 0:.1f}"
        when = f"{at:%y%m%d%H%M%S},,F,{at:%H%M%S}.{at.microsecond // 1000:03}"
        valid = "A" if fix.valid else "V"
        return f"{self.device}imei:{self.device},tracker,{when},{valid},{place},{motion},{int(bool(fix.ignition))},0,,,;".encode()


_KNOWN = re.compile(
    rb"##,imei:[0-9]{15},A|[0-9]{15}(?:;|imei:[0-9]{15},)|imei:[0-9]{15},(?:[^,:;\0-\x1f]{0,40},|T:[+-]?[0-9.]{1,8},[0-9,])"
)
_BEGINNINGS = (b"##,imei:000000000000000,A", b"000000000000000imei:000000000000000,", b"imei:000000000000000,,")
_UNDECIDED = re.compile(rb"imei:[0-9]{15},(?:[^,:;\0-\x1f]{0,40}|T:(?:[+-]?[0-9.]{0,8}|[+-]?[0-9.]{1,8},))|[0-9]{15}\r?")
_BARE = re.compile(rb"\A(?:[0-9]{15}\r?\n)+")
"""Heartbeats by which a device cannot be told from others that name themselves so."""


def recognises(data: bytes, transport: Transport) -> Verdict:
    """By the IMEI in its place, and what follows it; ``imei:`` begins lines of ``KEY: value`` too."""
    begun = _BARE.sub(b"", data.lstrip(b"\r\n"), count=1)
    if _KNOWN.match(begun):
        return Verdict.YES
    if _UNDECIDED.fullmatch(begun) or any(_KNOWN.match(begun + start[len(begun) :]) for start in _BEGINNINGS):
        return Verdict.MORE
    return Verdict.NO


SAMPLES = (
    Sample(data=b"##,imei:359586015829802,A;", reply=b"LOAD"),
    Sample(data=b"359586015829802;", reply=b"ON"),
    Sample(
        data=b"imei:359710049092324,tracker,151027025958,,F,235957.000,A,2429.5156,N,04424.5828,E,0.01,27.91,,0,0,,,;",
        fixes=({"time": "2015-10-26T23:59:57Z", "lat": 24.491927, "lon": 44.409713, "course_deg": 27.91, "ignition": False},),
        reply=b"",
    ),
    Sample(
        data=b"imei:359586015829802,help me,0809231429,13554900601,F,062947.294,A,2234.4026,N,11354.3277,E,0.00,;",
        fixes=({"time": "2008-09-23T06:29:47.294Z", "lat": 22.573377, "lon": 113.905462, "alarm": "sos"},),
        reply=b"**,imei:359586015829802,E;",
    ),
    Sample(
        data=b"imei:868683020235846,rfid,160202091347,49121185,F,011344.000,A,0447.7273,N,07538.9934,W,0.00,0,,0,0,0.00%,,;",
        fixes=({"time": "2016-02-02T01:13:44Z", "lat": 4.795455, "lon": -75.64989, "driver": "49121185"},),
    ),
    Sample(data=b"imei:863070016871385,tracker,0000000119,,L,,,0FB6,,CB5D,,,;"),
    Sample(
        data=b"imei:861359038609986,Equipo 1,---,------,----,214734,241018,26,1,-33.42317,-70.61930,067,229,0674,1.00,08,0,1,-,*",
        fixes=({"time": "2018-10-24T21:47:34Z", "lat": -33.42317, "lon": -70.6193, "speed_kmh": 67.0, "satellites": 8},),
    ),
)

gps103 = Vendor(
    name="gps103",
    title="Coban GPS103",
    maker="Coban",
    port=5001,
    active=False,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
    samples=SAMPLES,
    models=(
        *("GPS102-B", "TK102B", "TK103A/B", "GPS103A/B", "GPS104", "GPS106", "GPS303F/G/H/I", "GPS304", "GPS306", "GPS308"),
        *("GPS310", "GPS311", "GPS403", "GPS405"),
    ),
)
