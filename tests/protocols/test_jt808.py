"""JT/T 808: what its devices see of the server, and what a user sees of its devices."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

from twisted.trial.unittest import SynchronousTestCase

from protocols.jt808 import Decoder, Encoder, jt808
from tests.fakes import a_fix
from tests.protocols.agreement import AgreementTests
from tests.protocols.contract import DecoderContract, run
from tests.protocols.frames import frames
from waygps import events
from waygps.bits import utc_ms, xor8
from waygps.fix import Fix, Message, Vitals
from waygps.interfaces import Transport, Verdict

REGISTER = bytes.fromhex(
    "7e010000300000000010010001001f006e63643132337777772e3830382e636f6d0000000000000000003736353433323101b2e2413132333435363738697e"
)
AUTHENTICATE = bytes.fromhex("7e010200090000000010010002393837363534333231287e")
HEARTBEAT = bytes.fromhex("7e000200000000000010010003107e")
ESCAPED = bytes.fromhex("7e800100050138001380007d027d017d017d020002002c7e")
SHEET = [
    bytes.fromhex(data)
    for data in (
        "7e0200005300959000194400080000000000000003015da64806ccb4a8001100000000230816014137010400005b3f30011f310112eb29000c00b289860499"
        "10219020787400060089ffffffff000600c5ffffffef0004002d0f4e000300a84ce07e",
        "7e020000460100503769640002000001000000001a01b9eaf804d8ee86001800000000240507035152010400000000300100310107eb1c00060089fffffffe"
        "000400ce0000000c00b28942310221007544309f5f7e",
        "7e0200002f017028775424038d000000000000000a0189dbeb04ca653a00000012014723040700074401040000000030011b31010ee1012dea020001dc7e",
        "7e020000520198080908740af300000000000c000f016602a302c662f802fc000000cc24051618132401040000020f30011e310109f30100610204b056020a"
        "cd5d0b0102d40379b8011423033c51108017ffffffffffffffffffffffffffffc87e",
        "7e0704402d0100000866496077582164881d0001000028000000000000000701a00192091f2a4700160000000226050916422701040000258230010031010e"
        "507e",
    )
]
STAMP = bytes.fromhex("230816014137")
"""2023-08-16 01:41:37 in China."""
NO_LAYOUT = "The sheet has no layout of this element of a maker's, which is kept as it is."
FRAMES = list(frames("jt808"))


def framed(kind: int, body: bytes = b"", serial: int = 7, terminal: str = "010050376964", more: int = 0) -> bytes:
    plain = struct.pack(">HH", kind, len(body) | more) + bytes.fromhex(terminal) + struct.pack(">H", serial) + body
    plain += bytes([xor8(plain)])
    return b"\x7e" + plain.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02") + b"\x7e"


def place(items: str = "", flags: int = 0, status: int = 3, lat: int = 22_914_632, stamp: bytes = STAMP) -> bytes:
    return struct.pack(">IIIIhHH", flags, status, lat, 114_078_888, 17, 455, 90) + stamp + bytes.fromhex(items)


def messages(*data: bytes, transport: Transport = "tcp") -> list[Message]:
    found, reason = run(Decoder(transport), list(data))
    assert reason == "", reason
    return found


def message(data: bytes) -> Message:
    (found,) = messages(data)
    return found


def fix(items: str = "", flags: int = 0, status: int = 3) -> Fix:
    (found,) = message(framed(0x0200, place(items, flags, status))).fixes
    return found


class ContractTests(DecoderContract, SynchronousTestCase):
    vendor = jt808
    samples = [REGISTER, AUTHENTICATE, HEARTBEAT, ESCAPED, *SHEET, framed(0x0004), framed(0x0704, b"\0\1\0\0\x1c" + place())]


class JT808AgreementTests(AgreementTests, SynchronousTestCase):
    vendor = jt808
    exceptions = {
        "jt808-91782484": "Type 0900 has no position: 0, 0 in the list is invented.",
        "jt808-f7dc5ea4": "Type 0900 has no position: 0, 0 in the list is invented.",
    }
    others = {
        "jt808-77e02b70 battery_pct": "E3 is the text NatureLink here; the list takes its letters for a charge.",
        "jt808-77e02b70 battery_v": "As above, and for 298 V.",
        "jt808-ce44dc32 hdop": NO_LAYOUT,
        "jt808-97b44648 battery_pct": NO_LAYOUT,
        "jt808-97b44648 driver": "Element 60 is an event (0065) with bytes that the sheet does not explain.",
        "jt808-23f4a0d4 power_v": NO_LAYOUT,
        "jt808-e1ad4212 odometer_km": NO_LAYOUT,
        "jt808-cbe9d74a battery_pct": "153 % is no charge: element FE has 20 bytes.",
        "jt808-cbe9d74a alarm": NO_LAYOUT,
        "jt808-e97e79b2 battery_pct": "213 % is no charge: E3 has one byte, D5 follows.",
        "jt808-e97e79b2 battery_v": "As above, and for 35.85 V.",
        "jt808-640d4c3c alarm": "The sheet has no layout of what follows the charge in type 5501.",
        "jt808-7de4fd66 battery_v": NO_LAYOUT,
        "jt808-d1dfc04a battery_v": NO_LAYOUT,
        "jt808-180554ea battery_v": "The 18 bytes are two whole elements, 01 (1.8 km) and 36 (cell 234/15, of its country).",
        "jt808-180554ea odometer_km": "As above: 1,193,482 km are read across both.",
        "jt808-180554ea gsm": "As above: 0C is of the cell.",
        **{
            f"jt808-{name} altitude_m": "Type 5501 has no altitude before its elements."
            for name in ("2673ab04", "af9d8f40", "640d4c3c")
        },
        "jt808-53f9fdd6 altitude_m": "The sheet has no layout of what follows the charge in type 5501.",
    }
    alarms = {
        "powerOff,powerOff": events.POWER_CUT,
        "lowBattery,removing": events.LOW_POWER,
        "fatigueDriving": events.GENERAL,
    }


class SessionTests(SynchronousTestCase):
    def test_the_sheets_session(self) -> None:
        """A device registers, proves who it is and stays in touch: each step has its answer, numbered by the server."""
        found = messages(REGISTER, AUTHENTICATE, HEARTBEAT)
        assert [each.device for each in found] == ["1001"] * 3
        assert found[0].reply.hex() == "7e81000007000000001001000100010031303031977e"
        assert found[1].reply == framed(0x8001, bytes.fromhex("0002010200"), 2, "000000001001")
        assert found[2].reply == framed(0x8001, bytes.fromhex("0003000200"), 3, "000000001001")

    def test_refusal(self) -> None:
        """A device that is not accepted is told that there is no such terminal, or that it failed."""
        assert message(REGISTER).refusal == framed(0x8100, bytes.fromhex("000104"), 1, "000000001001")
        assert message(HEARTBEAT).refusal == framed(0x8001, bytes.fromhex("0003000201"), 1, "000000001001")

    def test_the_answer_has_the_head_of_the_request(self) -> None:
        """A device of 2019 is answered with its own long head, byte by byte as in the sheet."""
        found = message(SHEET[4])
        assert (found.device, found.reply.hex()) == ("866496077582164", "7e8001400501000008664960775821640001881d0704007f7e")

    def test_no_answer_to_answers(self) -> None:
        """What answers the server is not answered; what is unknown is, so that the device does not repeat it."""
        for kind in (0x0001, 0x0104, 0x0201):
            assert message(framed(kind, bytes(5))).reply == b"", kind
        assert message(framed(0x0F0F)).reply == framed(0x8001, bytes.fromhex("00070F0F00"), 1)

    def test_time(self) -> None:
        """A device that asks for the time is told UTC, in the form of its request."""
        now = datetime(2026, 11, 24, 7, 30, 59, tzinfo=UTC)
        answers = [each.timed_reply(now) for each in messages(framed(0x0109), framed(0x0004)) if each.timed_reply]
        assert answers == [
            framed(0x8109, bytes.fromhex("07EA 0B 18 07 1E 3B 00"), 1),
            framed(0x8004, bytes.fromhex("261124073059"), 2),
        ]

    def test_heartbeat_with_charge(self) -> None:
        """A maker's heartbeat says how the battery is, and no place."""
        assert message(framed(0x0002, b"\x50\x14\x01")).vitals == Vitals(battery_pct=80, gsm=20)
        assert message(HEARTBEAT).vitals is None

    def test_device_by_binary_number(self) -> None:
        """An id that is no BCD is an IMEI without its check digit."""
        assert message(framed(0x0002, terminal="0B3A73CE2FF2")).device == "123456789012347"
        assert message(framed(0x0002, terminal="000000000000")).device == "0"

    def test_datagrams(self) -> None:
        """Over UDP every datagram is read and answered on its own."""
        found = messages(SHEET[2], transport="udp")
        assert (found[0].device, len(found[0].fixes), bool(found[0].reply)) == ("17028775424", 1, True)


class FramingTests(SynchronousTestCase):
    def test_escapes(self) -> None:
        """Delimiters and escapes within a message come through."""
        body = place("F2047E7D017D")
        data = framed(0x0200, body)
        assert data.count(b"\x7e") == 2
        assert message(data).fixes[0].attributes["element_f2"] == "7e7d017d"
        assert message(ESCAPED).device == "13800138000"

    def test_wrong_checksum(self) -> None:
        """A damaged message is neither stored nor answered, and the next one is read."""
        damaged = SHEET[0][:30] + b"\x55" + SHEET[0][31:]
        found = messages(damaged, SHEET[2])
        assert [each.device for each in found] == ["17028775424"]
        assert "that are no message" in found[0].warnings[0]

    def test_shared_delimiter(self) -> None:
        """Two messages may have one delimiter between them, or several."""
        assert len(messages(HEARTBEAT + SHEET[2][1:] + b"\x7e" + HEARTBEAT)) == 3

    def test_not_escaped(self) -> None:
        """A device that forgets to escape is read by the length that it says."""
        plain = framed(0x0200, place("F2027E7D"))
        raw = plain.replace(b"\x7d\x02\x7d\x01", b"\x7e\x7d")
        assert raw != plain
        assert message(raw).fixes == message(plain).fixes

    def test_head_alone(self) -> None:
        """A message shorter than its head ends the connection unanswered."""
        plain = bytes.fromhex("0200 4000 0100 0008 6649 6077")
        found, reason = run(Decoder(), [b"\x7e" + plain + bytes([xor8(plain)]) + b"\x7e"])
        assert (found, "expected more than 17" in reason) == ([], True)

    def test_parts(self) -> None:
        """A batch in parts, in any order, is stored when all of it is there; then each part is answered."""
        body = b"\0\2\0" + (struct.pack(">H", 28) + place()) * 2
        parts = [struct.pack(">HH", 2, at + 1) + piece for at, piece in enumerate((body[:40], body[40:]))]
        first, second = (framed(0x0704, part, at + 9, more=0x2000) for at, part in enumerate(parts))
        for order in ((first, second), (second, first)):
            found = messages(*order)
            assert [len(each.fixes) for each in found] == [0, 2]
            assert found[0].reply == b""
            assert found[1].reply.count(b"\x80\x01") == 2

    def test_part_of_nothing(self) -> None:
        """A part that says it is the fifth of three is dropped; a picture's part is answered at once."""
        found = message(framed(0x0704, struct.pack(">HH", 3, 5) + place(), more=0x2000))
        assert (found.fixes, found.unreadable, found.reply) == ((), "", b"")
        assert message(framed(0x0801, struct.pack(">HH", 3, 1) + b"jpeg", more=0x2000)).reply


class PositionTests(SynchronousTestCase):
    def test_sheet(self) -> None:
        """The sheet's reports are where, when and how they say."""
        found = message(SHEET[0]).fixes[0]
        assert (found.lat, found.lon, found.altitude_m, found.time) == (
            22.914632,
            114.078888,
            17,
            utc_ms(2023, 8, 15, 17, 41, 37),
        )
        assert (found.odometer_km, found.gsm, found.satellites, found.battery_v, found.battery_pct) == (2335.9, 31, 18, 3.918, 76)
        assert found.attributes["iccid"] == "89860499102190207874"
        found = message(SHEET[1]).fixes[0]
        assert (found.lon, found.alarm, found.attributes["iccid"]) == (-81.325702, events.POWER_CUT, "8942310221007544309")
        found = message(SHEET[3]).fixes[0]
        assert (found.lat, found.lon, found.course_deg, found.power_v, found.battery_pct) == (
            -23.462563,
            -46.555896,
            204,
            12.0,
            100,
        )
        assert found.attributes["temperature1_c"] == -2.3

    def test_fields(self) -> None:
        """Speed in tenths, course, ignition and whether it is a fix."""
        found = fix()
        assert (found.speed_kmh, found.course_deg, found.ignition, found.valid) == (45.5, 90, True, True)
        assert fix(status=0).valid is False
        assert fix(status=0x1403).attributes["relay_cut"] is True
        assert fix(status=0x1403).attributes["doors_locked"] is True

    def test_batch(self) -> None:
        """A backlog is marked as such, and every report in it is there."""
        for kind, late in ((0, None), (1, True)):
            found = message(framed(0x0704, struct.pack(">HB", 2, kind) + (struct.pack(">H", 31) + place("300105")) * 2)).fixes
            assert [each.attributes.get("buffered") for each in found] == [late] * 2

    def test_batch_cut_off(self) -> None:
        """A batch that ends within a report keeps the reports before, and says what is lost."""
        body = struct.pack(">HB", 2, 0) + struct.pack(">H", 28) + place() + struct.pack(">H", 28) + place()[:20]
        found = message(framed(0x0704, body))
        assert (len(found.fixes), found.unreadable) == (1, "the position is cut off")

    def test_answer_to_a_query(self) -> None:
        """Where the server asked, the answer is a position too; a maker's batch has lengths of one byte."""
        assert len(message(framed(0x0201, b"\0\7" + place())).fixes) == 1
        assert len(message(framed(0x0210, (bytes([28]) + place()) * 3)).fixes) == 3

    def test_short_serial(self) -> None:
        """Type 5501 has degrees and minutes, all four quarters, and is answered where it asks for it."""
        (frame,) = (frame for frame in FRAMES if frame.id == "jt808-53f9fdd6")
        found = message(frame.data)
        assert (round(found.fixes[0].lat, 6), found.fixes[0].battery_pct) == (-29.897718, 87)
        plain = bytes.fromhex("4401 0003 857111000339 01 5501 00")
        assert found.reply == b"\x7e" + plain + bytes([xor8(plain)]) + b"\x7e"
        assert message(framed(0x5502)).reply == b""

    def test_time_that_is_none(self) -> None:
        """A clock that is not set costs the time, not the position."""
        found = message(framed(0x0200, place(stamp=bytes(6))))
        assert (found.fixes[0].time, found.warnings) == (None, ("time cannot be 000000000000",))

    def test_no_place(self) -> None:
        """A latitude of 95 degrees, or a report that breaks off, is kept apart with its reason, and answered."""
        found = message(framed(0x0200, place(lat=95_000_000)))
        assert (found.fixes, found.unreadable, bool(found.reply)) == ((), "lat cannot be 95.0", True)
        assert message(framed(0x0200, place()[:27])).unreadable == "the position is cut off"

    def test_encrypted(self) -> None:
        """An encrypted report is kept apart: no position is made of bytes that nobody can read."""
        found = message(framed(0x0200, place(), more=0x0400))
        assert (found.fixes, found.unreadable, bool(found.reply)) == ((), "the message is encrypted", True)

    def test_no_fix_without_a_report(self) -> None:
        """Drivers, pictures and passed-through data are answered and make no position."""
        for kind in (0x0702, 0x0900, 0x0801, 0x0100, 0x6006):
            assert message(framed(kind, bytes(40))).fixes == (), kind


class AlarmTests(SynchronousTestCase):
    def test_flags(self) -> None:
        """Each flag is its alarm; of several the gravest is the fix's, and all are named."""
        for bit, expected in (
            (0, events.SOS),
            (1, events.OVERSPEED),
            (7, events.LOW_POWER),
            (20, events.GEOFENCE),
            (4, events.FAULT),
        ):
            assert fix(flags=1 << bit).alarm == expected
        found = fix(flags=1 << 1 | 1 << 29)
        assert (found.alarm, found.attributes["alarms"]) == (events.CRASH, [events.CRASH, events.OVERSPEED])
        assert fix().alarm is None

    def test_flags_of_2019(self) -> None:
        """Bit 16 is a tracker being moved, and tyres for a terminal of 2019."""
        assert fix(flags=1 << 16).alarm == events.TAMPERING
        found = message(framed(0x0200, place(flags=1 << 16), terminal="0100000866496077582164", more=0x4000))
        assert found.fixes[0].alarm == events.GENERAL

    def test_makers_alarms(self) -> None:
        """Makers' elements tell shocks, a cut supply, a device taken off, and harsh driving."""
        assert fix("EB08 0006 00C5 FFFFFFAF").alarm == events.VIBRATION
        assert fix("EB08 0006 0089 FFFFFFFE").alarm == events.POWER_CUT
        assert fix("EB08 0006 0089 FFFFEFFF").alarm == events.TAMPERING
        assert fix("EB10 0006 0089 FFFFFFFF 0006 00C5 FFFFFFEF").alarm is None
        assert fix("5708 0200 0000 0000 0000").alarm == events.HARSH_BRAKING
        assert fix("5708 0000 0000 0001 0000").alarm == events.DOOR


class ItemTests(SynchronousTestCase):
    def test_items(self) -> None:
        """Elements are read with their unit where their length is right."""
        for items, name, value in (
            ("01040000018C", "odometer_km", 39.6),
            ("E10175", "battery_pct", None),
            ("E1012D", "battery_pct", 45),
            ("E1020075", "power_v", 11.7),
            ("E10400735443", "driver", "7558211"),
            ("FE0400000BB8", "odometer_km", 3.0),
            ("FE02001E", "power_v", 3.0),
            ("F70600000F48014E", "battery_v", 3.912),
            ("E40200 56", "battery_pct", 86),
            ("EE06 1B 2EE0 0FA0 09", "power_v", 12.0),
            ("E306 01 64 019A 0000", "battery_v", 4.1),
            ("D401FF", "battery_pct", None),
        ):
            assert getattr(fix(items), name) == value, items
        assert fix("EB08 0006 002D 00002EE0").power_v == 12.0
        assert fix("0202 0064 0302 01C2 2B04 00010002 0602 8017").attributes.items() >= {
            ("fuel_l", 10.0),
            ("recorder_speed_kmh", 45.0),
            ("analog1", 2),
            ("analog2", 1),
            ("cabin_temperature_c", -23),
        }

    def test_unknown(self) -> None:
        """What nobody knows is kept as it is, and so is what breaks off, with a warning."""
        assert fix("F302ABCD").attributes["element_f3"] == "abcd"
        assert fix("EB09 5554432B30383A3030").attributes["zone"] == "UTC+08:00"
        found = message(framed(0x0200, place("300105 0104 0000")))
        assert (found.fixes[0].gsm, found.fixes[0].attributes["tail"]) == (5, "01040000")
        assert found.warnings == ("4 bytes that are no item",)

    def test_tail_instead_of_items(self) -> None:
        """Eighteen bytes that are no items are mileage, battery and signal; those that are items stay items."""
        found = fix("FFFFFFFF 00000271 0083 00000001 19 000000")
        assert (found.odometer_km, found.battery_v, found.gsm) == (625, 13.1, 25)
        assert fix("010400000012 360A 0002341502CB0C20085C").odometer_km == 1.8

    def test_impossible(self) -> None:
        """A charge of 120 % is left out with a warning."""
        found = message(framed(0x0200, place("E10178 30011B")))
        assert (found.fixes[0].battery_pct, found.fixes[0].gsm, found.warnings) == (None, 27, ("battery_pct cannot be 120",))

    def test_position_survives(self) -> None:
        """Wherever the elements of a real message break off, or whichever byte of them is wrong, the position stays."""
        for frame in FRAMES:
            if not frame.checksum_ok or len(frame.fixes) != 1 or frame.data[1:3] != b"\2\0" or frame.data[3] & 0x40:
                continue
            inner = frame.data[1:-2]
            if b"\x7d" in inner or b"\x7e" in inner:
                continue
            body, terminal = inner[12:], inner[4:10].hex()
            (expected,) = message(frame.data).fixes
            for at in range(28, len(body)):
                for changed in (body[:at], body[:at] + bytes([body[at] ^ 0x55]) + body[at + 1 :]):
                    (found,) = message(framed(0x0200, changed, terminal=terminal)).fixes
                    for name in ("lat", "lon", "time", "speed_kmh", "course_deg", "valid"):
                        assert getattr(found, name) == getattr(expected, name), (frame.id, at)


class EncoderTests(SynchronousTestCase):
    def test_what_it_sends_is_read(self) -> None:
        """A simulated device's reports, one or several at once, are understood and answered once."""
        fixes = (
            a_fix(speed_kmh=50.5, course_deg=271, satellites=9, odometer_km=12.3, gsm=20, altitude_m=-3, ignition=True),
            a_fix(
                lat=40.5, lon=3.25, valid=False, speed_kmh=0, course_deg=0, satellites=0, odometer_km=12.3, gsm=1, altitude_m=9
            ),
        )
        for transport in ("tcp", "udp"):
            for sent in (fixes[:1], fixes):
                encoder = Encoder("350000000000001", transport)
                *_, found = messages(encoder.hello() + encoder.report(sent), transport=transport)
                assert (found.device, len(found.fixes), found.reply.count(b"\x80\x01")) == ("350000000000001", len(sent), 1)
                for read, one in zip(found.fixes, sent, strict=True):
                    for name in (
                        "time",
                        "lat",
                        "lon",
                        "speed_kmh",
                        "course_deg",
                        "satellites",
                        "valid",
                        "odometer_km",
                        "gsm",
                        "altitude_m",
                    ):
                        assert getattr(read, name) == getattr(one, name), name


class RecognitionTests(SynchronousTestCase):
    def test_first_bytes(self) -> None:
        """A device is known by its first message's type, escapes in the head or not."""
        assert jt808.recognises(b"\x7e\2\0\0", "tcp") is Verdict.MORE
        assert jt808.recognises(b"\x7e\2\0\0\x7d\2\x01", "tcp") is Verdict.YES
        assert jt808.recognises(REGISTER[:6], "tcp") is Verdict.YES

    def test_not_ours(self) -> None:
        """Text, unknown types, encrypted messages and short ones are nobody's."""
        for data in (b"~home~~", b"\x7e\x0f\x0f\0\0\0", b"\x7e\2\0\4\0\0", b"\x7e\2\0\x7e", b"x"):
            assert jt808.recognises(data, "tcp") is Verdict.NO, data

    def test_samples(self) -> None:
        """What the vendor shows of itself is true."""
        for sample in jt808.samples:
            found = message(sample.data)
            assert sample.reply in (None, found.reply)
            for listed, made in zip(sample.fixes, found.fixes, strict=True):
                for name, value in listed.items():
                    got = datetime.fromtimestamp(made.time / 1000, UTC) if name == "time" and made.time else getattr(made, name)
                    assert got == (datetime.fromisoformat(value) if name == "time" else value), name
