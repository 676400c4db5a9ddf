"""Queclink: what its devices see of the server, and what a user sees of its devices."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from protocols.queclink import Decoder, Encoder, queclink
from tests.protocols.contract import DecoderContract, run
from tests.protocols.frames import Expected, Frame, frames
from waygps import events
from waygps.bits import crc8_nrsc5, crc16_ccitt_false, digits_ms
from waygps.fix import Fix, Message
from waygps.framing import MAX_GARBAGE

IMEI = "135790246811220"
FRI = (
    b"+RESP:GTFRI,060100,135790246811220,,,00,1,1,4.3,92,70.0,121.354335,31.222073,20090214013254,0460,0000,18d8,6141,00,"
    b"2000.0,12345:12:34,,,80,210100,,,,20090214093254,11F0$"
)
BLOCK = "1,4.3,92,70.0,121.354335,31.222073,20090214013254,0460,0000,18d8,6141,00"

# The examples of the protocol's sheet.
SHEET = {
    "X1": b"+RESP:GTFRI,4B0303,867995030082104,,,10,1,1,0.0,0,47.3,117.129238,31.838810,20190416081145,0460,0000,550B,B969,00,"
    b"0.0,,,,0,210100,,,,20190416081146,0856$",
    "X2": b"+RESP:GTFRI,4B0303,867995030082104,,,10,2,1,0.0,0,47.3,117.129238,31.838810,20190416081255,0460,0000,550B,B969,00,"
    b"1,0.0,0,47.3,117.129238,31.838810,20190416081310,0460,0000,550B,B969,00,0.0,,,,0,210100,,,,20190416081311,085F$",
    "X3": b"+RESP:GTFRI,1A0900,860599000306845,G3-313,0,0,4,1,2.1,0,426.7,8.611466,47.681639,20181214134603,0228,0001,077F,4812,"
    b"25.2,1,5.7,34,437.3,8.611600,47.681846,20181214134619,0228,0001,077F,4812,25.2,1,4.4,62,438.2,8.611893,47.681983,"
    b"20181214134633,0228,0001,077F,4812,25.2,1,4.8,78,436.6,8.612236,47.682040,20181214134648,0228,0001,077F,4812,25.2,83,"
    b"20181214134702,0654$",
    "X4": FRI,
    "X5": b"+RESP:GTDOG,1A0102,135790246811220,,0,0,1,1,4.3,92,70.0,121.354335,31.222073,20090214013254,0460,0000,18d8,6141,00,"
    b"2000.0,20090214093254,11F0$",
    "X6": b"+RESP:GTIGF,4B0305,867995030082104,gv300can,170791,0,0.0,352,81.2,117.129386,31.839294,20190422030853,0460,0000,550B,"
    b"B969,00,,0.0,20190422030854,8536$",
    "X7": b"+RESP:GTERI,4B0306,867995030009362,,00000002,,10,1,1,0.0,0,40.4,117.129326,31.839245,20190522064541,0460,0000,550B,"
    b"B969,00,0.0,,,65,210100,,2,3C00000340FD1128,2,019E,FD0000034129ED28,2,01AC,20190522064542,0541$",
    "X8": b"+RESP:GTERI,040A00,862894022579562,gv200,00000002,,10,1,1,96.1,180,749.7,39.222692,24.165463,20210225065756,0420,"
    b"0004,759C,3360,00,15529.8,,,2789,,01,00,2,2,282BD47A0B000063,1,FFE2,281FDD5D0B000057,1,FFC8,20210225065800,6974$",
    "X9": b"+ACK:GTHBD,1A0401,135790246811220,,20100214093254,11F0$",
    "X10": b"+ACK:GTRTO,1A0800,860599000773978,GL300,VER,FFFF,20161006053520,0C19$"
    b"+RESP:GTVER,1A0800,860599000773978,GL300,GL300,0A03,0103,20161007041531,10F8$",
    "X11": bytes.fromhex(
        "2b5253500700fc1fbf005d4501020209563254030003430564377e42071001000000000000007eff75a151025c6a8107e10801081a2a02680003189c1ac5"
        "00000000000002100700000000000000000007e1080108241019e17ebe0d0a"
    ),
    "X12": bytes.fromhex(
        "2B5253500700FE0FBF005D4B03050318564F5F0300520A04000100211810010100000000AF004306FB3FDE01E5D3C807E304180209390460"
        "0000550BB96900000000000000000000000000000000000007E3041802093ABBCD1D7C0D0A"
    ),
    "X13": bytes.fromhex(
        "2b000038000865134050947226820300030000216a3ed6f101895000521629fa8b28f402ac1a8e6a3ed6f100001600000010f505010ff824"
    ),
    "X14": b"+BUFF:GTFRI,2E0503,861106050005423,,,0,1,,,,,,,,,,,,0,0,,98,1,0,,,20200101000001,0083$",
}
REPLIES = {
    "X1": [b"+SACK:0856$"],
    "X2": [b"+SACK:085F$"],
    "X3": [b"+SACK:0654$"],
    "X4": [b"+SACK:11F0$"],
    "X5": [b"+SACK:11F0$"],
    "X6": [b"+SACK:8536$"],
    "X7": [b"+SACK:0541$"],
    "X8": [b"+SACK:6974$"],
    "X9": [b"+SACK:GTHBD,1A0401,11F0$"],
    "X10": [b"", b"+SACK:10F8$"],
    "X11": [b""],
    "X12": [b""],
    "X13": [b"+SACK:010F$"],
    "X14": [b"+SACK:0083$"],
}
HEARTBEAT = bytes.fromhex("2B484244EB1E010C01235C1F0343231B0007DC011E092026000DE29C0D0A")

# Frames whose listed time, position or speed is not what the bytes say.
EXCEPTIONS = {
    "queclink-3d23d6de": "the message ends in a whole position block; none is listed",
    "queclink-d2a1e5b8": "the message ends in a whole position block (accuracy 0); none is listed",
    "queclink-ee1759fa": "the speed field is empty; 0 is listed",
    "queclink-9bc9a992": "the speed field is empty; 0 is listed",
    "queclink-b6e6fd10": "00 16 01 is 22 km/h and a fraction of 1; the listed 563.3 is 0x1601 tenths, the bytes shifted by one",
}
# The same for the other fields; a field that is not listed is not compared.
LAST_KNOWN = "the accuracy is 0, which means that the coordinates are the last known ones; listed as valid"
SECONDARY = {
    "queclink-9296bcee valid": LAST_KNOWN,
    "queclink-0cbe584e valid": LAST_KNOWN,
    "queclink-c7e9a4fe valid": LAST_KNOWN,
    "queclink-2c7ea9ea valid": LAST_KNOWN,
    "queclink-b3efa59c valid": LAST_KNOWN,
    "queclink-6ff6f836 valid": LAST_KNOWN,
    "queclink-a2ada38c valid": LAST_KNOWN,
    "queclink-ba36e210 valid": LAST_KNOWN,
    "queclink-e8b43ad6 valid": LAST_KNOWN,
    "queclink-208419c6 valid": LAST_KNOWN,
    "queclink-a8f497d6 valid": LAST_KNOWN,
    "queclink-bd3d83c2 valid": LAST_KNOWN,
    "queclink-6f8e81b6 valid": LAST_KNOWN,
    "queclink-4934eab2 valid": LAST_KNOWN,
    "queclink-117dd4bc valid": LAST_KNOWN,
    "queclink-bd2ebbae valid": LAST_KNOWN,
    "queclink-890e396e valid": LAST_KNOWN,
    "queclink-0d90fb54 valid": LAST_KNOWN,
    "queclink-ff662c40 valid": LAST_KNOWN,
    "queclink-c77a7f0a valid": LAST_KNOWN,
    "queclink-78842a4c valid": LAST_KNOWN,
    "queclink-ca291900 valid": LAST_KNOWN,
    "queclink-c7d4ec92 valid": LAST_KNOWN,
    "queclink-d3f2d1ec valid": LAST_KNOWN,
    "queclink-6947e518 valid": LAST_KNOWN,
    "queclink-12c1bea0 ignition": "IGL type 1 is off: GTIGF was sent three seconds before; listed as on",
    "queclink-edca6b1e ignition": "IGL type 0 is on: GTFRI of the same second has status 22; listed as off",
    "queclink-6e58127a power_v": "the 0 is the report id of a GL320M, which has no supply field; listed as a voltage",
    "queclink-6f0bd2bc gsm": "the manuals know no signal strength at the place of the listed 3",
    "queclink-bd3d83c2 battery_pct": "GTMPN has no charge; the listed 0 is the reserved field of the position",
    "queclink-c77a7f0a battery_pct": "GTSTT has no charge; the listed 0 is the reserved field of the position",
    "queclink-6947e518 battery_pct": "GTJDS has no charge; the listed 0 is the reserved field of the position",
    "queclink-ff662c40 alarm": "state 41 is at rest; listed as movement",
    "queclink-eddc1666 altitude_m": "the field is empty; 0 is listed",
    "queclink-ee1759fa altitude_m": "the field is empty; 0 is listed",
    "queclink-9bc9a992 altitude_m": "the field is empty; 0 is listed",
    "queclink-9bc9a992 course_deg": "the field is empty; 0 is listed",
    "queclink-b6e6fd10 power_v": "listed in mV",
    "queclink-0210841e power_v": "listed in mV",
    "queclink-368a1d58 power_v": "listed in mV",
    "queclink-04b764e2 power_v": "listed in mV",
}
ALARMS = {
    "hardCornering": events.HARSH_CORNERING,
    "hardBraking": events.HARSH_BRAKING,
    "hardAcceleration": events.HARSH_ACCELERATION,
    "movement": events.MOVEMENT,
    "powerRestored": events.POWER_RESTORED,
    "temperature": events.TEMPERATURE,
    "lowBattery": events.LOW_BATTERY,
    "jamming": events.JAMMING,
}
FIELDS = (
    "valid",
    "altitude_m",
    "course_deg",
    "satellites",
    "hdop",
    "ignition",
    "battery_pct",
    "battery_v",
    "power_v",
    "odometer_km",
    "gsm",
    "alarm",
    "driver",
)


def decode(data: bytes, device: str = "") -> list[Message]:
    messages, reason = run(Decoder("tcp", device), [data])
    assert not reason, reason
    return messages


def report(kind: str, rest: str, prefix: str = "060100", head: str = "+RESP", tail: str = "20090214093254,11F0") -> bytes:
    return f"{head}:GT{kind},{prefix},{IMEI},,{rest},{tail}$".encode()


def only(data: bytes) -> Fix:
    (message,) = decode(data)
    (fix,) = message.fixes
    return fix


def decode_frame(frame: Frame) -> list[Fix]:
    messages, _ = run(queclink.decoder(frame.transport, frame.device or ""), [frame.data])
    return [fix for message in messages for fix in message.fixes]


def same(fix: Fix, listed: Expected) -> bool:
    time = None if listed.time is None else int(listed.time.timestamp() * 1000)
    near = abs(fix.lat - listed.lat) <= 1e-5 and abs(fix.lon - listed.lon) <= 1e-5
    speed = listed.speed_kmh is None or (fix.speed_kmh is not None and abs(fix.speed_kmh - listed.speed_kmh) <= 0.1)
    return fix.time == time and near and speed


def differing(fix: Fix, listed: Expected) -> list[str]:
    values = {name: getattr(listed, name) for name in FIELDS}
    values["alarm"] = ALARMS[listed.alarm] if listed.alarm else None
    return [name for name, value in values.items() if value is not None and getattr(fix, name) != value]


class FrameTests(SynchronousTestCase):
    """The real messages."""

    def test_time_position_and_speed(self) -> None:
        """A user sees each captured message where and when the device was, and as fast."""
        wrong = set()
        for frame in frames("queclink"):
            fixes = decode_frame(frame)
            if len(fixes) != len(frame.fixes) or not all(map(same, fixes, frame.fixes)):
                wrong.add(frame.id)
        self.assertEqual(wrong, set(EXCEPTIONS))

    def test_other_fields(self) -> None:
        """A user sees the ignition, charge, mileage and the rest that the device reported."""
        wrong = set()
        for frame in frames("queclink"):
            for fix, listed in zip(decode_frame(frame), frame.fixes, strict=False):
                wrong |= {f"{frame.id} {name}" for name in differing(fix, listed)}
        self.assertEqual(wrong, set(SECONDARY))

    def test_one_message_each_without_complaint(self) -> None:
        """No captured message is lost, split or complained about."""
        for frame in frames("queclink"):
            messages, reason = run(queclink.decoder(frame.transport, frame.device or ""), [frame.data])
            self.assertEqual((len(messages), reason, messages[0].warnings, messages[0].raw), (1, "", (), frame.data), frame.id)

    def test_device(self) -> None:
        """Each ASCII message belongs to the device that it names."""
        # 4d8ded82 is of the GT300, whose identification stands before the SIM card's number that is listed.
        named = [frame for frame in frames("queclink") if frame.group.endswith("-1") and not frame.id.endswith("4d8ded82")]
        self.assertEqual([decode(frame.data)[0].device for frame in named], [frame.device for frame in named])


class SheetTests(DecoderContract, SynchronousTestCase):
    """The examples of the sheet, and the contract with everything."""

    vendor = queclink
    samples = [*(frame.data for frame in frames("queclink")), *SHEET.values(), HEARTBEAT, FRI[:-1] + b"\0"]

    def test_replies(self) -> None:
        """A device hears exactly the answer that its manual promises, or nothing."""
        for name, data in SHEET.items():
            self.assertEqual([message.reply for message in decode(data)], REPLIES[name], name)

    def test_vehicle(self) -> None:
        """X4: a GV300 shows time, position, motion, mileage, hours, charge and device status."""
        (message,) = decode(FRI)
        attributes = {"report": "FRI", "report_id": 0, "report_type": 0, "mcc": 460, "mnc": 0, "lac": 0x18D8, "cell": 0x6141}
        attributes |= {"hour_meter_s": 44442754, "state": "21", "motion": False, "inputs": 1, "outputs": 0}
        fix = Fix(
            time=digits_ms("20090214013254"),
            lat=31.222073,
            lon=121.354335,
            altitude_m=70.0,
            speed_kmh=4.3,
            course_deg=92.0,
            hdop=1.0,
            ignition=True,
            battery_pct=80,
            odometer_km=2000.0,
            attributes=attributes,
        )
        self.assertEqual(message, Message(device=IMEI, fixes=(fix,), reply=b"+SACK:11F0$", raw=FRI))

    def test_several_positions(self) -> None:
        """X2, X3: every position of a message is kept in order, and what is measured once goes with the last."""
        first, second = decode(SHEET["X2"])[0].fixes
        self.assertEqual((first.time, second.time), (digits_ms("20190416081255"), digits_ms("20190416081310")))
        self.assertEqual((first.ignition, second.ignition, second.attributes["state"]), (None, True, "21"))
        fixes = decode(SHEET["X3"])[0].fixes
        self.assertEqual([fix.speed_kmh for fix in fixes], [2.1, 5.7, 4.4, 4.8])
        self.assertEqual([fix.course_deg for fix in fixes], [0.0, 34.0, 62.0, 78.0])
        self.assertEqual([fix.odometer_km for fix in fixes], [25.2] * 4)
        self.assertEqual([fix.battery_pct for fix in fixes], [None, None, None, 83])

    def test_mileage_in_the_place_of_the_charge(self) -> None:
        """X5: a mileage of 2000 km is not shown as the charge of the battery."""
        fix = only(SHEET["X5"])
        self.assertEqual((fix.odometer_km, fix.battery_pct), (2000.0, None))

    def test_last_known_position(self) -> None:
        """X6: the position of a device without reception is marked as not valid."""
        fix = only(SHEET["X6"])
        self.assertEqual((fix.valid, fix.ignition, fix.odometer_km, fix.attributes["duration_s"]), (False, False, 0.0, 170791))

    def test_one_wire(self) -> None:
        """X7, X8: iButtons and temperatures are shown by the number of the sensor."""
        fix = only(SHEET["X7"])
        self.assertEqual((fix.battery_pct, fix.attributes["ibuttons"]), (65, ["3C00000340FD1128", "FD0000034129ED28"]))
        fix = only(SHEET["X8"])
        self.assertEqual(fix.attributes["temperatures_c"], {"282BD47A0B000063": -1.875, "281FDD5D0B000057": -3.5})
        self.assertEqual((fix.attributes["analog2_v"], fix.attributes["inputs"], fix.attributes["outputs"]), (2.789, 1, 0))

    def test_hex(self) -> None:
        """X11, X12: a device on the HEX format is seen as well as one on ASCII."""
        (message,) = decode(SHEET["X11"])
        (fix,) = message.fixes
        self.assertEqual((message.device, fix.time, fix.valid), ("865084030003675", digits_ms("20170801082642"), False))
        self.assertEqual((fix.lon, fix.lat, fix.altitude_m, fix.satellites), (-9.068207, 39.611009, 126.0, 7))
        self.assertEqual((fix.battery_pct, fix.power_v, fix.odometer_km, fix.ignition), (100, 14.206, 528.0, None))
        self.assertEqual((fix.attributes["mcc"], fix.attributes["mnc"], fix.attributes["report_id"]), (268, 3, 1))
        (message,) = decode(SHEET["X12"])
        (fix,) = message.fixes
        self.assertEqual((message.device, fix.time, fix.valid), ("867995030082104", digits_ms("20190424020957"), True))
        self.assertEqual((fix.lon, fix.lat, fix.altitude_m, fix.course_deg), (117.129182, 31.839176, 67.0, 175.0))
        self.assertEqual((fix.ignition, fix.attributes["inputs"], fix.attributes["outputs"]), (True, 1, 0))

    def test_pro(self) -> None:
        """X13: a device on Protocol Pro is seen and answered."""
        (message,) = decode(SHEET["X13"])
        (fix,) = message.fixes
        self.assertEqual((message.device, fix.time, fix.valid), ("865134050947226", digits_ms("20260626194553"), True))
        self.assertEqual((fix.lat, fix.lon, fix.speed_kmh, fix.course_deg), (44.833422, -91.543308, 0.0, 0.0))
        self.assertEqual((fix.hdop, fix.altitude_m, fix.satellites), (2.2, 434.1, 5))

    def test_no_position(self) -> None:
        """X14: a report with empty coordinates is answered and puts the vehicle nowhere."""
        (message,) = decode(SHEET["X14"])
        self.assertEqual((message.fixes, message.reply, message.warnings), ((), b"+SACK:0083$", ()))


class StreamTests(SynchronousTestCase):
    """Messages in a stream, with what else comes along."""

    def test_merged(self) -> None:
        """Messages that arrive together, with line ends between them, are answered one by one."""
        messages = decode(FRI + b"\r\n" + SHEET["X9"] + b"\n\0" + SHEET["X13"] + SHEET["X11"] + FRI)
        replies = [b"+SACK:11F0$", b"+SACK:GTHBD,1A0401,11F0$", b"+SACK:010F$", b"", b"+SACK:11F0$"]
        self.assertEqual([message.reply for message in messages], replies)
        self.assertEqual([message.warnings for message in messages], [()] * 5)

    def test_garbage_between(self) -> None:
        """Noise between messages costs no message, and is reported with the next."""
        first, second = decode(FRI + b"GET / HTTP/1.1\r\n\r\n+RES" + FRI)
        self.assertEqual((first.warnings, second.warnings), ((), ("18 bytes that are no message",)))
        self.assertEqual(second.fixes, first.fixes)

    def test_missing_terminator(self) -> None:
        """A message without its $ counts when the next one begins or the connection ends."""
        self.assertEqual([message.reply for message in decode(FRI[:-1] + FRI[:-1])], [b"+SACK:11F0$"] * 2)

    def test_nul_terminator(self) -> None:
        """Older devices end their messages with NUL, and are heard at once."""
        messages = list(Decoder("tcp").feed(FRI[:-1] + b"\0"))
        self.assertEqual([message.reply for message in messages], [b"+SACK:11F0$"])

    def test_too_long(self) -> None:
        """A message that never ends is given up, and the next one counts."""
        (message,) = decode(b"+RESP:GTDAT," + b"A" * 10_000 + FRI)
        self.assertEqual(message.warnings, ("1 messages longer than 8192 bytes", "10012 bytes that are no message"))
        self.assertEqual(len(message.fixes), 1)

    def test_something_else(self) -> None:
        """A peer that speaks something else is cut off after 64 KiB, in whatever pieces it comes."""
        for size in (1 << 20, 1000):
            pieces = [b"x" * size] * ((1 << 20) // size)
            messages, reason = run(Decoder("tcp"), [FRI, *pieces])
            self.assertEqual((len(messages), reason), (1, f"more than {MAX_GARBAGE} bytes without a message"))

    def test_held_while_waiting(self) -> None:
        """What waits for its end is counted as held, and nothing else is."""
        decoder = Decoder("tcp")
        self.assertEqual((list(decoder.feed(FRI[:100])), decoder.held), ([], 100))
        self.assertEqual((len(list(decoder.feed(FRI[100:]))), decoder.held), (1, 0))

    def test_bad_checksum(self) -> None:
        """A damaged HEX or Pro message is passed over unanswered, and the next good one counts."""
        for name in ("X11", "X13"):
            damaged = bytearray(SHEET[name])
            damaged[30] ^= 1
            (message,) = decode(bytes(damaged) + SHEET[name])
            self.assertEqual(message.raw, SHEET[name])
            self.assertEqual(message.warnings[0], "1 messages with a wrong checksum or length")

    def test_cut_short_before_another(self) -> None:
        """A HEX message cut short by the end of the connection does not take along what follows it."""
        (message,) = decode(SHEET["X11"][:40] + SHEET["X9"])
        self.assertEqual(message.reply, b"+SACK:GTHBD,1A0401,11F0$")


class ReportTests(SynchronousTestCase):
    """What single fields mean."""

    def test_who(self) -> None:
        """A message without a readable identification belongs to the device of its connection, and to nobody without one."""
        nameless = FRI.replace(IMEI.encode(), b"")
        self.assertEqual([message.device for message in decode(nameless, "1234")], ["1234"])
        self.assertEqual([message.device for message in decode(FRI + nameless)], [IMEI, IMEI])
        (message,) = decode(nameless + FRI)
        self.assertEqual(message.warnings, ("1 messages that name no device",))

    def test_hex_heartbeat(self) -> None:
        """A HEX heartbeat is taken for the device of its connection, without position or answer."""
        (message,) = decode(SHEET["X11"] + HEARTBEAT)[1:]
        self.assertEqual((message.device, message.fixes, message.reply), ("865084030003675", (), b""))

    def test_hex_name(self) -> None:
        """A HEX device that is set to send its name is known by that name."""
        (frame,) = (frame for frame in frames("queclink") if frame.id.endswith("0210841e"))
        self.assertEqual(decode(frame.data)[0].device, "gb100-Do")

    def test_hex_several_positions(self) -> None:
        """A HEX message with two positions gives both, the later one with the charge."""
        one = SHEET["X11"]
        body = bytearray(one[:30] + b"\2" + one[31:63] * 2 + one[63:-4])
        body[9:11] = (len(body) + 4).to_bytes(2)
        first, second = decode(bytes(body) + crc16_ccitt_false(bytes(body[4:])).to_bytes(2) + b"\r\n")[0].fixes
        self.assertEqual((first.lat, first.battery_pct, second.lat, second.battery_pct), (39.611009, None, 39.611009, 100))

    def test_pro_details(self) -> None:
        """A stored Pro report shows ignition, mileage and hours; what cannot be read in it costs no other record."""
        body = bytearray(SHEET["X13"][:-4])
        body[0], extra = 0x2D, bytes.fromhex("1b0101 1f0400003039 220400000e10")
        body[19] += len(extra)
        data = bytes(body) + extra + b"\x03\0\0" + b"\1\x0f"
        data = data[:2] + (len(data) + 2).to_bytes(2) + data[4:]
        (message,) = decode(data + bytes((crc8_nrsc5(data), 0x24)))
        (fix,) = message.fixes
        self.assertEqual((fix.ignition, fix.odometer_km, fix.attributes["hour_meter_s"]), (True, 12.345, 3600))
        self.assertEqual((fix.attributes["buffered"], message.warnings), (True, ("a record cannot be read",)))

    def test_no_count(self) -> None:
        """A message without a count is shown but not answered: the device would take a wrong answer for none."""
        (message,) = decode(report("FRI", f",10,1,{BLOCK},,,,,80,210100,,,", tail="20090214093254"))
        self.assertEqual((message.reply, len(message.fixes)), (b"", 1))
        for data in (b"+ACK:GTHBD,1A0401,135790246811220,,20100214093254$", b"+NACK:GTRTO,1A0401,135790246811220,,0001,11F0$"):
            self.assertEqual(decode(data)[0].reply, b"")

    def test_count_as_written(self) -> None:
        """The count is repeated in the device's own case."""
        self.assertEqual(decode(FRI.replace(b"11F0", b"0a0f"))[0].reply, b"+SACK:0a0f$")

    def test_heartbeat_with_more_fields(self) -> None:
        """Models with another field in their heartbeat are answered too, before and after."""
        (message,) = decode(b"+ACK:GTHBD,802004,135790246811220,name,secret,20100214093254,00fE$")
        self.assertEqual(message.reply, b"+SACK:GTHBD,802004,00fE$")

    def test_broken_optional_fields(self) -> None:
        """A field that makes no sense is left out and named; position and answer stay."""
        broken = BLOCK.replace("4.3,92", "fast,920").replace("18d8", "?")
        (message,) = decode(report("FRI", f"12V,10,1,{broken},x.0,1:2,,,800,210100,,,"))
        (fix,) = message.fixes
        self.assertEqual(
            (fix.speed_kmh, fix.course_deg, fix.power_v, fix.battery_pct, fix.ignition), (None, None, None, None, True)
        )
        self.assertEqual((fix.lat, fix.altitude_m, message.reply), (31.222073, 70.0, b"+SACK:11F0$"))
        names = [warning.split()[0] for warning in message.warnings]
        self.assertEqual(names, ["speed_kmh", "course_deg", "the", "power_v", "odometer_km", "hour_meter_s", "battery_pct"])

    def test_broken_coordinates(self) -> None:
        """Coordinates that cannot be read put the vehicle nowhere, and are complained about."""
        (message,) = decode(FRI.replace(b"121.354335", b"121.35x335"))
        self.assertEqual((message.fixes, message.warnings), ((), ("the position is unreadable",)))
        self.assertEqual(message.unreadable, "the position is unreadable")

    def test_out_of_range(self) -> None:
        """A latitude of 95 degrees is passed on as written, for the pipeline to refuse."""
        self.assertEqual(only(FRI.replace(b"31.222073", b"95.222073")).lat, 95.222073)

    def test_no_gps_time(self) -> None:
        """Without GPS time the time of sending counts, and the user is warned; without either there is no time."""
        for clock in ("", "20091399999999", "20200101000001"):
            (message,) = decode(FRI.replace(b"20090214013254", clock.encode()))
            self.assertEqual(message.fixes[0].time, digits_ms("20090214093254"))
            self.assertEqual(message.warnings, (f"the time cannot be {clock!r}",))
            (message,) = decode(FRI.replace(b"20090214013254", clock.encode()).replace(b"20090214093254", b""))
            self.assertEqual(message.fixes[0].time, None)

    def test_buffered(self) -> None:
        """A report that was stored while the device was out of reach says so."""
        self.assertTrue(only(FRI.replace(b"+RESP", b"+BUFF")).attributes["buffered"])

    def test_unknown_model(self) -> None:
        """A model and a kind of report that nobody has heard of are shown by their position."""
        fix = only(report("ZZZ", f"a,b,c,{BLOCK},17.5", prefix="80ABCD0102"))
        self.assertEqual((fix.lat, fix.lon, fix.odometer_km, fix.attributes["report"]), (31.222073, 121.354335, 17.5, "ZZZ"))

    def test_fuel_on_analog_inputs(self) -> None:
        """An analog input with a fuel sensor shows percent, one without shows volts."""
        attributes = only(report("FRI", f"12000,10,1,{BLOCK},,,F73,2500,80,210100,,,")).attributes
        self.assertEqual((attributes["fuel1_pct"], attributes["analog2_v"]), (73, 2.5))

    def test_appended_fields(self) -> None:
        """Newer firmware's number of satellites is shown, and moves nothing else."""
        fix = only(report("FRI", f"12000,10,1,{BLOCK[:-2]}03,7,2,15.5,,,,,80,210100,,,", prefix="8020050605"))
        self.assertEqual((fix.satellites, fix.attributes["trigger"], fix.odometer_km, fix.battery_pct), (7, 2, 15.5, 80))

    def test_status_with_expander(self) -> None:
        """The status of a device with an expander shows its own ignition and lines."""
        fix = only(report("FRI", f"12000,10,1,{BLOCK},,,,,80,0102220201,,,"))
        self.assertEqual((fix.ignition, fix.attributes["inputs"], fix.attributes["outputs"]), (True, 2, 1))

    def test_unknown_ignition(self) -> None:
        """A device without an ignition wire shows motion, and no ignition."""
        fix = only(report("FRI", f"12000,10,1,{BLOCK},,,,,80,420000,,,"))
        self.assertEqual((fix.ignition, fix.attributes["motion"]), (None, True))

    def test_alarms(self) -> None:
        """Each alarm of a device is shown under its common name."""
        row, plain = f",{{}},1,{BLOCK},17.5", f"{BLOCK},17.5"
        wanted = [
            ("SOS", row.format("00"), events.SOS),
            ("SPD", row.format("01"), events.OVERSPEED),
            ("TOW", row.format("00"), events.TOW),
            ("GEO", row.format("31"), events.GEOFENCE_ENTER),
            ("GEO", row.format("30"), events.GEOFENCE_EXIT),
            ("GIN", row.format("00"), events.GEOFENCE_ENTER),
            ("GOT", row.format("00"), events.GEOFENCE_EXIT),
            ("HBM", row.format("23"), events.HARSH_BRAKING),
            ("HBM", row.format("24"), events.HARSH_ACCELERATION),
            ("EPS", row.format("10"), events.LOW_POWER),
            ("LBC", f"+8613800000000,{plain}", None),
            ("BPL", f"3.5,{plain}", events.LOW_BATTERY),
            ("MPF", plain, events.POWER_CUT),
            ("EPF", plain, events.POWER_CUT),
            ("MPN", plain, events.POWER_RESTORED),
            ("JDR", plain, events.JAMMING),
            ("JDS", f"1,{plain}", None),
            ("IDN", plain, events.IDLE),
            ("STT", f"16,{plain}", events.TOW),
            ("STT", f"22,{plain}", None),
            ("FRI", f",10,1,{BLOCK},,,,,80,160000,,,", events.TOW),
            ("RTL", row.format("00"), None),
        ]
        self.assertEqual([only(report(kind, rest)).alarm for kind, rest, _ in wanted], [alarm for _, _, alarm in wanted])

    def test_without_position(self) -> None:
        """Status messages are answered, and put the vehicle nowhere."""
        (message,) = decode(b"+RESP:GTGSM,400201,862365030025161,STR,0234,0015,003a,62a2,16,,20170219200048,0033$")
        self.assertEqual((message.device, message.fixes, message.reply), ("862365030025161", (), b"+SACK:0033$"))

    def test_no_type(self) -> None:
        """What begins like a message but is none is reported with the next."""
        (message,) = decode(b"+RESP:,11F0$" + FRI)
        self.assertEqual(message.warnings, ("1 messages without a type",))


class EncoderTests(SynchronousTestCase):
    """The pretended device."""

    def test_round_trip(self) -> None:
        """The simulator's vehicle arrives as it was driven."""
        first = Fix(
            time=digits_ms("20260101000000"),
            lat=-33.45,
            lon=-70.666667,
            valid=False,
            altitude_m=520.5,
            speed_kmh=0.0,
            course_deg=0.0,
        )
        last = Fix(
            time=digits_ms("20260101000010"),
            lat=-33.450123,
            lon=-70.667,
            altitude_m=521.0,
            speed_kmh=61.3,
            course_deg=271.0,
            hdop=2.0,
        )
        extras = {"ignition": True, "battery_pct": 98, "power_v": 12.6, "odometer_km": 1234.5}
        last = Fix(**{name: getattr(last, name) for name in Fix.__struct_fields__} | extras)
        encoder = Encoder(IMEI, "udp")
        (message,) = decode(encoder.hello() + encoder.report((first, last)))
        self.assertEqual((message.device, message.reply, message.warnings), (IMEI, b"+SACK:0001$", ()))
        for sent, seen in zip((first, last), message.fixes, strict=True):
            names = [name for name in Fix.__struct_fields__ if getattr(sent, name) is not None and name != "attributes"]
            self.assertEqual({name: getattr(seen, name) for name in names}, {name: getattr(sent, name) for name in names})

    def test_unknown_values(self) -> None:
        """A vehicle that knows only its place is simulated too."""
        fix = Fix(time=None, lat=1.0, lon=2.0)
        (message,) = decode(Encoder(IMEI, "tcp").report((fix,)))
        self.assertEqual((message.fixes[0].time, message.fixes[0].ignition, message.fixes[0].valid), (None, None, True))
