"""Suntech: what its devices hear from the server, and what a user sees of them."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import FakeDatagramTransport, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from protocols.suntech import Decoder, suntech
from tests.fakes import NOON, FakeVehicles, FakeWriter
from tests.protocols.agreement import AgreementTests
from tests.protocols.contract import DecoderContract, run
from tests.protocols.frames import frames
from waygps import events
from waygps.bits import sum8, utc_ms
from waygps.fix import Fix, Message
from waygps.ingest.datagram import DeviceDatagrams
from waygps.ingest.sessions import SessionFactory
from waygps.ingest.stream import StreamFactory
from waygps.ingest.valve import Valve
from waygps.interfaces import Transport, Verdict
from waygps.origin import Origin
from waygps.pipeline.pipeline import Pipeline
from waygps.position import Vehicle
from waygps.simulation.route import Route

# The examples of the protocol's sheet.
S1 = (
    "ST300STT;007238270;40;313;20190220;12:05:04;c99e48;+04.644623;-074.076922;010.390;202.77;20;1;997100;14.10;"
    "100000;2;8384;003634;4.1;1"
)
S2 = "SA200STT;317652;042;20120718;15:37:12;16d41;-15.618755;-056.083241;000.024;000.00;8;1;41548;12.17;100000;2;1979"
S3 = "SA200EMG;317652;042;20120718;15:35:41;16d41;-15.618740;-056.083252;000.034;000.00;8;1;41548;12.17;110000;1"
S4 = (
    "ST300ALT;007239104;40;313;20190112;01:07:16;c99139;+04.703287;-074.148897;000.000;189.72;21;1;425512;12.61;"
    "100000;33;003188;4.1;1"
)
S5 = (
    "ST600STT;008084783;20;419;20180308;18:00:36;0032cc3e;736;3;445c;41;-16.530023;-068.084267;018.640;267.99;10;1;11655;13.33;"
    "100000;2;0336;000061;4.5;0;0.00"
)
S6 = (
    "ST300STT;205173382;07;564;20160322;23:23:18;232e19;+19.288278;-099.128750;000.122;000.00;9;1;478391;11.53;000100;1;9498;"
    "079324;4.3;1;0.00;0.00;0.00;00000000000000;0;2898E16006000058:-20.8;2861626006000039:+2.5;:"
)
S7 = (
    "ST300STT;807469112;45;315;20231215;15:25:03;104147;-16.030168;-047.989150;000.000;000.00;19;1;8600;12.14;000010;1;0456;"
    "000373;4.1;1;01B54221010000;0"
)
S8 = (
    "ST300UEX;100850000;01;010;20081017;07:41:56;2F100;+37.478519;+126.886819;000.012;000.00;9;1;0;15.30;001100;25;"
    "Welcome to Suntech World!;12;0;4.5;1"
)
S9 = (
    "STT;100850000;3FFFFF;26;010;1;20161117;08:37:39;0000004F;450;0;0014;20;+37.479323;+126.887827;62.03;65.43;10;1;00000101;"
    "00001000;1;2;0492"
)
S10 = (
    "STT;0560001616;BFFFFF;56;1.0.15;1;20200219;20:52:25;00008D6C;334;20;0925;24;+20.741764;-103.430364;0.00;0.00;19;1;00000001;"
    "00000000;2;1;1765;00008003;0.0;12.14;136598"
)
S11 = (
    "ALT;0950030205;3FFFFF;95;1.0.11;0;20221017;21:41:30;02F2F402;334;20;0F1D;45;+25.791061;-100.170745;0.00;0.00;18;1;00000101;"
    "00000000;42;2;"
)
S12 = bytes.fromhex(
    "82004d05800000553fffff360100100114020410293902ccccf102dc007b00053c00476fa18469e87f000000000b0100003b00081d00000113f3f8010000"
    "049e00000000000000001d00000113f3f801"
)
S13 = bytes.fromhex(
    "02003210511340877028813f180c170016041051290c0635652d793653000038001a30e601665e560000000100750002712704000103"
)
S14 = (
    "ST910;Location;907510186;552;20180504;23:15:45;3af54e5331;+19.301833;-099.190657;000.246;000.00;1;28462;80;1;0;0423;02;334;"
    "05;-215;20051;1;4;100"
)
S14_0 = "ST910;Location;205576803;500;20170319;12:18:17;-22.846014;-046.322176;000.000;000.00;0;3.8;0;1;9159"
S15 = "ST300CMD;Res;100850000;010;Enable1;20140213;05:16:03;2F100;+37.478519;+126.886819;000.012;000.00;9;1;0;13.43;000000;1"
ALERT910 = (
    "ST910;Alert;485195;20170409;22:37:41;3be0133057;+24.882410;-107.509152;000.070;000.00;1;286734;72;02;295;05;"
    "-415;4912;255;10;10"
)
ST419 = next(frame.data.decode().strip() for frame in frames("suntech") if frame.data.startswith(b"ST419"))


def line(text: str) -> bytes:
    """The text as it is sent."""
    return f"{text}\r".encode("latin-1")


def messages(data: bytes, transport: Transport = "tcp") -> list[Message]:
    """What a connection, or a datagram, with these bytes comes to."""
    found, reason = run(Decoder(transport), [data])
    assert reason == ""
    return found


def one(text: str | bytes, transport: Transport = "tcp") -> Message:
    """What this message comes to."""
    (message,) = messages(text if isinstance(text, bytes) else line(text), transport)
    return message


def fix(text: str | bytes) -> Fix:
    """The one fix of this message, which has nothing wrong in it."""
    message = one(text)
    assert (message.warnings, message.unreadable) == ((), "")
    return message.fixes[0]


def named(found: Fix, **expected: Any) -> None:
    """Compare fields of the fix, or attributes, by name."""
    values = {name: getattr(found, name) if hasattr(found, name) else found.attributes.get(name) for name in expected}
    assert values == expected


class ContractTests(DecoderContract, SynchronousTestCase):
    vendor = suntech
    samples = [
        *(frame.data for frame in frames("suntech") if frame.data[-1:] == b"\r" or frame.data[0] in (2, 0x81, 0x82)),
        b"\r\n-Error\r\n" + line(S1) + b"\n" + line(S4),
        line(S8).replace(b";25;Wel", b";27;\r\nWel"),
        line(S8.replace(";25;", ";26;")),
    ]


class CapturedTests(AgreementTests, SynchronousTestCase):
    vendor = suntech
    exceptions = {
        "suntech-c1b3d2e6": "000038 is 0.38 km/h; the listed speed takes it for knots",
        "suntech-f3b85860": "a BLE report has no speed and no course; 0 is listed",
        "suntech-3330d77a": "a BLE report has no speed and no course; 0 is listed",
        "suntech-e41ef66a": "2011-01-01 00:00:07 is the time of a clock that was never set; listed as a time",
    }
    others = {
        **{f"{frame.id} altitude_m": "no report has an altitude; 0 is listed" for frame in frames("suntech") if frame.fixes},
        "suntech-18f0a5f3 driver": "the same iButton in capitals, as the texts have it",
        "suntech-f2d3ba53 driver": "zeros are no driver",
        "suntech-987cad42 driver": "0.00 is an analogue input",
        "suntech-987cad42 battery_v": "9498 is the number of the message, 4.3 follows it",
    }


class SheetTests(SynchronousTestCase):
    def test_st300(self) -> None:
        """A report of an ST300: place, mileage, supply, lines, hour meter and battery."""
        assert fix(S1) == Fix(
            time=utc_ms(2019, 2, 20, 12, 5, 4),
            lat=4.644623,
            lon=-74.076922,
            speed_kmh=10.39,
            course_deg=202.77,
            satellites=20,
            odometer_km=997.1,
            power_v=14.1,
            ignition=True,
            battery_v=4.1,
            attributes={
                "model": "40",
                "sw_version": "313",
                "lac": 0xC99E,
                "bsic": 48,
                **dict.fromkeys(("din1", "din2", "din3", "dout1", "dout2"), False),
                "mode": 2,
                "message_number": 8384,
                "hour_meter": 3634,
            },
        )
        message = one(S1)
        assert (message.device, message.reply, message.refusal, message.vitals) == ("007238270", b"", b"", None)

    def test_sa200(self) -> None:
        """An SA200 has no model and no hour meter."""
        named(fix(S2), lat=-15.618755, odometer_km=41.548, power_v=12.17, ignition=True, message_number=1979, battery_v=None)

    def test_emergency(self) -> None:
        """A panic button is an SOS, and is told to stop when it is stored, over TCP too."""
        named(fix(S3), alarm=events.SOS, din1=True, event=1)
        assert one(S3).reply == b"SA200CMD;317652;02;AckEmerg\r"

    def test_alert(self) -> None:
        """An alert without an event of ours keeps its number; others are the events that users know."""
        named(fix(S4), alarm=None, event=33, battery_v=4.1)
        for number, event in {
            1: events.OVERSPEED,
            6: events.GEOFENCE_ENTER,
            41: events.POWER_CUT,
            47: events.HARSH_BRAKING,
        }.items():
            named(fix(S4.replace(";33;", f";{number};")), alarm=event, event=number)

    def test_alert_data(self) -> None:
        """The number of a fence, or the iButton of a driver, may stand between an alert and the hour meter."""
        named(fix(S4.replace(";33;", ";6;12;")), alarm=events.GEOFENCE_ENTER, event_data1="12", hour_meter=3188)
        named(fix(S4.replace(";33;", ";59;01B54221010000;")), driver="01B54221010000", hour_meter=3188)

    def test_st600(self) -> None:
        """An ST600 says its cell and signal, and that the report was stored."""
        named(fix(S5), cell_id=0x32CC3E, mcc=736, mnc=3, lac=0x445C, gsm=41, buffered=True, ain1_v=0.0, battery_v=4.5)

    def test_temperatures(self) -> None:
        """Probes are numbered, three analogue inputs come before them, and an iButton of zeros is none."""
        named(fix(S6), temperature1_c=-20.8, temperature2_c=2.5, temperature3_c=None, ain3_v=0.0, driver=None, din3=True)

    def test_driver(self) -> None:
        """The driver's iButton, and whether the device knows it."""
        named(fix(S7), driver="01B54221010000", driver_registered=False, dout1=True)

    def test_serial_data(self) -> None:
        """What a device on the serial port said comes with the position, the driver in it too."""
        named(fix(S8), serial="Welcome to Suntech World!", battery_v=4.5, hour_meter=0)
        for data, driver in {"GTSL|6|1|0|9255143|2|\r\n": "9255143", "RFID:008FB2BEBA39\r\n": "008FB2BEBA39"}.items():
            named(fix(serial(data)), driver=driver, serial=data.strip())

    def test_universal(self) -> None:
        """The fields of a Universal report are those of its map; its lines are read from the right."""
        named(fix(S9), speed_kmh=62.03, course_deg=65.43, ignition=True, din1=False, din2=True, dout4=True, dout1=False)
        named(fix(S9), mode=1, report_type=2, message_number=492, gsm=20, lac=0x14)

    def test_assigned(self) -> None:
        """Values that the device was told to add are known by their own map."""
        named(fix(S10), battery_v=0.0, power_v=12.14, assign15="136598", message_number=1765)
        named(fix(S11 + ";4.1;12.92;103188"), battery_v=4.1, power_v=12.92, extra1="103188")

    def test_universal_alert(self) -> None:
        """A panic of a Universal device, sent later."""
        named(fix(S11), alarm=events.SOS, buffered=True, event=42)

    def test_universal_binary(self) -> None:
        """The binary Universal report says the same as the text: here an iButton."""
        message = one(S12)
        assert message.device == "0580000055"
        named(message.fixes[0], time=utc_ms(2020, 2, 4, 16, 41, 57), lat=4.681633, lon=-74.049663, satellites=11, valid=True)
        named(message.fixes[0], driver="1D00000113F3F801", event=59, sw_version="1.0.16", mcc=732, mnc=123, lac=5, gsm=60)

    def test_zip(self) -> None:
        """The binary report of the ST300 family."""
        message = one(S13)
        assert message.device == "511340877"
        named(message.fixes[0], time=utc_ms(2024, 12, 23, 0, 22, 4), lat=-12.063565, lon=-45.793653, speed_kmh=0.38)
        named(message.fixes[0], course_deg=26.3, satellites=6, valid=True, odometer_km=23486.038, battery_v=4.0, power_v=0.0)
        named(message.fixes[0], ignition=False, mode=1, message_number=75, hour_meter=160039, buffered=None)

    def test_st910(self) -> None:
        """Both forms of an asset tracker's report."""
        named(fix(S14), odometer_km=28.462, battery_pct=80, mode=0, message_number=423, mcc=334, mnc=5, rx_dbm=-215)
        named(fix(S14_0), valid=False, battery_v=3.8, buffered=True, mode=1, message_number=9159)
        assert one(S14).reply == b""

    def test_st910_alert(self) -> None:
        """An asset tracker repeats an alert until it is answered."""
        message = one(ALERT910)
        named(message.fixes[0], alarm=events.GENERAL, odometer_km=286.734, battery_pct=72, mcc=295)
        assert message.reply == b"ST910;ACK;485195\r"

    def test_command_response(self) -> None:
        """The answer to a command is no report, but its position is one."""
        message = one(S15)
        assert message.device == "100850000"
        named(message.fixes[0], power_v=13.43, mode=1)
        assert one("ST300CMD;Res;100850000;010;Reboot").fixes == ()

    def test_st400(self) -> None:
        """A bait tracker names seven cells before its place, and its extra fields depend on the model."""
        named(fix(ST419), lat=-22.75465, battery_v=3.92, cell_id=30062, rx_dbm=-65, temperature_c=26.1, motion_state=1)
        assert len(fix(ST419).attributes["cells"]) == 6

    def test_st400_without_gps(self) -> None:
        """One that has no date saw no satellite: the battery is taken, no position invented."""
        head = ST419[: ST419.index(";20240729")]
        message = one(head + ";;;;;;;;")
        assert message.fixes == ()
        assert message.vitals is not None
        assert message.vitals.battery_v == 3.92

    def test_no_position(self) -> None:
        """Keep-alives, trips, answers and unknown reports are no positions; a trip says the voltages."""
        for text in (
            "SA200ALV;317652",
            "ST910;Alive;317652",
            "ALV;0580000055",
            "RES;0580000055;03;01",
            "BSA;0820012345;001FFF;82;1",
        ):
            message = one(text)
            assert (message.fixes, message.vitals, message.reply, message.unreadable) == ((), None, b"", ""), text
            assert message.device in text
        trip = next(frame.data for frame in frames("suntech") if b"HTE" in frame.data)
        vitals = one(trip).vitals
        assert vitals is not None
        assert (vitals.power_v, vitals.battery_v) == (12.28, 0.0)
        assert one(trip.replace(b";0.0;1;", b";0.0;0;")).vitals is None


def serial(data: str, check: str = "") -> str:
    """A report with this data of the serial port."""
    total = check or f"{sum8(data.encode('latin-1')):02X}"
    return S8.replace("25;Welcome to Suntech World!;12", f"{len(data)};{data};{total}")


class DatagramTests(SynchronousTestCase):
    def test_replies(self) -> None:
        """Over UDP every report but the keep-alive is acknowledged, in the form of its family."""
        for data, reply in {
            line(S1): b"ST300ACK;007238270\r",
            line(S2): b"SA200ACK;317652\r",
            line(S3): b"SA200ACK;317652\rSA200CMD;317652;02;AckEmerg\r",
            line(S9): b"ACK;100850000\r",
            line(S14): b"ST910;ACK;907510186\r",
            S12: b"ACK;0580000055\r",
            S13: bytes.fromhex("155113408770"),
            line(S15): b"",
            b"SA200ALV;317652": b"",
        }.items():
            assert one(data, "udp").reply == reply, data

    def test_without_its_end(self) -> None:
        """A datagram is whole without a CR, and may end with CR LF."""
        for end in (b"", b"\r", b"\r\n"):
            message = one(line(S1).rstrip() + end, "udp")
            assert message.fixes == one(S1).fixes
            assert message.warnings == ()

    def test_through_the_port(self) -> None:
        """The acknowledgement of a datagram leaves when its fix is stored."""
        writer = FakeWriter()
        pipeline = Pipeline(FakeVehicles(Vehicle(1, "007238270", None)), writer, now=lambda: NOON / 1000)
        port = DeviceDatagrams(lambda: suntech.decoder("udp"), SessionFactory(pipeline, Valve(1000), Origin("suntech")))
        port.transport = transport = FakeDatagramTransport()
        port.datagramReceived(line(S1), ("10.0.0.1", 5))
        assert transport.written == []
        writer.commit()
        assert transport.written == [(b"ST300ACK;007238270\r", ("10.0.0.1", 5))]


class StreamTests(SynchronousTestCase):
    def test_emergency_waits_for_the_store(self) -> None:
        """An emergency goes on until it is stored, and the connection stays open."""
        writer = FakeWriter()
        pipeline = Pipeline(FakeVehicles(Vehicle(1, "317652", None)), writer, now=lambda: NOON / 1000)
        sessions = SessionFactory(pipeline, Valve(1000), Origin("suntech"))
        connection = StreamFactory(lambda: suntech.decoder("tcp"), sessions).buildProtocol(None)
        transport = StringTransport()
        connection.makeConnection(transport)
        connection.dataReceived(b"-Error\r\n" + line(S2) + line(S3))
        writer.commit(0)
        assert transport.value() == b""
        writer.commit(1)
        assert transport.value() == b"SA200CMD;317652;02;AckEmerg\r"
        assert not transport.disconnecting

    def test_group(self) -> None:
        """Reports sent together are told apart, text and binary."""
        found = messages(line(S1) + S13 + line(S8) + S12 + line(S9))
        assert [message.device for message in found] == ["007238270", "511340877", "100850000", "0580000055", "100850000"]

    def test_line_feeds(self) -> None:
        """A line feed behind each report is no part of the next."""
        found = messages(b"".join(line(text) + b"\n" for text in (S1, S2, S8, S9)))
        assert [message.device for message in found] == ["007238270", "317652", "100850000", "100850000"]

    def test_noise(self) -> None:
        """Lines that are no report are passed over and counted; what follows is read."""
        for noise, size in {b"-Error\r": 6, b"\x02\x03garbage\r": 9, b"ST300STT;x;1\r": 12, b"\x81\x00\x4d\xff\xff\r": 4}.items():
            (message,) = messages(noise + line(S1))
            assert message.fixes == one(S1).fixes
            assert message.warnings == (f"{size} bytes that are no message",), noise

    def test_line_breaks_in_serial_data(self) -> None:
        """Serial data may have line ends, semicolons and whole reports in it."""
        for data in ("a\r\nb\n\r;c", "\r", f"{S1}\r{S1}"):
            (message, following) = messages(line(serial(data)) + line(S1))
            named(message.fixes[0], hour_meter=0, battery_v=4.5)
            assert following.fixes == one(S1).fixes

    def test_control_characters_in_serial_data(self) -> None:
        """Data that is no text is shown in hex."""
        named(fix(serial("\x01\x02;")), serial="01023b")

    def test_wrong_length_of_serial_data(self) -> None:
        """A length that does not fit swallows no other report."""
        for length in ("24", "200", "9999", "x"):
            found = messages(line(S8.replace(";25;", f";{length};")) + line(S1) * 3)
            assert found[0].fixes[0].lat == 37.478519
            assert [message.fixes for message in found[1:]] == [one(S1).fixes] * 3, length

    def test_wrong_checksum_of_serial_data(self) -> None:
        """Serial data with a wrong checksum is left out, and said; the position stays."""
        message = one(serial("GTSL|6|1|0|9255143|2|", "00"))
        named(message.fixes[0], serial=None, driver=None, battery_v=4.5)
        assert message.warnings == ("serial data cannot be 'GTSL|6|1|0|9255143|2|'",)

    def test_broken_connection(self) -> None:
        """Of a line that a broken connection cut, the last field is not taken: it may be half a number."""
        whole = line(S1)
        for size in range(len(whole)):
            for message in messages(whole[:size]):
                assert message.device == "007238270"
                for found in message.fixes:
                    assert message.warnings
                    assert (found.lat, found.lon) == (4.644623, -74.076922)
                    assert found.odometer_km in (None, 997.1)
        assert run(Decoder(), [S13[:30]])[1] == "a report that is cut off"


class FaultTests(SynchronousTestCase):
    def test_optional_fields(self) -> None:
        """Whatever happens to any other field, the position stays, and what is wrong is said."""
        for text in (S1, S2, S4, S5, S6, S7, S8, S9, S10, S14, S14_0, ALERT910, ST419):
            fields = text.split(";")
            place = next(at for at, field in enumerate(fields) if "." in field and len(field) >= 10 and field[0] in "+-")
            for at in range(place + 2, len(fields)):
                for broken in ("#", "", "9" * 40):
                    message = one(";".join([*fields[:at], broken, *fields[at + 1 :]]))
                    assert [(found.lat, found.lon) for found in message.fixes] == [
                        (float(fields[place]), float(fields[place + 1]))
                    ]
                assert one(";".join(fields[: at + 1])).fixes, text

    def test_each_field(self) -> None:
        """A field that cannot be is left out with a warning."""
        message = one(S1.replace(";010.390;202.77;20;1;997100;14.10;100000;", ";fast;361;x;2;-1;nan;1000x0;"))
        named(message.fixes[0], speed_kmh=None, course_deg=None, satellites=None, odometer_km=None, power_v=None, ignition=None)
        assert message.warnings == (
            "speed_kmh cannot be 'fast'",
            "course_deg cannot be '361'",
            "satellites cannot be 'x'",
            "valid cannot be '2'",
            "odometer_km cannot be '-1'",
            "power_v cannot be 'nan'",
            "I/O cannot be '1000x0'",
        )
        assert not message.fixes[0].valid

    def test_binary_fields(self) -> None:
        """Decimals that are no BCD cost their field; a Universal report that lost its end keeps its position."""
        broken = bytearray(S13)
        broken[31] = 0xAA
        named(one(bytes(broken)).fixes[0], speed_kmh=None, lat=-12.063565)
        short = S12[:1] + (41 + 4).to_bytes(2) + S12[3:48]
        named(one(short).fixes[0], lat=4.681633, lon=-74.049663)

    def test_position(self) -> None:
        """A position that cannot be is no fix; the message is kept with the reason, and an emergency answered."""
        for broken, reason in {
            "+37.126.885815;-74": "lat cannot be '+37.126.885815'",
            ";-74": "lat is missing",
            "+04.6;-181": "lon cannot be '-181'",
            "+91;-181": "lat cannot be '+91'",
        }.items():
            message = one(S3.replace("-15.618740;-056.083252", broken))
            assert (message.fixes, message.unreadable) == ((), reason)
            assert message.reply == b"SA200CMD;317652;02;AckEmerg\r"

    def test_short(self) -> None:
        """A report that ends before its place is kept, not invented."""
        assert one("ST300STT;007238270;40;313;20190220;12:05:04").unreadable == "lat is missing"

    def test_time(self) -> None:
        """A clock that was never set, and a time that is none, are no time; the position stays."""
        for text, warnings in {"20110101;00:13:52": (), "20190230;12:05:04": ("time cannot be '20190230120504'",)}.items():
            message = one(S1.replace("20190220;12:05:04", text))
            assert (message.fixes[0].time, message.warnings) == (None, warnings)

    def test_unavailable(self) -> None:
        """Lines of a single 0, and a signal of 99, say nothing."""
        named(fix(S1.replace(";100000;", ";0;")), ignition=None, din1=None)
        named(fix(S5.replace(";41;", ";99;")), gsm=None)

    def test_more_lines(self) -> None:
        """Of more than six lines those are named that are known, and all kept."""
        named(fix(S1.replace(";100000;", ";10100001;")), ignition=True, din2=True, dout1=None, io="10100001")

    def test_long_identification(self) -> None:
        """A report whose identification is too long is nobody's."""
        assert messages(line(S1.replace("007238270", "00723827012"))) == []


class RecognitionTests(SynchronousTestCase):
    def test_early(self) -> None:
        """A device is known by its header and identification, before its position."""
        assert suntech.recognises(b"ST300STT;007238270", "tcp") is Verdict.YES
        assert suntech.recognises(b"\r\nSA200ALV;317652", "udp") is Verdict.YES
        assert suntech.recognises(b"STT;100850000;3FFFF", "tcp") is Verdict.MORE

    def test_binary(self) -> None:
        """A binary report is known when it is whole, and has a position."""
        for data in (S12, S13):
            assert suntech.recognises(data, "udp") is suntech.recognises(data + b"more", "tcp") is Verdict.YES
            assert suntech.recognises(data[:-1], "tcp") is Verdict.MORE
            assert suntech.recognises(data[:-1], "udp") is Verdict.NO
        assert suntech.recognises(S13[:-1] + b"\4", "tcp") is Verdict.NO
        dateless = S12[:8] + (int.from_bytes(S12[8:11]) & ~(1 << 4)).to_bytes(3) + S12[11:]
        assert suntech.recognises(dateless, "tcp") is Verdict.NO

    def test_others(self) -> None:
        """What only resembles is nobody's."""
        for data in (b"STT;1;2", b"ST300XYZ;007238270;", b"ALT;LAT: 1", b"ST910;Locatiom", b"\x02\x00\x05hello"):
            assert suntech.recognises(data, "tcp") is Verdict.NO, data


class SampleTests(SynchronousTestCase):
    def test_samples(self) -> None:
        """What the vendor shows of itself is what it does."""
        for sample in suntech.samples:
            found = messages(sample.data, sample.transport)
            assert b"".join(message.reply for message in found) == sample.reply
            for fields, read in zip(sample.fixes, [read for message in found for read in message.fixes], strict=True):
                shown = {name: value for name, value in fields.items() if name != "time"}
                assert {name: getattr(read, name) for name in shown} == shown


class EncoderTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        """What a simulated device reports is what the server reads; over UDP it waits for the answer."""
        encoder = suntech.encoder("990000000000012", "tcp")
        assert encoder is not None
        route = Route(1)
        for fixes in ([route.advance(2, NOON + second * 1000)] for second in range(50)):
            message = one(encoder.hello() + encoder.report(tuple(fixes)))
            assert (message.device, message.warnings) == ("000000012", ())
            for name in ("time", "lat", "lon", "speed_kmh", "course_deg", "satellites", "ignition", "power_v", "odometer_km"):
                assert getattr(message.fixes[0], name) == getattr(fixes[0], name), name
        assert [getattr(suntech.encoder("1" * 15, kind), "is_answered", None) for kind in ("tcp", "udp")] == [False, True]
