"""Ruptela: what its devices hear, and what a user sees of them."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from protocols.ruptela import LONGEST, Decoder, recognises, ruptela
from tests.protocols.agreement import AgreementTests, differences
from tests.protocols.contract import DecoderContract, fuzz, run
from tests.protocols.frames import Frame, frames
from waygps import events
from waygps.bits import crc16_kermit, utc_ms
from waygps.fix import Fix, Message, Vitals
from waygps.interfaces import Verdict

IMEI = "863591024076709"
ACCEPTED, REFUSED = bytes.fromhex("0002640113bc"), bytes.fromhex("000264000235")
KEPT = {frame.id.removeprefix("ruptela-"): frame for frame in frames("ruptela")}
TIME = utc_ms(2024, 1, 1)


def packet(payload: bytes) -> bytes:
    """A packet with a right length and checksum."""
    return len(payload).to_bytes(2) + payload + crc16_kermit(payload).to_bytes(2)


def command(number: int, data: bytes = b"") -> bytes:
    """A packet of the device."""
    return packet(int(IMEI).to_bytes(8) + bytes([number]) + data)


def head(number: int = 1, part: int = 0, event: int = 7, **values: int) -> bytes:
    """A record up to the id of its event: 2024-01-01, 50 km/h."""
    fields = {"time": TIME // 1000, "sequence": 0, "priority": 0, "lon": 253000000, "lat": 546000000, "altitude": 1000}
    fields |= {"angle": 9000, "satellites": 9, "speed": 50, "hdop": 8} | values
    time, sequence, *rest = fields.values()
    parts = (part,) if number == 68 else ()
    return struct.pack(f">IB{'B' * len(parts)}BiihHBHB{'H' if parts else 'B'}", time, sequence, *parts, *rest, event)


def elements(number: int, io: dict[int, dict[int, int]]) -> bytes:
    """The groups of elements, by the width of their values."""
    key = "H" if number == 68 else "B"
    groups = [(code, io.get(width, {})) for code, width in zip("BHIQ", (1, 2, 4, 8), strict=True)]
    return b"".join(
        bytes([len(ios)]) + b"".join(struct.pack(f">{key}{code}", *pair) for pair in ios.items()) for code, ios in groups
    )


def records(*packed: bytes, number: int = 1) -> bytes:
    """A packet of records."""
    return command(number, bytes((0, len(packed))) + b"".join(packed))


def decode(data: bytes) -> list[Message]:
    """The messages of bytes that are expected to be good."""
    messages, reason = run(Decoder(), [data])
    assert not reason, reason
    return messages


def only(data: bytes) -> Message:
    """The one message."""
    (message,) = decode(data)
    return message


def message_of(io: dict[int, dict[int, int]], number: int = 68, **values: int) -> Message:
    """The message of one record with these elements."""
    return only(records(head(number, **values) + elements(number, io), number=number))


def fix_of(io: dict[int, dict[int, int]], number: int = 68, **values: int) -> Fix:
    """The fix of one record with these elements."""
    message = message_of(io, number, **values)
    (fix,) = message.fixes
    assert message.warnings == ()
    return fix


class RuptelaTests(DecoderContract, AgreementTests, SynchronousTestCase):
    vendor = ruptela
    samples = [
        *(frame.data for frame in KEPT.values()),
        *(sample.data for sample in ruptela.samples),
        command(16),
        command(9, b"\x01" + struct.pack(">BIiiB5s", 0xFF, TIME // 1000, 1, 2, 2, b"P0010")),
        records(head(lon=-(2**31)) + elements(1, {1: {251: 1}})),
    ]
    exceptions = {"ruptela-eefaace6": "the length says 11, 51 bytes follow: the packet is no packet, and its checksum shows it"}
    others = {"ruptela-68ec0234 driver": "the ids of the driver are all zeros, which is no driver; the zeros are listed"}


class AnswerTests(SynchronousTestCase):
    """What a device hears."""

    def test_records(self) -> None:
        """Records are acknowledged, or refused so that the device keeps them."""
        message = only(KEPT["2be5bef9"].data)
        assert (message.device, message.reply, message.refusal) == (IMEI, ACCEPTED, REFUSED)
        assert only(KEPT["fdff060e"].data).reply == ACCEPTED

    def test_others(self) -> None:
        """Identification, heartbeat and trouble codes have answers of their own; answers to commands have none."""
        wanted = {
            15: "00027301cb25",
            16: "00027401862d",
            9: "00026d01c4a4",
            7: "",
            2: "",
            3: "",
            4: "",
            5: "",
            6: "",
            17: "",
            37: "",
        }
        for number, answer in wanted.items():
            message = only(command(number, b"\0"))
            assert (message.device, message.reply.hex(), message.fixes, message.warnings) == (IMEI, answer, (), ()), number

    def test_leading_zero(self) -> None:
        """An IMEI that begins with a zero is shown with it."""
        assert only(KEPT["ad3c8a85"].data).device == "012207007303107"

    def test_unknown_command(self) -> None:
        """A packet of a command that nobody knows is passed over unanswered, with a warning."""
        message = only(command(99, b"x"))
        assert (message.reply, message.warnings) == (b"", ("command 99 is not known, and not answered",))

    def test_datagram(self) -> None:
        """A datagram is understood and answered like a packet of a connection."""
        messages, reason = run(Decoder("udp"), [KEPT["2be5bef9"].data])
        assert ([message.reply for message in messages], reason) == ([ACCEPTED], "")

    def test_wrong_checksum(self) -> None:
        """A damaged packet ends the connection unanswered; what came before it counts."""
        good = KEPT["2be5bef9"].data
        messages, reason = run(Decoder(), [good + good[:-1] + b"\0"])
        assert (len(messages), reason) == (1, "CRC of the payload is C9EE, the packet says C900")

    def test_wrong_length(self) -> None:
        """A length that no packet has is refused at its second byte."""
        for length in (0, 8, LONGEST + 1, 0xFFFF):
            assert run(Decoder(), [length.to_bytes(2)])[1] == f"a payload of {length} bytes, expected 9 to {LONGEST}"


class RecordTests(SynchronousTestCase):
    """What a record says."""

    def test_plain(self) -> None:
        """The sheet's first example: place, time, motion, voltages, mileage and the rest."""
        (fix,) = only(KEPT["2be5bef9"].data).fixes
        assert (fix.time, fix.lon, fix.lat) == (utc_ms(2015, 5, 27, 13, 50, 49), 55.3460016, 25.278855)
        assert (fix.altitude_m, fix.course_deg, fix.satellites, fix.speed_kmh, fix.hdop) == (0, 243.2, 6, 9, 1.3)
        assert (fix.gsm, fix.power_v, fix.battery_v, fix.odometer_km) == (19, 12.765, 3.773, 92.714)
        assert (fix.valid, fix.ignition, fix.alarm, fix.driver) == (True, None, None, None)
        wanted: dict[str, Any] = {
            "event": 9,
            "din4": 1,
            "din1": 0,
            "din2": 0,
            "profile": 1,
            "device_temperature_c": 41,
            "motion": 0,
        }
        wanted |= {"fuel_level_pct": 0, "ain1_v": 0, "rpm": 0, "io114": 0, "fuel_used_l": 0}
        assert fix.attributes == wanted | {"operator": 42403, "mcc": 424, "mnc": 3}

    def test_parts(self) -> None:
        """An extended record of three parts is one position with the elements of all of them."""
        (fix,) = only(KEPT["fdff060e"].data).fixes
        assert (fix.time, fix.lon, fix.lat) == (utc_ms(2024, 12, 3, 17, 46, 7), -7.637765, 33.53196)
        assert (fix.ignition, fix.power_v, fix.driver) == (True, 13.27, "01d042f31d000030")
        assert (fix.attributes["ain1_v"], fix.attributes["rpm"], fix.attributes["can_odometer_km"]) == (0.157, 1734, 23143)

    def test_parts_of_two_records(self) -> None:
        """Two records of one second, each in parts, are two positions."""
        (one, two) = only(KEPT["53e94018"].data).fixes
        assert (one.satellites, two.satellites, one.power_v, two.power_v) == (12, 13, 12.721, 12.718)
        assert (one.attributes.get("sequence"), two.attributes["sequence"]) == (None, 1)

    def test_part_without_its_beginning(self) -> None:
        """A part whose first one went with another packet keeps its place and elements."""
        ends = head(68, part=0x21) + elements(68, {1: {409: 1}})
        other = head(68, part=0x21, time=TIME // 1000 + 1) + elements(68, {})
        first, second = only(records(ends, other, number=68)).fixes
        assert (first.time, first.ignition, second.time) == (TIME, True, TIME + 1000)

    def test_no_position(self) -> None:
        """A record without a position puts the vehicle nowhere, and tells its ignition and supply."""
        nowhere = bytes.fromhex("386d438b0000800000008000000080 00ffffffffffff07")
        message = only(records(nowhere + elements(1, {1: {251: 1}, 2: {29: 12100, 30: 3900}})))
        assert (message.fixes, message.reply, message.unreadable, message.warnings) == ((), ACCEPTED, "", ())
        assert message.vitals == Vitals(ignition=True, power_v=12.1, battery_v=3.9)
        for half in ({"lat": -(2**31)}, {"lon": -(2**31)}):
            assert message_of({}, **half).fixes == ()

    def test_clock_not_set(self) -> None:
        """A position of a device whose clock was not set has no time, and says so."""
        message = message_of({}, time=0x386D438B)
        assert (message.fixes[0].time, message.warnings) == (None, ("the clock of the device is not set",))

    def test_not_measured(self) -> None:
        """What the receiver does not know stays empty."""
        fix = fix_of({}, altitude=-(2**15), angle=0xFFFF, satellites=0xFF, speed=0xFFFF, hdop=0xFF)
        assert (fix.altitude_m, fix.course_deg, fix.satellites, fix.speed_kmh, fix.hdop) == (None,) * 5
        assert fix_of({}, altitude=-125, lat=-338687890).altitude_m == -12.5

    def test_course(self) -> None:
        """A course that is no angle is left out with a warning; the position stays."""
        message = message_of({}, angle=40000)
        assert (message.fixes[0].course_deg, message.warnings) == (None, ("course_deg cannot be 400.0",))

    def test_trouble_codes(self) -> None:
        """Each trouble code is shown where and when it came up."""
        kept = KEPT["eefaace6"]
        message = only(packet(kept.data[2:-2]))
        assert [
            differences(fix, listed, ("time", "lat", "lon")) for fix, listed in zip(message.fixes, kept.fixes, strict=True)
        ] == [[]] * 2
        assert [fix.attributes for fix in message.fixes] == [{"dtc": "P0010"}, {"dtc": "P0011", "archived": True}]
        message = only(packet(kept.data[2:-5]))
        assert (len(message.fixes), message.unreadable) == (1, "2 trouble codes take 38 bytes, 35 are there")


class ElementTests(SynchronousTestCase):
    """What the elements of a record mean."""

    def test_scales(self) -> None:
        """Each element is shown in its unit."""
        wanted: dict[tuple[int, int, int], tuple[str, Any]] = {
            (2, 22, 12668): ("ain1_v", 12.668),
            (2, 94, 3000): ("rpm", 750),
            (2, 197, 8000): ("rpm", 1000),
            (1, 98, 102): ("fuel_level_pct", 40),
            (1, 207, 100): ("fuel_level_pct", 40),
            (4, 208, 101): ("fuel_used_l", 50.5),
            (2, 100, 70): ("fuel_rate_l_h", 3.5),
            (4, 163, 1000): ("tacho_odometer_km", 5),
            (2, 165, 12800): ("tacho_speed_kmh", 50),
            (2, 78, 0xFFCE): ("temperature0_c", -5),
            (2, 74, 215): ("temperature3_c", 21.5),
            (1, 32, 0xF6): ("device_temperature_c", -10),
            (1, 170, 1): ("charging", 1),
            (1, 245, 7): ("io245", 7),
            (8, 104, 5): ("io104", 5),
        }
        for (width, key, raw), (name, value) in wanted.items():
            assert fix_of({width: {key: raw}}).attributes[name] == value, name

    def test_not_available(self) -> None:
        """A value of all ones says that there is none, and is no fault."""
        fix = fix_of({1: {207: 0xFF, 27: 0xFF}, 2: {29: 0xFFFF}, 4: {65: 0xFFFFFFFF}, 8: {34: 2**64 - 1}})
        assert (fix.gsm, fix.power_v, fix.odometer_km, fix.driver, fix.attributes) == (None, None, None, None, {"event": 7})

    def test_signal(self) -> None:
        """A signal strength that does not exist is left out with a warning."""
        message = message_of({1: {27: 99}})
        assert (message.fixes[0].gsm, message.warnings) == (None, ("io27 (gsm): 99 is not one of 0 to 31",))

    def test_mileage(self) -> None:
        """The device's own mileage counts before the tachograph's, and that before the bus's."""
        assert fix_of({4: {65: 1500, 163: 1000, 645: 7}}).odometer_km == 1.5
        assert fix_of({4: {163: 1000, 645: 7}}).odometer_km == 5
        assert fix_of({4: {645: 7}}).odometer_km == 7

    def test_ignition(self) -> None:
        """Both ids of the ignition are known; without them nothing is guessed from an input."""
        assert [fix_of({1: {key: raw}}).ignition for key, raw in ((251, 1), (409, 0), (5, 1))] == [True, False, None]

    def test_driver(self) -> None:
        """The driver is the key, or the name of a card that comes in two elements."""
        halves = [int.from_bytes(half) for half in (b"0123ABCD", b"45678\0\0\0")]
        for key in (126, 155):
            assert fix_of({8: dict(zip((key, key + 1), halves, strict=True))}).driver == "0123ABCD45678"
        fix = fix_of({8: {34: 0x01D042F31D000030, 126: halves[0]}})
        assert (fix.driver, fix.attributes) == ("01d042f31d000030", {"event": 7})
        message = message_of({8: {126: 0x0102030405060708}})
        assert (message.fixes[0].driver, message.warnings) == (None, ("driver cannot be 0102030405060708",))

    def test_alarms(self) -> None:
        """What is an alarm is one while its element is not 0; a cut antenna is one while it is."""
        wanted = {88: events.JAMMING, 134: events.HARSH_BRAKING, 136: events.HARSH_ACCELERATION, 410: events.TOW}
        wanted |= {411: events.CRASH, 758: events.TAMPERING}
        assert {key: fix_of({1: {key: 1}}).alarm for key in wanted} == wanted
        assert [fix_of({1: {key: 0}}).alarm for key in wanted] == [None] * len(wanted)
        assert (fix_of({1: {415: 0}}).alarm, fix_of({1: {415: 1}}).alarm) == (events.FAULT, None)


class DamageTests(SynchronousTestCase):
    """Packets whose checksum is right and whose content is not."""

    def test_elements_cut_short(self) -> None:
        """Elements that are cut short cost themselves; the position and the elements before them stay."""
        whole = head() + elements(1, {1: {251: 1}, 2: {29: 12100}, 8: {34: 7}})
        for size in range(len(head()), len(whole)):
            message = only(records(whole[:size]))
            (fix,) = message.fixes
            assert (fix.lat, fix.time, message.reply) == (54.6, TIME, ACCEPTED)
            assert (message.warnings, message.unreadable) == (("the elements run past the end of the data",), "")
            assert fix.power_v == (12.1 if size >= len(head()) + 7 else None)

    def test_record_cut_short(self) -> None:
        """A record that is cut short before its position is said to be unreadable, and costs no other."""
        message = only(command(1, b"\0\2" + head() + elements(1, {}) + head()[:-1]))
        assert (len(message.fixes), message.unreadable) == (1, "record 2 of 2 runs past the end of the data")
        assert message.reply == ACCEPTED

    def test_bytes_behind(self) -> None:
        """Bytes behind the last record are kept apart with their message."""
        message = only(command(1, b"\0\1" + head() + elements(1, {}) + b"xyz"))
        assert (len(message.fixes), message.unreadable) == (1, "3 bytes behind the last record")

    def test_nothing(self) -> None:
        """A packet of no records is acknowledged; one that does not say how many is kept apart."""
        message = only(command(1, b"\0\0"))
        assert (message.fixes, message.unreadable, message.reply) == ((), "", ACCEPTED)
        message = only(command(68, b"\0"))
        assert (message.fixes, message.unreadable, message.reply) == ((), "the number of records is missing", ACCEPTED)

    @fuzz
    @given(st.sampled_from([frame for frame in KEPT.values() if frame.fixes and frame.data[10] in (1, 68)]), st.data())
    def test_damaged_elements(self, frame: Frame, data: Any) -> None:
        """Whatever happens to the elements of a captured packet, its first position stays."""
        payload = bytearray(frame.data[2:-2])
        start = 11 + (25 if payload[8] == 68 else 23)
        for _ in range(data.draw(st.integers(1, 6))):
            at = data.draw(st.integers(start, max(start, len(payload) - 1)))
            payload[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=6))
        message = only(packet(bytes(payload)))
        before, after = only(frame.data).fixes[0], message.fixes[0]
        for name in ("time", "lat", "lon", "speed_kmh", "course_deg", "altitude_m", "satellites", "hdop"):
            assert getattr(after, name) == getattr(before, name)


class RecognitionTests(SynchronousTestCase):
    """Whether a connection is known for Ruptela's, and when."""

    def test_connection(self) -> None:
        """A connection is known when length, IMEI and command are there."""
        data = KEPT["576b616e"].data
        assert [recognises(data[:size], "tcp") for size in range(12)] == [Verdict.MORE] * 11 + [Verdict.YES]

    def test_datagram(self) -> None:
        """A datagram is known by its checksum too, and has to be whole."""
        data = KEPT["2be5bef9"].data
        assert recognises(data, "udp") is Verdict.YES
        for wrong in (data[:-1], data + b"\0", data[:-1] + b"\0", b"", data[:11]):
            assert recognises(wrong, "udp") is Verdict.NO

    def test_others(self) -> None:
        """Other lengths, identifications and commands are not taken, as early as they show."""
        good = KEPT["2be5bef9"].data[:11]
        for wrong in (b"\0\x08", b"\xff", b"\0\x0f356307042441013", b"\0\x56\0\x04", b"\0\x56" + bytes(8), good[:10] + b"\x63"):
            assert recognises(wrong, "tcp") is (Verdict.MORE if wrong == b"\xff" else Verdict.NO), wrong


class EncoderTests(SynchronousTestCase):
    """The pretended device."""

    fix = Fix(
        time=TIME,
        lat=-33.4379166,
        lon=-70.64967,
        altitude_m=571.5,
        speed_kmh=83,
        course_deg=359.5,
        satellites=12,
        hdop=0.8,
        ignition=True,
        gsm=20,
        power_v=14.233,
        battery_v=3.976,
        odometer_km=2656.224,
        attributes={"event": 7},
    )

    def test_tcp(self) -> None:
        """A simulated device says what it is, reports, and is understood to the last digit."""
        encoder = ruptela.encoder(IMEI, "tcp")
        assert encoder is not None
        hello, report = decode(encoder.hello() + encoder.report((self.fix, self.fix)))
        assert (hello.device, hello.reply.hex(), hello.warnings) == (IMEI, "00027301cb25", ())
        assert (report.device, report.reply, report.fixes, report.warnings) == (IMEI, ACCEPTED, (self.fix,) * 2, ())

    def test_longest_report(self) -> None:
        """The longest report is not longer than what devices send."""
        encoder = ruptela.encoder(IMEI, "udp")
        assert encoder is not None
        data = encoder.report((self.fix,) * encoder.most_fixes)
        assert (encoder.hello(), len(data) <= 1104) == (b"", True)
        assert len(only(data).fixes) == encoder.most_fixes

    def test_sparse(self) -> None:
        """A fix that says little is reported with little, and one that is not valid without a position."""
        encoder = ruptela.encoder(IMEI, "tcp")
        assert encoder is not None
        (fix,) = only(encoder.report((Fix(time=TIME, lat=1.5, lon=2.5),))).fixes
        assert (fix.lat, fix.lon, fix.valid, fix.ignition, fix.odometer_km) == (1.5, 2.5, True, None, None)
        assert only(encoder.report((Fix(time=TIME, lat=1.5, lon=2.5, valid=False),))).fixes == ()
