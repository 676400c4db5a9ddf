"""Meitrack: what its devices hear from the server, and what a user sees of them."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import FakeDatagramTransport
from twisted.trial.unittest import SynchronousTestCase

from protocols.meitrack import LONGEST, Decoder, meitrack
from tests.fakes import NOON, FakeVehicles, FakeWriter
from tests.protocols.agreement import AgreementTests
from tests.protocols.contract import DecoderContract, run
from tests.protocols.frames import frames
from waygps import events
from waygps.bits import sum8, utc_ms
from waygps.fix import Fix, Message
from waygps.ingest.datagram import DeviceDatagrams
from waygps.ingest.sessions import SessionFactory
from waygps.ingest.valve import Valve
from waygps.interfaces import Transport, Verdict
from waygps.origin import Origin
from waygps.pipeline.pipeline import Pipeline
from waygps.position import Vehicle
from waygps.simulation.route import Route

# The examples of the protocol's sheet.
S1 = (
    b"$$Q128,353358017784062,AAA,34,22.543176,114.078448,100313093738,A,5,22,2,205,5,-14,0,60,0|0|10133|4110,0000,"
    b"149|153|173|2707|914,*91\r\n"
)
S2 = (
    b"$$K157,866771027160687,AAA,3,37.040231,10.042391,160412151656,A,10,11,0,48,0.8,21,1035518,774980,605|2|0010|307B,0400,"
    b"0000|0000|0000|0A47|03E3,,,1,0000,001206*2C\r\n"
)
S3 = (
    b"$$D149,867047043162018,AAA,35,-1.264865,36.800705,211001105240,A,9,20,41.0,323,1,1697,1,0,000|00||,0000,"
    b"4.33|12.96|1.92|2.72|2.69,0.000000|0|0.000000,*E1\r\n"
)
S4 = (
    b"$$m139,012896005334567,AAA,35,-33.866423,151.190060,121208020649,A,7,27,0,32,4,13,6150,49517,505|2|0B67|5A6C,0000,"
    b"0000|0000|0000|0977|0000,,*F1\r\n"
)
S5 = (
    b"$$E150,013777001165479,AAA,35,10.296601,123.872115,140501161505,A,4,22,1,170,1.4,77,39097,393563,515|3|A0CC|ED96,0000,"
    b"0008|0003|0000|09D5|0000,,,1,0009*1E\r\n"
)
S6 = (b"$$S28,353358017784062,A11,OK*FE\r\n", b"$$M28,353358017784062,C01,OK*F9\r\n")
S7 = bytes.fromhex(
    "24246b3131342c3836353738393032343134303439352c4343452c0000000001005000130006011f05010607071415001b00060800000949010a0c000b9b01"
    "19a1011afe010602e934ce0203fc9aeb0004309f13220cafc503000d97741e001c01000000010e0ce8000300092f2e060000b7ff2a33330d0a"
)
S8 = bytes.fromhex(
    "24245838362c3336393830303031343039303032312c4343432c020134000100000023381f91ffe354b806c5e3121b0009130000000000000000d33801007c"
    "bf0200fe0101000435feeb02000500a3010000000000002a62650d0a"
)
CAPTURED = [frame for frame in frames("meitrack") if frame.checksum_ok]


def framed(text: str | bytes, flag: bytes = b"A") -> bytes:
    """A frame with this behind its first comma."""
    data = text.encode("latin-1") if isinstance(text, str) else text
    body = b"$$%s%d,%s*" % (flag, len(data) + 6, data)
    return body + b"%02X\r\n" % sum8(body)


def changed(frame: bytes, old: str, new: str) -> bytes:
    """The frame with another text in it, its length and checksum right."""
    data = frame[frame.index(b",") + 1 : frame.rindex(b"*")]
    assert old.encode() in data
    return framed(data.replace(old.encode(), new.encode(), 1))


def messages(data: bytes, transport: Transport = "tcp") -> list[Message]:
    """What a connection, or a datagram, with these bytes comes to."""
    found, reason = run(Decoder(transport), [data])
    assert reason == ""
    return found


def one(data: bytes, transport: Transport = "tcp") -> Message:
    """What this frame comes to."""
    (message,) = messages(data, transport)
    return message


def fix(data: bytes) -> Fix:
    """The one fix of this frame, which has nothing wrong in it."""
    message = one(data)
    assert (message.warnings, message.unreadable) == ((), "")
    return message.fixes[0]


def named(found: Fix, **expected: Any) -> None:
    """Compare fields of the fix, or attributes, by name."""
    values = {name: getattr(found, name) if hasattr(found, name) else found.attributes.get(name) for name in expected}
    assert values == expected


def batch(*records: bytes) -> bytes:
    """A CCE frame with these records, each without its length and index."""
    inner = b"".join((len(record) + 2).to_bytes(2, "little") + b"\1\0" + record for record in records)
    return framed(b"865789024140495,CCE," + bytes(4) + len(records).to_bytes(2, "little") + inner)


PLACE = bytes.fromhex("02e934ce0203fc9aeb00")


class ContractTests(DecoderContract, SynchronousTestCase):
    vendor = meitrack
    samples = [
        *(frame.data if frame.data.endswith(b"\r\n") else frame.data + b"\r\n" for frame in CAPTURED),
        *S6,
        b"noise$" + S2[:60] + S4 + b"\r\n" + S7,
        S4[:-5] + b"0\r\n" + S5,
    ]


MODEL = "the battery is a lithium cell of 3 to 4.4 V: ten or twelve bits, not the listed hundredths, which the supply follows"
LITHIUM = (
    "4d4f895a",
    "b77d68ce",
    "a84b0201",
    "385649dc",
    "29c562f0",
    "c39f3f42",
    "38074fb5",
    "b5206c56",
    "cc36c548",
    "86d76540",
    "fcdd4b7a",
)
TENTHS = "the dilution is written in tenths; listed as it is"


class CapturedTests(AgreementTests, SynchronousTestCase):
    vendor = meitrack
    others = {
        **{f"meitrack-{name} battery_v": MODEL for name in LITHIUM},
        **{f"meitrack-{name} power_v": MODEL for name in ("4d4f895a", "a84b0201", "fcdd4b7a")},
        "meitrack-b77d68ce power_v": "the field is empty; 0 is listed",
        "meitrack-81fdb42a power_v": "04C2 is 12.18 V; listed as 1218",
        **{
            f"{frame.id} hdop": TENTHS
            for frame in CAPTURED
            if b",CCE," in frame.data[:40] and any(listed.hdop for listed in frame.fixes)
        },
    }


class SheetTests(SynchronousTestCase):
    def test_text(self) -> None:
        """A text report of an MT90: place, mileage, cell, lines and voltages."""
        assert fix(S4) == Fix(
            time=utc_ms(2012, 12, 8, 2, 6, 49),
            lat=-33.866423,
            lon=151.19006,
            satellites=7,
            gsm=27,
            speed_kmh=0.0,
            course_deg=32.0,
            hdop=4.0,
            altitude_m=13.0,
            odometer_km=6.15,
            battery_v=3.904,
            power_v=0.0,
            attributes={
                "event": 35,
                "runtime_s": 49517,
                "mcc": 505,
                "mnc": 2,
                "lac": 0x0B67,
                "cell_id": 0x5A6C,
                **{f"din{number}": False for number in range(1, 6)},
                **{f"dout{number}": False for number in range(1, 6)},
                "ain1_v": 0.0,
                "ain2_v": 0.0,
                "ain3_v": 0.0,
            },
        )
        message = one(S4)
        assert (message.device, message.reply, message.refusal) == ("012896005334567", b"", b"")

    def test_twelve_bits(self) -> None:
        """A T1 writes twelve bits: 4.239 V of battery, 12.826 V of supply; its third input is on."""
        named(fix(S2), battery_v=4.239, power_v=12.826, din3=True, din1=False, temperature0_c=18.06, odometer_km=1035.518)

    def test_ten_bits(self) -> None:
        """An MVT340 writes ten bits, a T333 hundredths."""
        named(fix(changed(S2, "0A47|03E3", "02D3|0103")), battery_v=4.236, power_v=12.141)
        named(fix(changed(S2, "0A47|03E3", "01A6|0571")), battery_v=4.22, power_v=13.93)

    def test_decimal_voltages(self) -> None:
        """Voltages with a point are those of battery, supply, clock and processor."""
        named(fix(S3), battery_v=4.33, power_v=12.96, rtc_v=1.92, mcu_v=2.72, speed_kmh=41.0)

    def test_short_report(self) -> None:
        """An old report without the optional fields; a battery beyond twelve bits cannot be read."""
        message = one(S1)
        named(
            message.fixes[0],
            time=utc_ms(2010, 3, 13, 9, 37, 38),
            altitude_m=-14.0,
            runtime_s=60,
            event=34,
            hdop=5.0,
            battery_v=None,
        )
        assert message.warnings == ("battery_v cannot be '2707'",)

    def test_fuel_and_temperature(self) -> None:
        """Fuel has its hundredths in the low byte; from version 3 on a temperature is one number."""
        named(fix(S5), fuel_level_pct=0.09)
        named(fix(changed(S5, "1,0009", "3,241E,010A92|02FF9C")), fuel_level_pct=36.3, temperature1_c=27.06, temperature2_c=-1.0)
        named(fix(changed(S5, "1,0009", "2,241E,01FB32")), temperature1_c=-5.5)

    def test_binary(self) -> None:
        """A binary report, a heartbeat here."""
        message = one(S7)
        assert (message.device, message.reply) == ("865789024140495", b"")
        named(
            message.fixes[0], time=utc_ms(2018, 2, 12, 0, 41, 20), lat=47.068393, lon=15.440636, valid=True, satellites=7, gsm=20
        )
        named(message.fixes[0], course_deg=329.0, hdop=1.2, altitude_m=411, battery_v=4.17, power_v=5.1, odometer_km=247.215)
        named(message.fixes[0], event=31, runtime_s=1995927, mcc=232, mnc=3, lac=0x2F09, cell_id=0x62E, rssi_dbm=-73, din1=False)

    def test_old_binary(self) -> None:
        """An old binary batch is answered with the number of its records, under its own flag, when it is stored."""
        message = one(S8)
        named(
            message.fixes[0], time=utc_ms(2014, 5, 24, 4, 59, 49), lat=-7.266504, lon=112.743651, valid=False, odometer_km=80.083
        )
        named(message.fixes[0], battery_v=4.19, event=35, gsm=19, dout2=True)
        assert message.reply == b"@@X27,369800014090021,CCC,1*E4\r\n"
        batch18 = next(frame.data for frame in CAPTURED if frame.data.startswith(b"$$G970"))
        assert (len(one(batch18).fixes), one(batch18).reply[:28]) == (18, b"@@G28,369800013460674,CCC,18")

    def test_command_answers(self) -> None:
        """The answer to a command is no report, and is not answered."""
        for data in S6:
            for transport in ("tcp", "udp"):
                assert one(data, transport) == Message(device="353358017784062", raw=data)

    def test_aac(self) -> None:
        """The AAC message has the answer of the manual."""
        assert one(framed("353358017784062,AAC,x")).reply == b"@@z27,353358017784062,AAC,1*15\r\n"

    def test_events(self) -> None:
        """Events are the alarms that users know, or the ignition; others keep their number."""
        for number, alarm in {1: events.SOS, 23: events.POWER_CUT, 36: events.TOW, 129: events.HARSH_BRAKING, 41: None}.items():
            named(fix(changed(S4, "AAA,35", f"AAA,{number}")), alarm=alarm, event=number, ignition=None)
            named(one(batch(bytes([1, 1, number, 0, 2]) + PLACE + b"\0")).fixes[0], alarm=alarm, event=number)
        for number, ignition in {144: True, 145: False}.items():
            named(fix(changed(S4, "AAA,35", f"AAA,{number}")), ignition=ignition)

    def test_driver(self) -> None:
        """A card that was read is the driver; the same field of another event is its data."""
        named(fix(changed(changed(S4, "0977|0000,", "0977|0000,00B9A20C"), "AAA,35", "AAA,37")), driver="00B9A20C")
        named(fix(changed(S4, "0977|0000,", "0977|0000,00000011")), driver=None, event_data="00000011")
        named(one(batch(b"\1\1\x25\0\3" + PLACE + bytes.fromhex("250ca2b90000"))).fixes[0], driver="12165644")

    def test_parameters(self) -> None:
        """A record may carry engine data, probes, a Bluetooth probe; what is not known keeps its number."""
        probe = bytes.fromhex("fe731e0109746e6873656e736f72ac233f6e219064051b753b0000000000000000")
        record = (
            b"\1\x97\x62\3\x99\xef\x04\x9c\xf6\xff\xc9\x3e\0\2" + PLACE + b"\3\x2a\3\1\x38\xff\xfe\xa8\7\2M\0\0\0\0\0" + probe
        )
        found = fix(batch(record))
        named(found, throttle_pct=98, rpm=1263, parameter_c9=62, temperature1_c=-2.0, battery_pct=77)
        named(found, ble_name="tnhsensor", ble_battery_pct=100, ble_temperature_c=27.02, ble_humidity_pct=59.46)


class DatagramTests(SynchronousTestCase):
    def test_replies(self) -> None:
        """Over UDP a device is told to delete what is stored: one event, or as many as the batch had, in hex."""
        body = b"@@m27,012896005334567,AFF,1*"
        assert one(S4, "udp").reply == body + b"%02X\r\n" % sum8(body)
        twelve = batch(*[b"\0\0\2" + PLACE + b"\0"] * 12)
        assert one(twelve, "udp").reply.startswith(b"@@A27,865789024140495,AFF,C*")
        assert one(S8, "udp").reply == b"@@X27,369800014090021,CCC,1*E4\r\n"

    def test_through_the_port(self) -> None:
        """The answer to a datagram leaves when its fix is stored."""
        writer = FakeWriter()
        pipeline = Pipeline(FakeVehicles(Vehicle(1, "866771027160687", None)), writer, now=lambda: NOON / 1000)
        port = DeviceDatagrams(lambda: meitrack.decoder("udp"), SessionFactory(pipeline, Valve(1000), Origin("meitrack")))
        port.transport = transport = FakeDatagramTransport()
        port.datagramReceived(S2, ("10.0.0.1", 5))
        assert transport.written == []
        writer.commit()
        assert [data[:28] for data, _ in transport.written] == [b"@@K27,866771027160687,AFF,1*"]


class FrameTests(SynchronousTestCase):
    def test_checksum(self) -> None:
        """A frame that was damaged anywhere gives no fix and no answer; the next is read."""
        for at in range(len(S8)):
            broken = bytearray(S8)
            broken[at] ^= 0x40
            found = messages(bytes(broken) + S4)
            assert [message.device for message in found] == ["012896005334567"], at

    def test_small_checksum(self) -> None:
        """The checksum may be in small letters."""
        assert S8.endswith(b"*be\r\n")
        assert one(S8).fixes

    def test_resynchronising(self) -> None:
        """A frame that was cut off costs itself, and is counted; a length that cannot be costs only its head."""
        for noise in (S4[:70], b"\r\n$$", b"$$A9999," + b"x" * 40, b"$$Ax,", b"$$A12,3533"):
            (message,) = messages(noise + S5)
            assert message.fixes == one(S5).fixes, noise
            assert "bytes that are no message" in message.warnings[0]

    def test_without_its_line_end(self) -> None:
        """The last frame of a datagram or connection may lack CR LF: its checksum says that it is whole."""
        for transport in ("tcp", "udp"):
            assert one(S4[:-2], transport).fixes == one(S4).fixes
        assert run(Decoder("udp"), [S4[:-3]]) == ([], "a frame that is cut off, or no frame")

    def test_binary_data_is_not_split(self) -> None:
        """Line ends, commas, asterisks and dollars in binary data end no frame."""
        record = b"\0\0\3" + PLACE + b"\x1c\r\n*,\1\x4b\x07\1\1\4$$\r\n"
        (first, second) = messages(batch(record) + S4)
        named(first.fixes[0], flags=int.from_bytes(b"\r\n*,", "little"))
        assert second.fixes == one(S4).fixes

    def test_longest(self) -> None:
        """A photo's packet may have the longest length, no frame a longer one."""
        head = b"353358017784062,D00,a.jpg,1,0,"
        assert one(framed(head + b"$" * (LONGEST - len(head) - 6))).device == "353358017784062"
        assert run(Decoder(), [framed(head + b"x" * (LONGEST - len(head) - 5))])[0] == []


class FaultTests(SynchronousTestCase):
    def test_text(self) -> None:
        """Whatever happens to any other field, the position stays, and what is wrong is said."""
        for frame in (S2, S3, S4, S5):
            data = frame[frame.index(b",") + 1 : frame.rindex(b"*")].split(b",")
            for at in range(2, len(data)):
                for broken in (b"#", b"", b"9" * 40, b"\xff|\0"):
                    message = one(framed(b",".join([*data[:at], broken, *data[at + 1 :]])))
                    if at in (3, 4):
                        assert (message.fixes, bool(message.unreadable)) == ((), True)
                    else:
                        assert [(found.lat, found.lon) for found in message.fixes] == [(float(data[3]), float(data[4]))]
                if at > 4:
                    assert len(one(framed(b",".join(data[: at + 1]))).fixes) == 1

    def test_warnings(self) -> None:
        """A field that cannot be is left out, and named."""
        message = one(changed(S4, ",121208020649,A,7,27,0,32,4,", ",121308020649,X,-7,27,fast,361,4,"))
        assert message.warnings == (
            "time cannot be '121308020649'",
            "valid cannot be 'X'",
            "satellites cannot be '-7'",
            "speed_kmh cannot be 'fast'",
            "course_deg cannot be '361'",
        )
        named(message.fixes[0], time=None, valid=False, satellites=None, speed_kmh=None, course_deg=None)

    def test_binary(self) -> None:
        """A record that ends early keeps what it said; one that ends before its place is kept unread, and the others stay."""
        start = S7.index(b",CCE,") + 5 + 10
        record = S7[start:-5]
        place_end = record.index(b"\x03\xfc\x9a\xeb\x00") + 5
        for size in range(len(record)):
            message = one(batch(record[:size], b"\0\0\2" + PLACE + b"\0"))
            assert len(message.fixes) == (2 if size >= place_end else 1), size
            assert message.warnings == ("a record that ends within a parameter",)
            assert bool(message.unreadable) == (size < place_end)

    def test_binary_values(self) -> None:
        """A value that cannot be costs itself."""
        message = one(batch(b"\1\5\7\1\x09\xff\xff\2" + PLACE + b"\2\x2a\1\0\xfe\x73\2\1\xff"))
        assert message.warnings[-1] == "ble cannot be 01ff"
        assert message.warnings[0] == "valid cannot be 7"
        named(message.fixes[0], valid=False, course_deg=None, temperature1_c=None, lat=47.068393)

    def test_batch_shorter_than_it_says(self) -> None:
        """Of a batch that has fewer records than it says those are taken that are there; one without a count is no batch."""
        whole = batch(b"\0\0\2" + PLACE + b"\0")
        more = framed(
            whole[whole.index(b",") + 1 : whole.rindex(b"*")].replace(b"CCE," + bytes(4) + b"\1", b"CCE," + bytes(4) + b"\2")
        )
        assert len(one(more).fixes) == 1
        assert run(Decoder(), [framed(b"865789024140495,CCE,\0")])[1] == "a batch without its count"
        assert run(Decoder(), [framed(b"865789024140495,CCC,\0\0\5\0" + bytes(60))])[1].startswith("records of 5 bytes")


class RecognitionTests(SynchronousTestCase):
    def test_early(self) -> None:
        """A device is known by the head of its first frame."""
        assert meitrack.recognises(S4[:27], "tcp") is Verdict.YES
        for size in range(26):
            assert meitrack.recognises(S4[:size], "tcp") is Verdict.MORE
        for data in (b"$GPRMC,", b"$$A1,", b"$$1234", b"$$A123,12345,AAA,", b"$$A123,353358017784062,aaa,"):
            assert meitrack.recognises(data, "tcp") is Verdict.NO, data


class SampleTests(SynchronousTestCase):
    def test_samples(self) -> None:
        """What the vendor shows of itself is what it does."""
        for sample in meitrack.samples:
            found = messages(sample.data, sample.transport)
            assert b"".join(message.reply for message in found) == (sample.reply or b"")
            for fields, read in zip(sample.fixes, [read for message in found for read in message.fixes], strict=True):
                shown = {name: value for name, value in fields.items() if name != "time"}
                assert {name: getattr(read, name) for name in shown} == shown


class EncoderTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        """What a simulated device reports is what the server reads; over UDP it waits for the answer."""
        encoder = meitrack.encoder("990000000000012", "tcp")
        assert encoder is not None
        route = Route(1)
        for fixes in ([route.advance(2, NOON + second * 1000)] for second in range(50)):
            message = one(encoder.hello() + encoder.report(tuple(fixes)))
            assert (message.device, message.warnings) == ("990000000000012", ())
            names = (
                "time",
                "lat",
                "lon",
                "speed_kmh",
                "course_deg",
                "satellites",
                "hdop",
                "altitude_m",
                "power_v",
                "odometer_km",
                "gsm",
            )
            for name in names:
                assert getattr(message.fixes[0], name) == getattr(fixes[0], name), name
        assert [getattr(meitrack.encoder("1" * 15, kind), "is_answered", None) for kind in ("tcp", "udp")] == [False, True]
