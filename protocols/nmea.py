"""NMEA 0183 over IP: T55 trackers, routers (CradlePoint, Sierra, Maxon, Digi, Multitech), u-blox receivers, home-made devices.

    $PGID,359853000144328*0F
    $GPRMC,094907.000,A,6000.5332,N,03020.5192,E,1.17,60.26,091111,,*33

Who it is comes in a line of its own, or in front of each sentence; a position before that waits for it. Nothing is answered. The
layouts are NMEA's; those of the lines that name the device are known by captures only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from waygps import events, readers
from waygps.bits import ddmm_text, digits_ms, xor8
from waygps.encoding import LineEncoder, moment
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import Transport, Verdict
from waygps.readers import KNOT_KMH, clock, course, ddmm, flag, hdop, number, percent, satellites, speed_kmh, speed_knots
from waygps.reading import Layout, Reader, Reading
from waygps.vendor import Sample, Vendor

MOST_STRANGE = 20
"""Lines in a row that may be no sentence."""
DAY_MS = 86_400_000
ROLLOVER_MS = 1024 * 7 * DAY_MS
"""After so long the receivers' week number begins anew."""

_PREFIXED = re.compile(r"(?:[^/]*/)?([A-Za-z0-9_-]{4,32})[,/]?")
_NAMED = re.compile(r"(?:IMEI[ :]|\$IMEI=)([A-Za-z0-9_-]+)|([0-9A-F]{4,32})")
_GPSE = re.compile(r",GPSE[XHTD]?,([AV])((?:,.*)?)")
_ALARM = re.compile(r",ALARM,0x0*[1-9A-Fa-f]")
NAMING = {"PGID": 0, "DEVID": 0, "PSIWMDID": 0, "PCPTI": 0, "GPFID": 0, "CONNECT": 0, "ID": 0, "GPTXT": 1}
"""Sentences that name the device, and the field in which they do."""
SENTENCES = {
    "RMC": "time status lat ns lon ew knots course date - - mode",
    "RMA": "status lat ns lon ew - - knots course",
    "GGA": "time lat ns lon ew quality satellites hdop altitude",
    "PUBX": "- time lat ns lon ew altitude navigation - - kmh course - - hdop - - satellites device",
    "TRCCR": "written status lat lon knots course altitude battery",
    "QZE": "event day clock lat lon kmh course status ignition",
}
"""The fields of what reports a position. TRCCR and QZE have decimal degrees; TRCCR's time has its date, QZE's day is ddmmyyyy."""
FIELDS: dict[str, tuple[str, Reader]] = {
    "written": ("time", lambda raw: digits_ms(raw[:14]) + int((raw[15:] + "000")[:3])),
    "knots": ("speed_kmh", speed_knots),
    "kmh": ("speed_kmh", speed_kmh),
    "course": ("course_deg", course),
    "altitude": ("altitude_m", number()),
    "satellites": ("satellites", satellites),
    "hdop": ("hdop", hdop),
    "battery": ("battery_pct", percent),
    "ignition": ("ignition", flag),
    "event": ("event", readers.printable),
}
TAIL: Layout = (("satellites", satellites), ("", None), ("ignition", flag), ("fuel", number()), ("battery", number()))
"""What a T55 adds behind the checksum; the units of fuel and battery are its own."""
GPIOP: Layout = (*[("", None)] * 6, ("power_v", number(0, 100)), ("battery_v", number(0, 100)))


def _moment(raw: str) -> int:
    """Of a date and a time; years from 80 on are 19xx, which a receiver says whose week number began anew."""
    date, time = raw.split(" ")
    if time[4:6] == "60":
        time = f"{time[:4]}59.999"
    at = clock(date, time)
    return at - 36_525 * DAY_MS + ROLLOVER_MS if date[4:] >= "80" else at


def _dated(reading: Reading, time: str, date: str) -> None:
    if time and date.strip("0"):
        reading.put("time", f"{date} {time}", _moment)
        if date[4:] >= "80":
            reading.put("gps_week_corrected", "time" in reading.fields)


def _read(reading: Reading, kind: str, raws: list[str]) -> dict[str, str]:
    """Take a position; zeros and blanks of a receiver without a fix are none. Gives the fields as they were written."""
    said = dict(zip(SENTENCES[kind].split(), [*raws, *[""] * 20], strict=False))
    valid = said.get("status", "A") == "A" and said.get("mode") != "N"
    valid = valid and said.get("quality") not in ("", "0", "7", "8") and said.get("navigation") not in ("", "NF")
    reading.fields["valid"] = valid
    if valid or said["lat"].strip("0.") or said["lon"].strip("0."):
        decimal = "ns" not in said
        reading.need("lat", said["lat"], readers.latitude if decimal else lambda raw: ddmm(raw, said["ns"]))
        reading.need("lon", said["lon"], readers.longitude if decimal else lambda raw: ddmm(raw, said["ew"]))
    for name, (field, read) in FIELDS.items():
        if name in said:
            reading.put(field, said[name], read)
    if kind == "RMC":
        _dated(reading, said["time"], said["date"])
    elif kind == "QZE":
        reading.put("time", f"{said['day'][4:]}{said['day'][2:4]}{said['day'][:2]}{said['clock']}", digits_ms)
    return said


def _wmcs(reading: Reading, text: str) -> bool:
    """Tags and values behind GPSE, in any order and number; gives whether there are any."""
    match = _GPSE.search(text)
    if match is None:
        return False
    found, words = {}, iter(match[2].split(",")[1:])
    for tag in words:
        found[tag] = [next(words, "") for _ in range(2 if tag in ("La", "Lo") else 1)]
    for name, tag, read in (("lat", "La", readers.latitude), ("lon", "Lo", readers.longitude)):
        value, hemisphere = found.get(tag, ["", ""])
        reading.put(name, f"-{value}" if hemisphere in ("S", "W") else value, read)
    reading.fields["valid"] = match[1] == "A"
    reading.put("satellites", found.get("S", [""])[0].partition(":")[2], satellites)
    reading.take([FIELDS["kmh"], FIELDS["course"]], [found.get(tag, [""])[0] for tag in ("V", "H")])
    reading.put("alarm", events.GENERAL if _ALARM.search(text) else None)
    _dated(reading, found.get("T", [""])[0], found.get("D", [""])[0])
    return True


NO_TALKER = {*NAMING, "TRCCR", "PUBX", "GPIOP"}
"""Sentences that no talker's two letters stand before."""


class Report:
    """A position on its way: who and what it is of, and the lines that it is made of."""

    def __init__(self, kind: str, device: str, line: str) -> None:
        self.kind = kind
        self.device = device
        self.lines = line
        self.epoch = ""
        """Whose it is and the time of day; "" where that is not said."""
        self.reading = Reading()

    def add(self, other: Report) -> None:
        """Take what the other one, of the same time, knows besides."""
        self.reading.fields = other.reading.fields | self.reading.fields
        self.reading.attributes = other.reading.attributes | self.reading.attributes
        self.reading.warnings += other.reading.warnings
        self.lines += f"\r\n{other.lines}"


class Decoder(FrameDecoder):
    """Lines, and what of them belongs together: sentences of one time are one position.

    GGA, which has no date, goes into the RMC of its time, whichever comes first, and is a position only where there is no RMC.
    """

    max_buffer = 1024
    ends_datagram = True

    def __init__(self, transport: Transport = "tcp", device: str = "") -> None:
        super().__init__(transport, device)
        self._named = device
        self._waiting: Report | None = None
        """The last position before the device said which one it is."""
        self._held: Report | None = None
        """A position of which more may follow: an RMC, or a GGA of which it is not known yet whether it is followed by one."""
        self._extra: Report | None = None
        """A GGA for the RMC that follows."""
        self._last = ""
        """The time of the last RMC, or of the last position without a date."""
        self._has_rmc = self._is_alone = self._gga_follows = False
        self._zda: int | None = None
        self._strange = 0

    def size(self, buffer: bytearray) -> int:
        return -1 if buffer[0] in b"\r\n\0" else self.until(b"\n", b"\r")

    def messages(self, frame: bytes) -> Iterator[Message]:
        line = frame.decode("latin-1").strip()
        head, dollar, rest = line.partition("$" if "$" in line else "!")
        if line.startswith("QZE,"):
            report = Report("QZE", line.split(",")[1], line)
            _read(report.reading, "QZE", line.split(",")[2:])
            yield from self._out(report)
        elif named := _NAMED.fullmatch(line):
            yield from self._name(named[1] or named[2], line)
        elif dollar and rest[:2].isalnum():
            yield from self._sentence(head, rest, line)
        else:
            yield from self._stranger(line)

    def end(self) -> Iterator[Message]:
        yield from super().end()
        yield from self._out(self._held)
        self._held = None

    def _stranger(self, line: str) -> Iterator[Message]:
        self._strange += 1
        if self._strange > MOST_STRANGE:
            raise DecodeError(f"more than {MOST_STRANGE} lines without a sentence", line.encode("latin-1"))
        yield from self._warning(f"not understood: {line[:40]!r}", line)

    def _warning(self, text: str, line: str) -> Iterator[Message]:
        if self._named or self.device:
            yield Message(device=self._named or self.device, raw=line.encode("latin-1"), warnings=(text,))

    def _name(self, device: str, line: str) -> Iterator[Message]:
        self._strange = 0
        self._named = device.strip().replace(" ", "_")
        yield Message(device=self._named, raw=line.encode("latin-1"))
        waiting, self._waiting = self._waiting, None
        yield from self._out(waiting)

    def _out(self, report: Report | None) -> Iterator[Message]:
        if report:
            device = report.device or self._named or self.device
            if device:
                yield replace(report.reading.message(device), raw=report.lines.encode("latin-1"))
            else:
                self._waiting = report

    def _sentence(self, head: str, text: str, line: str) -> Iterator[Message]:
        body, _, end = text.partition("*")
        given, _, tail = end.strip().partition(",")
        name, *fields = [field.strip() for field in body.rstrip().split(",")]
        prefix = _PREFIXED.fullmatch(head) if head else None
        report = Report(name if name in NO_TALKER else name[2:], prefix[1] if prefix else "", line)
        self._strange = 0
        found = f"{xor8(body.rstrip().encode('latin-1')):02X}"
        if given and given.strip().upper() != found:
            # The trackers that add a tail write a checksum that never fits.
            report.reading.warnings.append(f"the checksum is {given}, of a sentence with {found}")
            if not tail:
                yield from self._warning(report.reading.warnings[0], line)
                return
        if name in NAMING:
            yield from self._naming(report, fields, body)
            return
        if tail:
            self._tail(report, tail.split(","))
        yield from self._report(report, fields)

    def _naming(self, report: Report, fields: list[str], text: str) -> Iterator[Message]:
        at = NAMING[report.kind]
        if len(fields) > at and fields[at].strip() and (at == 0 or fields[0] == "NET"):
            yield from self._name(fields[at], report.lines)
        if report.kind == "ID" and _wmcs(report.reading, text):
            yield from self._out(report)

    def _tail(self, report: Report, tail: list[str]) -> None:
        report.reading.take(TAIL, tail)
        report.reading.take([(f"io{at}", readers.whole()) for at in range(1, 1 + len(tail[5:]))], tail[5:])
        report.device = tail[1] if len(tail) > 1 and tail[1] else report.device

    def _report(self, report: Report, fields: list[str]) -> Iterator[Message]:
        kind, reading = report.kind, report.reading
        if kind in SENTENCES and (kind != "PUBX" or fields[:1] == ["00"]):
            said = _read(reading, kind, fields)
            if len(said.get("device", "")) > 3:  # of plain PUBX it is a number of two digits at most
                report.device = said["device"]
            if "time" in said:
                report.epoch = f"{report.device} {said['time']}"
            if "time" in said and "date" not in said:
                self._complete(reading, said["time"])
            merged = {"RMC": self._rmc, "GGA": self._gga}.get(kind, self._out)
            yield from merged(report)
        elif kind == "GPIOP":
            reading.take(GPIOP, fields)
            yield from self._out(report)
        else:
            self._beside(report, fields)

    def _rmc(self, report: Report) -> Iterator[Message]:
        held, self._held = self._held, None
        extra, self._extra = self._extra, None
        if held and held.epoch == report.epoch:
            extra, held = held, None
        if held:
            self._gga_follows = False
        yield from self._out(held)
        if extra and extra.epoch == report.epoch:
            report.add(extra)
        self._has_rmc, self._last = True, report.epoch
        if self._gga_follows:
            self._held = report
        else:
            yield from self._out(report)

    def _gga(self, report: Report) -> Iterator[Message]:
        is_same, self._last = report.epoch == self._last, self._last if self._has_rmc else report.epoch
        held = self._held
        if is_same:
            self._gga_follows = self._has_rmc
            if held:
                held.add(report)
                self._held = None if self._has_rmc else held
                yield from self._out(held if self._has_rmc else None)
        elif self._has_rmc:
            self._extra = report
        elif held or self._is_alone:
            self._held, self._is_alone = None, True
            yield from self._out(held)
            yield from self._out(report)
        else:
            self._held = report

    def _beside(self, report: Report, fields: list[str]) -> None:
        """VTG and GSA add to the position before them, ZDA has the date for those without one; all others say nothing here."""
        reading = report.reading
        if report.kind == "VTG":
            reading.take([("speed_kmh", speed_knots)], fields[4:5])
            reading.take([("course_deg", course), *[("", None)] * 5, ("speed_kmh", speed_kmh)], fields)
        elif report.kind == "GSA":
            reading.take([("pdop", hdop), ("hdop", hdop)], fields[14:16])
        elif report.kind == "ZDA" and len(fields) >= 4:
            reading.put("time", f"{fields[3]}{fields[2]}{fields[1]}{fields[0][:6]}", digits_ms)
            self._zda = reading.fields.get("time")
            return
        target = self._held or self._extra
        if target:
            target.add(report)

    def _complete(self, reading: Reading, time: str) -> None:
        """Give a time of day the date that is nearest to that of the last ZDA."""
        if self._zda is not None and time:
            reading.put("time", time, lambda raw: clock("010170", raw))
        if "time" in reading.fields and self._zda is not None:
            apart = (reading.fields["time"] - self._zda + DAY_MS // 2) % DAY_MS - DAY_MS // 2
            reading.fields["time"] = self._zda + apart


class Encoder(LineEncoder):
    """A simulated tracker that names itself in front of each sentence, and hears no answers."""

    answered = ()

    def line(self, fix: Fix) -> bytes:
        at = moment(fix)
        place = f"{'A' if fix.valid else 'V'},{ddmm_text(fix.lat, places=5)},{ddmm_text(fix.lon, 'EW', 5)}"
        motion = f"{(fix.speed_kmh or 0) / KNOT_KMH:.3f},{fix.course_deg or 0:.2f}"
        body = f"GPRMC,{at:%H%M%S}.{at.microsecond // 1000:03},{place},{motion},{at:%d%m%y},,,{'A' if fix.valid else 'N'}"
        return f"{self.device}${body}*{xor8(body.encode()):02X}\r\n".encode()


_TALKERS, _KINDS = ("GP", "GN", "GL", "GA", "GB", "BD", "GQ"), ("RMC", "GGA", "GLL", "VTG", "GSA", "GSV", "ZDA", "RMA")
_HEADS = [f"${talker}{kind},".encode() for talker in _TALKERS for kind in _KINDS]
_HEADS += [f"${name},".encode() for name in (*NAMING, "GPIOP", "TRCCR", "PUBX")] + [b"$IMEI="]
_BARE = re.compile(rb"\A(?:[0-9]+\r?\n)+")
_PREFIX = re.compile(rb"(?:[A-Za-z0-9_-]{1,32}/)?(?:[A-Za-z0-9_-]{4,32}[,/]?)?(?=\$)")
_KNOWN = re.compile(rb"IMEI[ :][0-9]{15}[\r\n]|QZE,[0-9]{15},|(?=[0-9A-F]*[0-9])(?=[0-9A-F]*[A-F])[0-9A-F]{8,32}[\r\n]")
_UNDECIDED = re.compile(rb"[\w-]{0,32}|[\w-]{4,32},|[\w-]{1,32}/[\w-]{0,32}/?|IMEI[ :][0-9]{0,15}|QZE,[0-9]{0,15}|[0-9]{1,32}\r")


def recognises(data: bytes, transport: Transport) -> Verdict:
    """By a sentence's head, whatever names the device before it; a number alone may be of others too."""
    begun = _BARE.sub(b"", data.lstrip(b"\r\n"), count=1)
    if prefix := _PREFIX.match(begun):
        rest = begun[prefix.end() :]
        if any(map(rest.startswith, _HEADS)):
            return Verdict.YES
        return Verdict.MORE if any(head.startswith(rest) for head in _HEADS) else Verdict.NO
    if _KNOWN.match(begun):
        return Verdict.YES
    return Verdict.MORE if _UNDECIDED.fullmatch(begun) else Verdict.NO


SAMPLES = (
    Sample(
        data=b"$PGID,359853000144328*0F\r\n$GPRMC,094907.000,A,6000.5332,N,03020.5192,E,1.17,60.26,091111,,*33\r\n",
        fixes=(
            {"time": "2011-11-09T09:49:07Z", "lat": 60.0088867, "lon": 30.3419867, "speed_kmh": 2.16684, "course_deg": 60.26},
        ),
        reply=b"",
    ),
    Sample(
        data=b"990000561287964,$GPRMC,213516.0,A,4337.216791,N,11611.995877,W,0.0,335.4,181214,,,A * 72\r\n",
        fixes=({"time": "2014-12-18T21:35:16Z", "lat": 43.6202799, "lon": -116.1999313, "course_deg": 335.4},),
    ),
    Sample(
        data=b"$GPRMC,073446.000,A,1255.5125,N,07738.2948,E,0.00,0.53,080316,D*71,11,865733027593268,1,090,086\r\n",
        fixes=({"time": "2016-03-08T07:34:46Z", "lat": 12.9252083, "lon": 77.6382467, "satellites": 11, "ignition": True},),
    ),
)

nmea = Vendor(
    name="nmea",
    title="NMEA 0183 (T55)",
    maker="Any",
    port=5005,
    active=False,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
    samples=SAMPLES,
    models=("T55", "T57", "CradlePoint", "Sierra Wireless", "Maxon", "Digi", "Multitech", "u-blox", "WMCS"),
)
