"""Teltonika: what its devices see of the server, and what a user sees of its devices."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from protocols.teltonika import MAX_LENGTH, Decoder, Encoder, teltonika
from tests.protocols.contract import DecoderContract, cut, fuzz, run
from tests.protocols.frames import Expected, Frame, frames
from waygps import events
from waygps.bits import crc16_arc, utc_ms
from waygps.fix import Fix, Message

IMEI = "356307042441013"
LOGIN = bytes.fromhex("000F333536333037303432343431303133")

# The examples of the protocol's documentation, by the names of its sheet.
SHEET = {
    name: bytes.fromhex(data)
    for name, data in {
        "E1": "000000000000003608010000016B40D8EA30010000000000000000000000000000000105021503010101425E0F01F10000601A014E"
        "0000000000000000010000C7CF",
        "E2": "000000000000002808010000016B40D9AD80010000000000000000000000000000000103021503010101425E100000010000F22A",
        "E3": "000000000000004308020000016B40D57B480100000000000000000000000000000001010101000000000000016B40D5C19801000000"
        "0000000000000000000000000101010101000000020000252C",
        "E4": "000000000000004A8E010000016B412CEE000100000000000000000000000000000000010005000100010100010011001D00010010"
        "015E2C880002000B000000003544C87A000E000000001DD7E06A00000100002994",
        "E5": "000000000000005F10020000016BDBC7833000000000000000000000000000000000000B05040200010000030002000B00270042563A"
        "00000000016BDBC7871800000000000000000000000000000000000B05040200010000030002000B00260042563A00000200005FB3",
        "E6": "00000000000000818e0100000166e368a510000f0d8b5b20961c35008d010308000000000014000900ef0000f00100500100150400c8"
        "00004501001e00002500002900000a00b5000800b60007004230dc0018000000430fcb0044005f001103de001200e500130012002400000000"
        "00000001010000113141314a433534343452373235323336370100005e99",
        "R1": "000000000000004c08010000016818d500580009c28d9f1cb3757a00be00c60f0053000f06f0011503c80001011d00fc0007423799180053"
        "cdf80dce426f430f88190bb8560bb802f100005aa110002887e000010000ee8d",
        "C12": "00000000000000370C01060000002F4449313A31204449323A30204449333A302041494E313A302041494E323A313639323420444F31"
        "3A3020444F323A3101000066E3",
        "C13": "00000000000000240d01060000001c642b3ad14754534c7c367c317c307c31323734393838347c317c0d0a010000ec11",
        "C14": "00000000000000100E011100000008035209308145225101000032AC",
        "C15": "000000000000001b0f010b00000013654b65a4012345678912345648656c6c6f210a01000093d6",
    }.items()
}
U1 = bytes.fromhex(
    "003DCAFE0105000F33353230393330383634303336353508010000016B4F815B30010000000000000000000000000000000103021503010101425DBC000001"
)
U2 = bytes.fromhex(
    "005FCAFE0107000F3335323039333038363430333635358E010000016B4F831C680100000000000000000000000000000000010005000100010100"
    "010011009D00010010015E2C880002000B000000003544C87A000E000000001DD7E06A000001"
)

# Frames whose listed decoding is not what the bytes say, each with the reason.
EXCEPTIONS: dict[str, str] = {}

# Frames that were cut short, or announce more than they hold: a decoder waits for the rest, and refuses what comes instead.
CUT_SHORT = ("teltonika-5efa838c", "teltonika-de729dbc")

FRAMES = list(frames("teltonika"))
TOLERANCES = {"lat": 1e-5, "lon": 1e-5, "speed_kmh": 0.1, "course_deg": 0.1, "altitude_m": 0.1, "odometer_km": 1e-3}


def frame(data: bytes) -> bytes:
    """A TCP frame, with a right length and CRC, of what goes from codec id to second count."""
    return struct.pack(">II", 0, len(data)) + data + struct.pack(">I", crc16_arc(data))


def head(priority: int = 0, lon: int = 252545883, lat: int = 546708533, angle: int = 90, satellites: int = 9) -> bytes:
    """The first 24 bytes of a record: 2024-01-01, altitude 100 m, speed 50 km/h."""
    return struct.pack(">QBiihHBH", utc_ms(2024, 1, 1), priority, lon, lat, 100, angle, satellites, 50)


def record(io: dict[int, list[tuple[int, int]]], event: int = 0, of: bytes | None = None) -> bytes:
    """A codec 8 record with these (id, raw value) elements by their width."""
    groups = [(code, io.get(width, [])) for code, width in zip("BHIQ", (1, 2, 4, 8), strict=True)]
    packed = [bytes([len(ios)]) + b"".join(struct.pack(f">B{code}", *pair) for pair in ios) for code, ios in groups]
    return (head() if of is None else of) + bytes([event, sum(len(ios) for _, ios in groups)]) + b"".join(packed)


def codec_8(*records: bytes) -> bytes:
    """A TCP frame of codec 8 with these records."""
    count = bytes([len(records)])
    return frame(b"\x08" + count + b"".join(records) + count)


def codec_8e(texts: dict[int, bytes]) -> bytes:
    """A TCP frame of codec 8 Extended with one record that holds these elements of variable length."""
    elements = b"".join(struct.pack(">HH", key, len(value)) + value for key, value in texts.items())
    counts = struct.pack(">7H", 0, len(texts), 0, 0, 0, 0, len(texts))
    return frame(b"\x8e\x01" + head() + counts + elements + b"\x01")


def messages(data: bytes, transport: Any = "tcp", device: str = IMEI) -> list[Message]:
    """What a decoder that knows the device makes of the bytes; they are expected to be good."""
    found, reason = run(Decoder(transport, device), [data])
    assert not reason, reason
    return found


def reason(data: bytes, transport: Any = "tcp", device: str = IMEI) -> str:
    """Why a decoder refuses the bytes; they are expected to give no message."""
    found, why = run(Decoder(transport, device), [data])
    assert not found, found
    return why


def only_fix(data: bytes) -> Fix:
    """The one fix of one message."""
    (message,) = messages(data)
    (fix,) = message.fixes
    return fix


def fix_of(width: int, key: int, raw: int, event: int = 0, of: bytes | None = None) -> Fix:
    """The fix of a record with one IO element."""
    return only_fix(codec_8(record({width: [(key, raw)]}, event, of)))


def differences(fix: Fix, expected: Expected) -> list[str]:
    """The listed fields that the fix does not have."""
    listed = {name: value for name in expected.__struct_fields__ if (value := getattr(expected, name)) is not None}
    del listed["device"]
    if expected.time:
        listed["time"] = round(expected.time.timestamp() * 1000)
    return [
        f"{name}: {getattr(fix, name)}, listed {value}"
        for name, value in listed.items()
        if getattr(fix, name) is None or abs_difference(getattr(fix, name), value) > TOLERANCES.get(name, 0)
    ]


def abs_difference(one: Any, other: Any) -> float:
    """Distance of two numbers; of other values 0 when they are equal, else 1."""
    return abs(one - other) if isinstance(one, int | float) else float(one != other)


def complaints(kept: Frame) -> list[str]:
    """What of a real message is not decoded as listed."""
    found, why = run(Decoder("tcp", kept.device or ""), [kept.data])
    fixes = [fix for message in found for fix in message.fixes]
    if why or len(fixes) != len(kept.fixes):
        return [why or f"{len(fixes)} fixes, {len(kept.fixes)} listed"]
    return [text for fix, expected in zip(fixes, kept.fixes, strict=True) for text in differences(fix, expected)]


class ContractTest(DecoderContract, SynchronousTestCase):
    """The contract of every decoder, on real messages and the documentation's examples."""

    vendor = teltonika
    samples = [
        LOGIN,
        b"\xff" + LOGIN + b"\xff" + SHEET["E1"] + SHEET["E4"] + b"\xff",
        *SHEET.values(),
        *(kept.data for kept in FRAMES if kept.id not in CUT_SHORT),
    ]

    def test_datagrams_in_pieces(self) -> None:
        """A datagram handed over in pieces is understood as one handed over whole."""
        for datagram in (U1, U2, U1[:-1], U1[:-1] + b"\x02", b"\0\x05"):
            whole = run(Decoder("udp", ""), [datagram])
            assert run(Decoder("udp", ""), [bytes([byte]) for byte in datagram]) == whole

    @fuzz
    @given(st.data())
    def test_damage_under_a_right_checksum(self, data: Any) -> None:
        """A unit with broken firmware, whose checksums are right and whose records are not, does no harm."""
        body = bytearray(data.draw(st.sampled_from([kept.data[8:-4] for kept in FRAMES if kept.fixes])))
        for _ in range(data.draw(st.integers(1, 6))):
            at = data.draw(st.integers(2, len(body) - 2))
            body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        whole = run(self.fresh(), [frame(bytes(body))])
        assert run(self.fresh(), cut(frame(bytes(body)), data.draw(st.lists(st.integers(0, 5000), max_size=6)))) == whole


class RealFramesTest(SynchronousTestCase):
    """Messages captured from devices."""

    def test_every_frame(self) -> None:
        """Every captured message is shown with the place, time and values that an independent decoder found in it."""
        for kept in FRAMES:
            if kept.checksum_ok is not False and kept.id not in EXCEPTIONS:
                assert complaints(kept) == [], kept.id

    def test_exceptions_are_needed(self) -> None:
        """An excuse for a frame goes when the frame decodes as listed."""
        for kept in FRAMES:
            if kept.id in EXCEPTIONS:
                assert complaints(kept) != [], kept.id

    def test_wrong_checksums(self) -> None:
        """A captured message that was edited afterwards is not stored."""
        edited = [kept for kept in FRAMES if kept.checksum_ok is False and kept.id not in CUT_SHORT]
        assert len(edited) == 3
        for kept in edited:
            assert "CRC of the data is" in reason(kept.data), kept.id

    def test_cut_short(self) -> None:
        """A message whose end is missing is not answered, and is refused when something else takes the place of the end."""
        for kept in FRAMES:
            if kept.id in CUT_SHORT:
                assert run(Decoder("tcp", kept.device or ""), [kept.data]) == ([], "")
                assert "CRC of the data is" in reason(kept.data + bytes(MAX_LENGTH))

    def test_alarms_of_a_real_unit(self) -> None:
        """A crash and an unplugged battery are alarms in the record they caused, and in no other."""
        (kept,) = [kept for kept in FRAMES if kept.id == "teltonika-04510cf2"]
        (message,) = messages(kept.data)
        assert [fix.attributes.get("event") for fix in message.fixes] == [247, 240, 252, 247]
        assert [fix.alarm for fix in message.fixes] == [events.CRASH, None, events.POWER_CUT, events.CRASH]

    def test_a_broken_text_of_a_real_unit(self) -> None:
        """Coordinates in text form that are no text cost that field; the four fixes stay, and the trace says why."""
        (kept,) = [kept for kept in FRAMES if kept.id == "teltonika-04510cf2"]
        (message,) = messages(kept.data)
        assert len(message.fixes) == 4
        assert next(text for text in message.warnings if "iso6709" in text)[:20] == "io387 (iso6709): 2d3"

    def test_sixteen_byte_group(self) -> None:
        """A unit with old firmware, which adds a group to codec 8 and does not say so, is understood."""
        value = bytes(range(16))
        old = record({}, of=head())[:25] + b"\x01" + bytes(4) + b"\x01\x05" + value
        assert only_fix(codec_8(old)).attributes == {"io5": value.hex()}


class LoginTest(SynchronousTestCase):
    """The beginning of a connection."""

    def test_login(self) -> None:
        """A device that names itself is answered one byte: 1 when it is accepted, 0 when it is not."""
        (message,) = messages(LOGIN, device="")
        assert message == Message(device=IMEI, reply=b"\x01", refusal=b"\x00", raw=LOGIN)

    def test_login_then_data(self) -> None:
        """What comes after the login is of the device that logged in."""
        assert [message.device for message in messages(LOGIN + SHEET["E1"], device="")] == [IMEI, IMEI]

    def test_second_login(self) -> None:
        """A second login on an open connection changes the device."""
        found = messages(LOGIN + b"\0\x0812345678" + SHEET["E1"], device="")
        assert [message.device for message in found] == [IMEI, "12345678", "12345678"]

    def test_data_before_login(self) -> None:
        """A report of nobody is refused."""
        assert reason(SHEET["E1"], device="") == "data before the login"

    def test_not_digits(self) -> None:
        """A login that is no number is refused, and the log shows what it was."""
        assert reason(b"\x00\x0f35630704244101X", device="") == "identification b'35630704244101X', expected 8 to 16 digits"

    def test_length(self) -> None:
        """A login of a length that no identification has is refused at its second byte."""
        assert reason(b"\x00\x07", device="") == "login of 7 bytes, expected 8 to 16"
        assert reason(b"GE", device="") == "login of 18245 bytes, expected 8 to 16"

    def test_pings(self) -> None:
        """Pings are neither answered nor in the way, before the login and between reports."""
        found = messages(b"\xff\xff" + LOGIN + b"\xff" + SHEET["E1"] + b"\xff" + SHEET["E2"] + b"\xff", device="")
        assert [message.reply for message in found] == [b"\x01", b"\x00\x00\x00\x01", b"\x00\x00\x00\x01"]


class SheetTest(SynchronousTestCase):
    """The documentation's examples."""

    def test_e1(self) -> None:
        """A record without a position is kept as invalid, with its inputs and operator."""
        (message,) = messages(SHEET["E1"])
        assert (message.reply, message.raw) == (b"\x00\x00\x00\x01", SHEET["E1"])
        attributes = {"din1": 1, "operator": 24602, "mcc": 246, "mnc": 2, "event": 1, "priority": 1}
        (fix,) = message.fixes
        assert fix.attributes == attributes
        assert (fix.time, fix.lat, fix.lon, fix.valid) == (utc_ms(2019, 6, 10, 10, 4, 46), 0, 0, False)
        assert (fix.power_v, fix.gsm, fix.driver, fix.alarm) == (24.079, 3, None, None)

    def test_e2(self) -> None:
        """Groups without elements are nothing special."""
        fix = only_fix(SHEET["E2"])
        assert (fix.time, fix.gsm, fix.power_v) == (utc_ms(2019, 6, 10, 10, 5, 36), 3, 24.08)

    def test_e3(self) -> None:
        """Two records are two fixes, answered with a count of two."""
        (message,) = messages(SHEET["E3"])
        assert message.reply == b"\x00\x00\x00\x02"
        times = [utc_ms(2019, 6, 10, 10, 1, 1), utc_ms(2019, 6, 10, 10, 1, 19)]
        assert [fix.time for fix in message.fixes] == times
        assert [fix.attributes["din1"] for fix in message.fixes] == [0, 1]

    def test_e4(self) -> None:
        """Codec 8 Extended: odometer in kilometres, the SIM's number from its two halves."""
        fix = only_fix(SHEET["E4"])
        assert (fix.time, fix.odometer_km) == (utc_ms(2019, 6, 10, 11, 36, 32), 22949.0)
        expected = {"din1": 1, "accelerometer_x_mg": 29, "iccid": "893700218500686954", "event": 1, "priority": 1}
        assert fix.attributes == expected

    def test_e5(self) -> None:
        """Codec 16: the generation is shown, and id 11 of two bytes is an analog input."""
        (message,) = messages(SHEET["E5"])
        assert message.reply == b"\x00\x00\x00\x02"
        assert [fix.attributes["ain3_v"] for fix in message.fixes] == [0.039, 0.038]
        expected = {"din1": 0, "din3": 0, "ain3_v": 0.039, "event": 11, "generation": 5}
        assert (message.fixes[0].attributes, message.fixes[0].power_v) == (expected, 22.074)

    def test_e6(self) -> None:
        """A moving unit with 20 elements, one of them the vehicle's VIN."""
        fix = only_fix(SHEET["E6"])
        assert (fix.lat, fix.lon, fix.altitude_m, fix.course_deg) == (54.6708533, 25.2545883, 141, 259)
        assert (fix.satellites, fix.speed_kmh, fix.valid, fix.hdop) == (8, 0, True, 0.7)
        assert (fix.ignition, fix.gsm, fix.power_v, fix.battery_v) == (False, 4, 12.508, 4.043)
        assert fix.attributes["vin"] == "1A1JC5444R7252367"
        assert (fix.attributes["pdop"], fix.attributes["battery_current_a"]) == (0.8, 0.095)

    def test_r1(self) -> None:
        """A moving unit; an unplug element of 0 is no alarm, and an absent sensor gives no temperature but a warning."""
        (message,) = messages(SHEET["R1"])
        (fix,) = message.fixes
        assert (fix.time, fix.lat, fix.lon) == (utc_ms(2019, 1, 4, 12, 27, 19), 48.1523066, 16.3745183)
        assert (fix.speed_kmh, fix.course_deg, fix.odometer_km, fix.alarm) == (83, 198, 2656.224, None)
        assert (fix.attributes["cell_id"], fix.attributes["area_code"], fix.attributes["io86"]) == (63501, 17007, 3000)
        assert (fix.attributes["mcc"], fix.attributes["mnc"], fix.attributes["unplug"]) == (232, 1, 0)
        assert message.warnings == ("io25 (ble_temperature1_c): 3000 means not found",)

    def test_texts(self) -> None:
        """Answers to commands, serial data and refused commands are traced whole, hold no fix and are not answered."""
        for name in ("C12", "C13", "C14", "C15"):
            assert messages(SHEET[name]) == [Message(device=IMEI, raw=SHEET[name])], name

    def test_several_frames_at_once(self) -> None:
        """Frames that the network merges are answered each by its own count."""
        found = messages(SHEET["E1"] + SHEET["C12"] + SHEET["E3"] + SHEET["E4"])
        assert [message.reply for message in found] == [b"\x00\x00\x00\x01", b"", b"\x00\x00\x00\x02", b"\x00\x00\x00\x01"]


class DatagramTest(SynchronousTestCase):
    """The channel over UDP."""

    def test_u1(self) -> None:
        """A datagram names its device, and its answer repeats the ids of packet and report."""
        (message,) = messages(U1, "udp", "")
        assert (message.device, message.reply.hex()) == ("352093086403655", "0005cafe010501")
        (fix,) = message.fixes
        assert (fix.time, fix.gsm, fix.power_v) == (utc_ms(2019, 6, 13, 6, 23, 26), 3, 23.996)

    def test_u2(self) -> None:
        """Codec 8 Extended goes over UDP too."""
        (message,) = messages(U2, "udp", "")
        assert (message.reply.hex(), message.raw) == ("0005cafe010701", U2)
        assert message.fixes[0].attributes["accelerometer_x_mg"] == 157

    def test_incomplete(self) -> None:
        """A datagram that lost its end is not answered."""
        assert run(Decoder("udp", ""), [U1[:-1]]) == ([], "")

    def test_refused(self) -> None:
        """A datagram that cannot be right is refused, and the log says what was wrong."""
        assert reason(b"\x00\x05\xca\xfe", "udp") == "packet length 5, expected at least 17"
        assert reason(U1[:-1] + b"\x02", "udp") == "number of data is 1 at the head, 2 at the tail"
        assert reason(U1[:23] + b"\t" + U1[24:], "udp") == "codec 09, expected one of 08 8E 10 07 0C 0D 0E 0F"
        assert "identification b'35209308640365X'" in reason(U1[:22] + b"X" + U1[23:], "udp")
        short = b"\0\x15" + U1[2:23]
        assert reason(short, "udp") == "0 bytes of data after the identification, expected at least 3"


class RefusedTest(SynchronousTestCase):
    """Frames that cannot be right end the connection unanswered; the log says what was seen and what was expected."""

    def test_crc(self) -> None:
        """A frame with a wrong checksum."""
        assert reason(SHEET["E1"][:-1] + b"\x00") == "CRC of the data is C7CF, the frame says 0000C700"

    def test_crc_has_two_bytes(self) -> None:
        """A frame whose checksum does not begin with two zero bytes."""
        assert reason(SHEET["E1"][:-4] + b"\x01\x00\xc7\xcf") == "CRC of the data is C7CF, the frame says 0100C7CF"

    def test_codec(self) -> None:
        """A frame of a codec that nobody knows, as soon as the codec is seen."""
        assert reason(bytes.fromhex("000000000000003609")) == "codec 09, expected one of 08 8E 10 07 0C 0D 0E 0F"

    def test_length(self) -> None:
        """A frame that announces more than is ever held, or too little to be one."""
        assert reason(struct.pack(">IIB", 0, MAX_LENGTH + 1, 8)) == "data length 65537, expected 3 to 65536"
        assert reason(struct.pack(">IIB", 0, 2, 8)) == "data length 2, expected 3 to 65536"

    def test_longest(self) -> None:
        """A frame of the greatest length is waited for, within the stated memory."""
        decoder = Decoder("tcp", IMEI)
        found = list(decoder.feed(struct.pack(">IIB", 0, MAX_LENGTH, 12) + bytes(MAX_LENGTH + 2)))
        assert (found, decoder.held) == ([], decoder.max_buffer - 1)

    def test_preamble(self) -> None:
        """A frame that does not begin with four zero bytes."""
        assert reason(b"\x00\x00\x01" + SHEET["E1"][3:]) == "preamble 00000100, expected 00000000"

    def test_counts(self) -> None:
        """A frame whose two record counts differ."""
        data = SHEET["E1"][8:-5] + b"\x02"
        assert reason(frame(data)) == "number of data is 1 at the head, 2 at the tail"

    def test_element_count(self) -> None:
        """A record that announces other than its number of elements."""
        wrong = record({1: [(239, 1)]}).replace(b"\0\x01\x01\xef", b"\0\x02\x01\xef")
        assert reason(codec_8(wrong)) == "the record has 1 IO elements, 2 expected"

    def test_residual_bytes(self) -> None:
        """A frame with bytes after its last record."""
        assert reason(codec_8(record({}) + b"\x00\x00\x00")) == "1 records take 32 bytes, 35 expected"

    def test_overrun(self) -> None:
        """A frame whose records do not fit into it."""
        data = b"\x08\x02" + record({}) + b"\x02"
        assert reason(frame(data)) == "record 2 of 2 runs past the end of the data"

    def test_good_frames_before_a_bad_one(self) -> None:
        """What came whole before the faulty frame is stored and answered."""
        found, why = run(Decoder("tcp", IMEI), [SHEET["E1"] + SHEET["E2"] + b"\0\0\0\x02"])
        assert ([message.reply for message in found], why) == ([b"\x00\x00\x00\x01"] * 2, "")
        found, why = run(Decoder("tcp", IMEI), [SHEET["E1"] + SHEET["E2"] + b"\0\0\0\x02" + bytes(5)])
        assert (len(found), why) == (2, "preamble 00000002, expected 00000000")


class ValuesTest(SynchronousTestCase):
    """What a record's elements become."""

    def test_validity(self) -> None:
        """A position counts when satellites were in use and it is not 0, 0; the coordinates are shown as they came."""
        assert not only_fix(codec_8(record({}, of=head(satellites=0)))).valid
        assert not only_fix(codec_8(record({}, of=head(lat=0, lon=0)))).valid
        assert only_fix(codec_8(record({}, of=head(lat=0)))).valid
        assert only_fix(codec_8(record({}, of=head(lat=1900000000)))).lat == 190

    def test_absent(self) -> None:
        """What the record does not say stays empty."""
        fix = only_fix(codec_8(record({})))
        assert (fix.ignition, fix.gsm, fix.odometer_km, fix.hdop, fix.battery_pct) == (None,) * 5
        assert fix.attributes == {}

    def test_angle(self) -> None:
        """A course that is no angle is left out, with a warning; the fix stays."""
        (message,) = messages(codec_8(record({}, of=head(angle=400))))
        assert (message.fixes[0].course_deg, message.warnings) == (None, ("angle is 400, expected 0 to 359",))

    def test_unknown_ids(self) -> None:
        """An id that the server does not know is kept by its number, with its raw value."""
        assert fix_of(2, 160, 65535).attributes == {"io160": 65535}
        assert only_fix(codec_8e({10829: b"\x01\xff"})).attributes == {"io10829": "01ff"}

    def test_signed(self) -> None:
        """Temperatures and accelerations below zero, in whatever width they come."""
        assert fix_of(4, 72, 4294967246).attributes == {"temperature1_c": -5.0}
        assert fix_of(2, 72, 65486).attributes == {"temperature1_c": -5.0}
        assert fix_of(2, 17, 65509).attributes == {"accelerometer_x_mg": -27}
        assert fix_of(1, 32, 246).attributes == {"coolant_temperature_c": -10}

    def test_width_tells(self) -> None:
        """Ids that mean different things in different models are told apart by their width."""
        assert fix_of(1, 4, 1).attributes == {"din4": 1}
        assert fix_of(4, 4, 7).attributes == {"pulse_counter1": 7}
        assert fix_of(8, 75, 7).attributes == {"io75": 7}
        assert fix_of(4, 113, 29525).attributes == {"io113": 29525}

    def test_missing_sensor(self) -> None:
        """A sensor that is not connected gives no temperature; many records with it give one warning."""
        (message,) = messages(codec_8(*[record({4: [(72, 3000)]})] * 3))
        assert [fix.attributes for fix in message.fixes] == [{}] * 3
        assert message.warnings == ("io72 (temperature1_c): 3000 means not connected",)

    def test_driver(self) -> None:
        """The driver's key is shown as it is printed on it; 0 is nobody."""
        assert fix_of(8, 78, 72069690697717651).driver == "93171C79000B0001"
        assert fix_of(8, 78, 0).driver is None

    def test_battery(self) -> None:
        """A charge of more than 100 percent is left out, with a warning."""
        assert fix_of(1, 113, 100).battery_pct == 100
        (message,) = messages(codec_8(record({1: [(113, 101)]})))
        assert message.fixes[0].battery_pct is None
        assert message.warnings == ("io113 (battery_pct): 101 is not a percentage",)

    def test_operator(self) -> None:
        """The mobile operator is taken apart into country and network; a code that is none costs that, not the fix."""
        six = fix_of(4, 241, 310260).attributes
        assert (six["mcc"], six["mnc"]) == (310, 260)
        assert fix_of(4, 241, 0).attributes == {"operator": 0}
        (message,) = messages(codec_8(record({4: [(241, 777)]})))
        assert message.fixes[0].attributes == {"operator": 777}
        assert message.warnings == ("io241 (operator): 777 is not a code of 5 or 6 digits",)

    def test_iccid(self) -> None:
        """Half of the SIM's number is not passed off as the number, and two zeros are none."""
        assert fix_of(8, 11, 893700218).attributes == {"iccid_1": 893700218}
        assert only_fix(codec_8(record({8: [(11, 0), (14, 0)]}))).attributes == {}

    def test_bad_vin(self) -> None:
        """A VIN that is no text costs the VIN, and the trace says so; the other elements stay."""
        (message,) = messages(codec_8e({256: b"\x00\xff", 281: b"P0299,P0675\0"}))
        assert message.fixes[0].attributes == {"fault_codes": "P0299,P0675"}
        assert message.warnings == ("io256 (vin): 00ff is not printable ASCII",)
        assert message.reply == b"\x00\x00\x00\x01"


class AlarmsTest(SynchronousTestCase):
    """Which records raise an alarm."""

    def test_alarms(self) -> None:
        """An event that is an alarm raises it, in the record that the event caused."""
        expected = {
            (175, 0): events.GEOFENCE_EXIT,
            (175, 1): events.GEOFENCE_ENTER,
            (155, 1): events.GEOFENCE_ENTER,
            (155, 3): events.OVERSPEED,
            (236, 1): events.GENERAL,
            (246, 1): events.TOW,
            (247, 1): events.CRASH,
            (249, 1): events.JAMMING,
            (251, 1): events.IDLE,
            (252, 1): events.POWER_CUT,
            (253, 1): events.HARSH_ACCELERATION,
            (253, 2): events.HARSH_BRAKING,
            (253, 3): events.HARSH_CORNERING,
            (255, 130): events.OVERSPEED,
        }
        found = {(key, raw): fix_of(1, key, raw, event=key).alarm for key, raw in expected}
        assert found == expected

    def test_end_of_an_event(self) -> None:
        """The end of an event is no alarm."""
        for key in (236, 246, 247, 249, 251, 252, 253, 255):
            assert fix_of(1, key, 0, event=key).alarm is None, key

    def test_other_event(self) -> None:
        """An alarm's element in a record that something else caused is no alarm."""
        assert fix_of(1, 252, 1).alarm is None
        assert fix_of(1, 252, 1, event=239).alarm is None
        assert fix_of(1, 239, 1, event=252).alarm is None

    def test_panic(self) -> None:
        """The alarm of a record with panic priority is an SOS."""
        fix = fix_of(1, 236, 1, event=236, of=head(priority=2))
        assert (fix.alarm, fix.attributes["priority"]) == (events.SOS, 2)


class Codec7Test(SynchronousTestCase):
    """The legacy codec of the GH3000."""

    def test_record(self) -> None:
        """A personal tracker's record: position, course in 256ths of a turn, cell, battery, priority."""
        gps = struct.pack(">BffhBBBHHBI", 0xFF, 54.71468734741211, 25.303768157958984, 158, 64, 5, 7, 1, 779, 22, 24602)
        io = b"\x02\x01\x5e\x02\x00" + b"\x01\x14\x00\x66" + b"\x01\x05\x00\x00\x0c\xe4"
        fix = only_fix(frame(b"\x07\x01" + struct.pack(">IB", 1 << 30 | 60, 0x0F) + gps + io + b"\x01"))
        assert (fix.time, fix.lat, fix.lon) == (utc_ms(2007, 1, 1, 0, 1), 54.71468734741211, 25.303768157958984)
        assert (fix.altitude_m, fix.course_deg, fix.speed_kmh, fix.satellites, fix.valid) == (158, 90, 5, 7, True)
        assert (fix.gsm, fix.battery_pct, fix.hdop) == (22, 94, 10.2)
        expected = {"priority": 1, "area_code": 1, "cell_id": 779, "operator": 24602, "mcc": 246, "mnc": 2}
        assert fix.attributes == expected | {"usb_connected": 0, "uptime_s": 3300}

    def test_edited_frame(self) -> None:
        """A captured frame of which one byte too few was kept has the listed fixes when its length and CRC are set right."""
        (kept,) = [kept for kept in FRAMES if kept.id == "teltonika-5efa838c"]
        data = kept.data[8 : kept.data.rindex(b"\x04") + 1]
        (message,) = messages(frame(data))
        assert [differences(fix, listed) for fix, listed in zip(message.fixes, kept.fixes, strict=True)] == [[]] * 4

    def test_no_position(self) -> None:
        """A record without a position, or with one that is no number, makes no fix, and is answered all the same."""
        empty = struct.pack(">IB", 60, 0)
        wrong = struct.pack(">IBBff", 60, 1, 1, float("nan"), 25.0)
        (message,) = messages(frame(b"\x07\x02" + empty + wrong + b"\x02"))
        assert (message.fixes, message.reply) == ((), b"\x00\x00\x00\x02")
        assert message.warnings == ("a record without a position",)


class EncoderTest(SynchronousTestCase):
    """The pretended device."""

    fixes = (
        Fix(
            time=utc_ms(2026, 1, 2, 3, 4, 5) + 678,
            lat=-33.4379166,
            lon=-70.64967,
            altitude_m=571,
            speed_kmh=83,
            course_deg=359,
            satellites=12,
            ignition=True,
            gsm=4,
            power_v=14.233,
            battery_v=3.976,
            odometer_km=2656.224,
            attributes={"movement": 1},
        ),
        Fix(time=0, lat=0, lon=0, valid=False, altitude_m=0, speed_kmh=0, course_deg=0, satellites=0),
    )

    def test_tcp(self) -> None:
        """A simulated device logs in, reports, and is understood to the last digit."""
        encoder = teltonika.encoder(IMEI, "tcp")
        assert encoder is not None
        login, report = messages(encoder.hello() + encoder.report(self.fixes), device="")
        assert (login.device, report.device, report.reply) == (IMEI, IMEI, b"\x00\x00\x00\x02")
        assert (report.fixes, report.warnings) == (self.fixes, ())

    def test_udp(self) -> None:
        """A simulated device's datagrams say the same, each with ids of its own."""
        encoder = Encoder(IMEI, "udp")
        assert encoder.hello() == b""
        found = [messages(encoder.report(self.fixes), "udp", "")[0] for _ in range(300)]
        assert [message.fixes for message in found] == [self.fixes] * 300
        assert len({message.reply for message in found}) == 300
        assert found[0].reply.hex() == "00050001010102"

    def test_sparse(self) -> None:
        """A fix that says little is reported with little; a valid one has satellites on the wire."""
        (report,) = messages(Encoder(IMEI, "tcp").report((Fix(time=None, lat=1.5, lon=2.5),)))
        (fix,) = report.fixes
        assert (fix.lat, fix.lon, fix.valid, fix.attributes) == (1.5, 2.5, True, {})
