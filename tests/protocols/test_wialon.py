"""Wialon IPS: what its devices hear, and what a user sees of them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from protocols.wialon import Decoder, recognises, wialon
from tests.protocols.agreement import AgreementTests
from tests.protocols.contract import DecoderContract, fuzz, run
from tests.protocols.frames import frames
from waygps import events
from waygps.bits import crc16_arc, utc_ms
from waygps.fix import Fix, Message, Vitals
from waygps.interfaces import Transport, Verdict

PLACE = "270413;205601;5544.6025;N;03739.6834;E"
SHORT = f"{PLACE};1;2;3;4"
TAIL = "0.0;0;0;14.77,0.02,3.6;NA;count1:1:564,fuel:2:45.8,hw:3:V4.5"
NAMES = (
    *("date", "time", "lat", "ns", "lon", "ew", "speed", "course", "altitude", "satellites"),
    *("hdop", "inputs", "outputs", "adc", "driver", "parameters"),
)
LOGIN_1 = b"#L#2002;NA\r\n"
LOGIN_2 = b"#L#2.0;353976013445485;NA;A03C\r\n"
NOWHERE = "the position is NA; 0, 0 is listed"
UNCOUNTED = "the satellites are NA, which the sheet calls valid"


def packet(kind: str, body: str) -> bytes:
    """A packet of version 1.1."""
    return f"#{kind}#{body}\r\n".encode()


def summed(kind: str, body: str) -> bytes:
    """A packet of version 2, with its checksum."""
    return f"#{kind}#{body}{crc16_arc(body.encode()):X}\r\n".encode()


def decode(data: bytes, device: str = "2002", transport: Transport = "tcp") -> list[Message]:
    """The messages of bytes that are expected to be good."""
    messages, reason = run(Decoder(transport, device), [data])
    assert not reason, reason
    return messages


def only(data: bytes) -> Message:
    """The one message."""
    (message,) = decode(data)
    return message


def fix_of(data: bytes) -> Fix:
    """The one fix of the one message."""
    (fix,) = only(data).fixes
    return fix


def long_fix(**fields: str) -> Fix:
    """The fix of a long report with some fields other than usual."""
    return fix_of(packet("D", long_report(**fields)))


def long_report(**fields: str) -> str:
    """The body of a long report with some fields other than usual."""
    values = dict(zip(NAMES, f"{SHORT};0.9;NA;NA;;NA;NA".split(";"), strict=True))
    return ";".join({**values, **fields}.values())


class WialonTests(DecoderContract, AgreementTests, SynchronousTestCase):
    vendor = wialon
    # In one connection those of version 2 come last: their login changes how what follows is read.
    samples = [
        *(frame.data for frame in frames("wialon")),
        *(sample.data for sample in wialon.samples if sample.transport == "tcp" and b"2.0" not in sample.data),
        packet("M", "on my way"),
        packet("QI", "1"),
        LOGIN_2 + summed("D", f"{SHORT};{TAIL};") + summed("B", f"{SHORT}|{SHORT};{TAIL}|") + summed("M", "ok;"),
    ]
    exceptions = {
        "wialon-48d9213d": f"{UNCOUNTED}; the course is NA, 0 is listed",
        "wialon-49038f0b": "the course is NA, 0 is listed",
        "wialon-7a677bb6": "the course is empty, 0 is listed",
        "wialon-0f617ef4": "the course is empty, 0 is listed",
        "wialon-91e52a48": f"{UNCOUNTED}; speed and course are NA, 0 is listed",
        "wialon-92a9e1ec": UNCOUNTED,
        "wialon-f49b202a": NOWHERE,
        "wialon-8f17cd74": NOWHERE,
    }
    others = {
        f"wialon-{name} altitude_m": "the altitude is NA, 0 is listed"
        for name in ("48d9213d", "91e52a48", "4b150be6", "92a9e1ec")
    }


class SheetTests(SynchronousTestCase):
    """The sheet's examples."""

    def test_logins(self) -> None:
        """A device of either version hears that it is accepted, or that it is not."""
        for data, device in ((LOGIN_1, "2002"), (LOGIN_2, "353976013445485"), (summed("L", "2.1;x-1;NA;"), "x-1")):
            (message,) = decode(data, "")
            assert message == Message(device=device, reply=b"#AL#1\r\n", refusal=b"#AL#0\r\n", raw=data)

    def test_login_with_a_wrong_checksum(self) -> None:
        """A login that was damaged on its way is told so, and what follows it is nobody's."""
        (message,) = decode(b"#L#2.0;42001300083;;CE45\r\n", "")
        assert (message.device, message.reply) == ("", b"#AL#10\r\n")
        assert message.warnings == ("the checksum cannot be b'CE45'",)
        assert decode(b"#L#2.0;42001300083;;DBEB\r\n", "")[0].reply == b"#AL#1\r\n"

    def test_short_report(self) -> None:
        """A short report shows place, time, speed, course, altitude and satellites, in both versions."""
        wanted = Fix(
            time=utc_ms(2013, 4, 27, 20, 56, 1),
            lat=55.743375,
            lon=37.66139,
            speed_kmh=1,
            course_deg=2,
            altitude_m=3,
            satellites=4,
        )
        for data in (LOGIN_1 + packet("SD", SHORT), LOGIN_2 + b"#SD#" + SHORT.encode() + b";1985\r\n"):
            _, message = decode(data)
            assert (message.fixes, message.reply, message.warnings) == ((wanted,), b"#ASD#1\r\n", ())

    def test_report_without_a_login(self) -> None:
        """A report of nobody is refused."""
        assert run(Decoder(), [packet("SD", SHORT)]) == ([], "a report before the device said which one it is")

    def test_long_report(self) -> None:
        """A long report shows the inputs, voltages and parameters too."""
        (message,) = decode(packet("D", f"{SHORT};{TAIL}"))
        (fix,) = message.fixes
        assert (fix.hdop, fix.driver, message.reply, message.warnings) == (0, None, b"#AD#1\r\n", ())
        expected: dict[str, Any] = {"inputs": 0, "outputs": 0, "adc1_v": 14.77, "adc2_v": 0.02, "adc3_v": 3.6}
        assert fix.attributes == expected | {"count1": 564, "fuel": 45.8, "hw": "V4.5"}
        _, message = decode(LOGIN_2 + packet("D", f"{SHORT};{TAIL};E499"))
        assert (message.fixes, message.reply) == ((fix,), b"#AD#1\r\n")

    def test_fraction_without_leading_zero(self) -> None:
        """A longitude without its leading zero, and a fraction of any length, are read."""
        data = b"#SD#300924;154245;5554.350052;N;3644.670410;E;2.92;NA;NA;NA;7A01\r\n"
        _, message = decode(LOGIN_2 + data)
        (fix,) = message.fixes
        assert (round(fix.lat, 6), round(fix.lon, 6), fix.speed_kmh, fix.valid) == (55.905834, 36.744507, 2.92, True)

    def test_checksum_with_0x(self) -> None:
        """A checksum is compared as a number, however it is written."""
        (kept,) = [frame.data for frame in frames("wialon") if frame.id == "wialon-91e52a48"]
        for data in (kept, kept.replace(b"0x9b0", b"9B0"), kept.replace(b"0x9b0", b"09b0")):
            _, message = decode(LOGIN_2 + data)
            (fix,) = message.fixes
            assert (fix.time, fix.attributes["adc1_v"], fix.attributes["pv1"]) == (None, 1.0, 35.98)

    def test_black_box(self) -> None:
        """Stored reports are kept in order and marked, and answered with their number."""
        (message,) = decode(packet("B", f"{SHORT}|{SHORT};{TAIL}"))
        assert [fix.attributes["buffered"] for fix in message.fixes] == [True, True]
        assert [fix.attributes.get("fuel") for fix in message.fixes] == [None, 45.8]
        assert message.reply == b"#AB#2\r\n"
        _, message = decode(LOGIN_2 + summed("B", f"{SHORT}|{SHORT}|"))
        assert (len(message.fixes), message.reply) == (2, b"#AB#2\r\n")

    def test_ping(self) -> None:
        """A ping is answered, before the login too."""
        assert only(b"#P#\r\n").reply == decode(b"#P#\r\n", "")[0].reply == b"#AP#\r\n"

    def test_datagram(self) -> None:
        """A datagram names its device and version, and needs neither a login nor a line's end."""
        (sample,) = [sample for sample in wialon.samples if sample.transport == "udp"]
        for data in (sample.data, sample.data + b"\r\n"):
            (message,) = decode(data, "", "udp")
            assert (message.device, message.reply, len(message.fixes)) == ("99999999", b"#AD#1\r\n", 1)
        (message,) = decode(sample.data.replace(b"18.223", b"18.224"), "", "udp")
        assert (message.fixes, message.reply) == ((), b"#AD#16\r\n")
        (message,) = decode(b"2002" + packet("SD", SHORT), "", "udp")
        assert (message.device, message.reply) == ("2002", b"#ASD#1\r\n")


class RefusedTests(SynchronousTestCase):
    """What is wrong, and how the device hears of it."""

    def test_wrong_checksums(self) -> None:
        """A packet whose checksum is wrong or missing is no report, and its device is told to send it again."""
        answers = {"SD": "13", "D": "16", "B": "", "M": "01"}
        for kind, code in answers.items():
            body = f"{SHORT}|" if kind == "B" else f"{SHORT};{TAIL};" if kind == "D" else f"{SHORT};"
            for data in (packet(kind, f"{body}1234"), packet(kind, body[:-1]), packet(kind, ""), packet(kind, f"{body}+1_0")):
                _, message = decode(LOGIN_2 + data)
                assert (message.fixes, message.reply.decode(), message.unreadable) == ((), f"#A{kind}#{code}\r\n", ""), data

    def test_unreadable(self) -> None:
        """A report that cannot be read is kept apart with the reason, and answered with the sheet's code."""
        wrong = {
            "270413;205601;5544.6025;N;03739.6834": ("-1", "5 fields, expected 10"),
            SHORT.replace("270413", "310213"): ("0", "time cannot be ('310213', '205601')"),
            SHORT.replace("205601", "NA"): ("0", "time cannot be ('270413', '')"),
            SHORT.replace("5544", "55x4"): ("10", "lat cannot be ('55x4.6025', 'N')"),
            SHORT.replace("5544", "5561"): ("10", "lat cannot be ('5561.6025', 'N')"),
            SHORT.replace("E", "N"): ("10", "lon cannot be ('03739.6834', 'N')"),
            SHORT.replace(";N;", ";;"): ("10", "lat cannot be ('5544.6025', '')"),
            SHORT.replace("03739.6834;E", "NA;NA"): ("10", "lon cannot be ('', '')"),
        }
        for body, (code, reason) in wrong.items():
            message = only(packet("SD", body))
            assert (message.fixes, message.unreadable) == ((), reason)
            assert message.reply == f"#ASD#{code}\r\n".encode(), body

    def test_black_box_with_a_wrong_row(self) -> None:
        """One row that cannot be read costs no other, and the answer counts the good ones."""
        message = only(packet("B", f"{SHORT}|{SHORT.replace('5544', '55x4')}|{SHORT}"))
        assert (len(message.fixes), message.reply) == (2, b"#AB#2\r\n")
        assert message.unreadable == "lat cannot be ('55x4.6025', 'N')"

    def test_login_without_a_name(self) -> None:
        """A login that names no device is refused."""
        for body in ("", ";NA", "2.0;;NA;3B84"):
            (message,) = decode(packet("L", body), "")
            assert message.reply in (b"#AL#0\r\n", b"#AL#10\r\n")
        assert decode(summed("L", "2.0;;NA;"), "")[0].reply == b"#AL#0\r\n"

    def test_no_packet(self) -> None:
        """A line that is no packet costs no report, and is said with the next one."""
        message = only(b"OK\r\n\r\n" + packet("SD", SHORT))
        assert (len(message.fixes), message.warnings) == (1, ("2 bytes that are no message",))

    def test_unknown_packet(self) -> None:
        """A packet that the server has no use for is passed over unanswered."""
        message = only(packet("US", "123"))
        assert (message.reply, message.warnings) == (b"", ("a packet of type US, which is not answered",))

    def test_compressed(self) -> None:
        """A compressed packet ends the connection: nothing after it can be told apart."""
        assert run(Decoder(), [LOGIN_1 + b"\xff\x10\x00x"])[1] == "a compressed packet, which is not supported"

    def test_cut_short(self) -> None:
        """A line that the end of the connection cut short is no report: a coordinate may end too early."""
        assert decode(packet("SD", SHORT)[:-2]) == []

    def test_too_long(self) -> None:
        """A line that never ends closes the connection, within the stated memory."""
        messages, reason = run(Decoder(), [LOGIN_1 + b"#B#" + b"1" * 70_000])
        assert (len(messages), reason) == (1, "a frame of more than 32768 bytes")


class FieldTests(SynchronousTestCase):
    """What single fields mean."""

    def test_hemispheres(self) -> None:
        """South and west are negative."""
        fix = long_fix(ns="S", ew="W")
        assert (fix.lat, fix.lon) == (-55.743375, -37.66139)

    def test_validity(self) -> None:
        """A position of fewer than three satellites is shown as not valid; one that does not say counts."""
        assert [long_fix(satellites=text).valid for text in ("0", "2", "3", "NA", "")] == [False, False, True, True, True]

    def test_unknown(self) -> None:
        """What the device does not know stays empty, and is no fault."""
        (message,) = decode(packet("D", f"{PLACE}" + ";NA" * 10))
        (fix,) = message.fixes
        assert (fix.speed_kmh, fix.course_deg, fix.altitude_m, fix.satellites, fix.hdop, fix.driver) == (None,) * 6
        assert (fix.attributes, message.warnings) == ({}, ())

    def test_broken_fields(self) -> None:
        """A field that cannot be read costs itself; the report is kept and answered as good."""
        names = ("speed", "course", "altitude", "satellites", "hdop", "inputs", "outputs", "adc", "driver")
        for name in names:
            message = only(packet("D", long_report(**{name: "?\x01"})))
            assert (len(message.fixes), len(message.warnings), message.reply) == (1, 1, b"#AD#1\r\n"), name

    def test_missing_fields(self) -> None:
        """A long report that is cut short keeps its place, with a warning."""
        message = only(packet("D", f"{SHORT};0.9;1"))
        assert (message.fixes[0].attributes, message.warnings) == ({"inputs": 1}, ("12 fields, expected 16",))

    def test_time(self) -> None:
        """Fractions of a second count; a report without date and time has none."""
        assert long_fix(time="205601.25").time == utc_ms(2013, 4, 27, 20, 56, 1) + 250
        assert long_fix(date="NA", time="NA").time is None

    def test_driver(self) -> None:
        """The key of the driver is shown as it is written."""
        assert long_fix(driver="01D042F31D000030").driver == "01D042F31D000030"

    def test_known_parameters(self) -> None:
        """Charge, supply, ignition, temperature and cell are known by their names, whatever type they are sent as."""
        fix = long_fix(
            parameters="bat:3:99,temp:3:18,Pwr_ext:2:13.8,ign:1:1,mcc:1:730,mnc:1:2,lac:1:5,cell_id:1:77,accuracy:2:3.5"
        )
        assert (fix.battery_pct, fix.power_v, fix.ignition) == (99, 13.8, True)
        assert fix.attributes == {"temperature_c": 18, "mcc": 730, "mnc": 2, "lac": 5, "cell_id": 77, "accuracy": 3.5}
        assert long_fix(parameters="Uext:2:24.1").power_v == 24.1

    def test_sos(self) -> None:
        """A pressed panic button is an alarm, and one that is not pressed is none."""
        assert long_fix(parameters="SOS:1:1").alarm == events.SOS
        assert long_fix(parameters="SOS:1:0").alarm is None

    def test_broken_parameters(self) -> None:
        """A parameter that cannot be read costs itself only."""
        for text in ("a", "a:1", "a:4:1", "a:1:x", "a:2:nan", ":1:1", "bat:1:101", "SOS:1:x"):
            message = only(packet("D", long_report(parameters=f"fuel:2:4.5,{text},n:1:7")))
            assert (message.fixes[0].attributes, len(message.warnings)) == ({"fuel": 4.5, "n": 7}, 1), text

    def test_no_parameter(self) -> None:
        """A comma too many is no parameter and no fault."""
        message = only(packet("D", long_report(parameters="fuel:2:4.5,,n:1:7,")))
        assert (message.fixes[0].attributes, message.warnings) == ({"fuel": 4.5, "n": 7}, ())

    def test_parameters_named_like_fields(self) -> None:
        """A parameter that is called like a field of the report is shown beside it, and moves nothing."""
        fix = long_fix(inputs="5", parameters="lat:2:1.5,time:1:0,inputs:1:9")
        assert (fix.lat, fix.time) == (55.743375, utc_ms(2013, 4, 27, 20, 56, 1))
        assert fix.attributes == {"inputs": 5, "lat": 1.5, "time": 0}

    def test_cyrillic(self) -> None:
        """Texts in UTF-8 and in the Windows encoding of older devices are read."""
        body = long_report(parameters="Батарея:3:да")
        for encoding in ("utf-8", "cp1251"):
            assert fix_of(b"#D#" + body.encode(encoding) + b"\r\n").attributes == {"батарея": "да"}

    def test_no_position(self) -> None:
        """A report without a position puts the vehicle nowhere; what it says of alarm and charge counts."""
        body = "NA;NA;NA;NA;NA;NA;NA;NA;NA;NA;NA;NA;NA;;NA;SOS:1:1,temp:3:18,bat:3:99"
        message = only(packet("D", body))
        assert (message.fixes, message.reply, message.unreadable) == ((), b"#AD#1\r\n", "")
        assert message.vitals == Vitals(alarm=events.SOS, battery_pct=99)

    @fuzz
    @given(st.sampled_from([frame for frame in frames("wialon") if frame.fixes]), st.data())
    def test_damage_behind_the_place(self, frame: Any, data: Any) -> None:
        """Whatever happens to what stands behind the coordinates, the place and the time stay."""
        (before,) = run(Decoder("tcp", "2002"), [frame.data])[0]
        fields = frame.data.split(b"|")[0].rstrip(b"\r\n").split(b";")
        at = data.draw(st.integers(min(6 + (fields[0][:2] == b"2."), len(fields) - 1), len(fields) - 1))
        fields[at] = bytes(byte for byte in data.draw(st.binary(max_size=8)) if byte not in b";|\n\r")
        line = b";".join(fields[: max(at + 1, 11)]).removeprefix(b"2.0;") + b"\r\n"
        (message,) = run(Decoder("tcp", "2002"), [line])[0]
        places = [[(fix.time, fix.lat, fix.lon) for fix in one.fixes] for one in (before, message)]
        assert places[1] == places[0][:1]


class RecognitionTests(SynchronousTestCase):
    """Whether a connection is known for Wialon's, and when."""

    def test_login(self) -> None:
        """A login is known when its line ends, which is when the device waits for the answer."""
        for login in (LOGIN_1, LOGIN_2):
            assert {recognises(login[:size], "tcp") for size in range(len(login))} == {Verdict.MORE}
            assert recognises(login, "tcp") is Verdict.YES

    def test_others(self) -> None:
        """A line that only looks alike is not taken."""
        for text in ("#L#", "#L#2002", "##L#1;NA", "#D#1;2;3", "#SD#NA", "#X#", "a b#P#", "#861585040983771##0#0000", "#P#x"):
            assert recognises(f"{text}\r\n".encode(), "tcp") is Verdict.NO, text
            assert recognises(text.encode(), "udp") is Verdict.NO, text

    def test_datagrams(self) -> None:
        """A datagram is known by its head."""
        for frame in frames("wialon"):
            assert recognises(frame.data.rstrip(), "udp") is Verdict.YES


class EncoderTests(SynchronousTestCase):
    """The pretended device."""

    first = Fix(
        time=utc_ms(2026, 1, 2, 3, 4, 5) + 678,
        lat=-33.4379,
        lon=-70.64967,
        speed_kmh=83.5,
        course_deg=359,
        altitude_m=-5,
        satellites=12,
        hdop=0.8,
        ignition=True,
        battery_pct=98,
        power_v=14.2,
    )
    second = Fix(time=None, lat=0, lon=0, valid=False, satellites=0)

    def same(self, seen: Fix, sent: Fix) -> None:
        for name in Fix.__struct_fields__[:-1]:
            one, other = getattr(seen, name), getattr(sent, name)
            assert one == other or (isinstance(other, float) and abs(one - other) < 1e-7), name

    def test_tcp(self) -> None:
        """A simulated device logs in, reports one fix or a black box, and is understood."""
        encoder = wialon.encoder("2002", "tcp")
        assert encoder is not None
        login, one, two = decode(encoder.hello() + encoder.report((self.first,)) + encoder.report((self.first, self.second)), "")
        assert [message.reply for message in (login, one, two)] == [b"#AL#1\r\n", b"#AD#1\r\n", b"#AB#2\r\n"]
        assert [message.warnings for message in (login, one, two)] == [()] * 3
        for seen, sent in zip((*one.fixes, *two.fixes), (self.first, self.first, self.second), strict=True):
            self.same(seen, sent)

    def test_udp(self) -> None:
        """Its datagrams need no login."""
        encoder = wialon.encoder("2002", "udp")
        assert encoder is not None
        assert encoder.hello() == b""
        (message,) = decode(encoder.report((self.first,)), "", "udp")
        assert (message.device, message.reply) == ("2002", b"#AD#1\r\n")
        self.same(message.fixes[0], self.first)
