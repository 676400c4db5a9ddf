"""The generic protocol: lines of text that anybody can write by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import FakeDatagramTransport, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from protocols.generic import LONGEST, Decoder, generic
from tests.fakes import NOON, FakeVehicles, FakeWriter, a_fix
from tests.protocols.contract import DecoderContract, fuzz, run
from waygps.bits import utc_ms
from waygps.fix import Fix, Message
from waygps.ingest.datagram import DeviceDatagrams
from waygps.ingest.sessions import SessionFactory
from waygps.ingest.stream import StreamFactory
from waygps.ingest.valve import Valve
from waygps.origin import Origin
from waygps.pipeline.pipeline import Pipeline
from waygps.position import Vehicle
from waygps.simulation.route import Route

SEED = b"IMEI: 123456789, LAT: -34.603722, LON: -58.381592, SPD: 45, HDG: 180"
FIX = Fix(time=None, lat=-34.603722, lon=-58.381592, speed_kmh=45.0, course_deg=180.0)


def messages(data: bytes, device: str = "") -> list[Message]:
    """What a connection with these bytes comes to."""
    found, reason = run(Decoder("tcp", device), [data])
    assert reason == ""
    return found


def one(line: str, device: str = "") -> Message:
    """What this line comes to."""
    (message,) = messages(line.encode() + b"\n", device)
    return message


class ContractTests(DecoderContract, SynchronousTestCase):
    vendor = generic
    samples = [
        SEED + b"\r\n",
        b'{"imei": "123456789", "lat": -34.603722, "lon": -58.381592, "time": "2026-11-24T07:30:00Z"}\n',
        b"IMEI: 1, LAT: 1, LON: 2, TIME: 1795505400\nLAT: 91, LON: 0\n\nnonsense\nIMEI: 1, LAT: x, LON: 2, BAT: full\r\n",
        b"\xff\xfe\0" * 2000 + b"\n" + SEED + b"\n",
    ]


class FormatTests(SynchronousTestCase):
    def test_line_of_the_manual(self) -> None:
        """The line that the manual shows is a fix, answered OK when it is stored."""
        message = one(SEED.decode())
        assert (message.device, message.fixes, message.reply, message.warnings) == ("123456789", (FIX,), b"OK\r\n", ())
        assert message.refusal == b"ERROR device 123456789 is not accepted\r\n"
        assert message.raw == SEED

    @fuzz
    @given(
        st.permutations(SEED.decode().split(", ")),
        st.sampled_from([str.lower, str.upper, str.title]),
        st.sampled_from([",", " , "]),
    )
    def test_any_order_and_case(self, pairs: list[str], case: object, comma: str) -> None:
        """Keys may come in any order and case, with or without blanks."""
        line = comma.join(case(pair) for pair in pairs)  # type: ignore[operator]
        assert one(line).fixes == (FIX,)

    def test_optional_keys(self) -> None:
        """Every further key of the manual arrives as what it means."""
        line = (
            "IMEI: A1, LAT: 1, LON: 2, TIME: 2026-11-24T07:30:00Z, ALT: 25.5, SAT: 9, HDOP: 0.9, IGN: on, BAT: 80, VOLT: 12.6, "
            "ODO: 1234.5, GSM: 4, VALID: no, ALARM: sos, DRIVER: 77, TEMP: -4"
        )
        assert one(line).fixes == (
            Fix(
                time=utc_ms(2026, 11, 24, 7, 30),
                lat=1.0,
                lon=2.0,
                valid=False,
                altitude_m=25.5,
                satellites=9,
                hdop=0.9,
                ignition=True,
                battery_pct=80,
                power_v=12.6,
                odometer_km=1234.5,
                gsm=4,
                alarm="sos",
                driver="77",
                attributes={"temp": "-4"},
            ),
        )

    def test_times(self) -> None:
        """A time may be ISO 8601 of any zone, UTC where it names none, or seconds or milliseconds since 1970."""
        for text in ("2026-11-24T04:30:00-03:00", "2026-11-24 07:30:00", "2026-11-24T07:30Z", "1795505400", "1795505400000"):
            assert one(f"IMEI: 1, LAT: 1, LON: 2, TIME: {text}").fixes[0].time == utc_ms(2026, 11, 24, 7, 30), text

    def test_json(self) -> None:
        """A JSON object a line says the same, numbers as numbers or as text."""
        for line in (
            '{"imei": "123456789", "lat": -34.603722, "lon": -58.381592, "spd": 45, "hdg": 180}',
            '{"ID": 123456789, "Latitude": "-34.603722", "lng": -58.381592, "speed": 45.0, "heading": "180", "alt": null}',
        ):
            message = one(line)
            assert (message.device, message.fixes) == ("123456789", (FIX,)), line
        assert one('{"id": 1, "lat": 1, "lon": 2, "ign": true, "valid": false}').fixes == (
            Fix(time=None, lat=1.0, lon=2.0, ignition=True, valid=False),
        )

    def test_known_device(self) -> None:
        """A connection that has given its IMEI once need not repeat it."""
        first, second = messages(b"IMEI: A1, LAT: 1, LON: 2\nLAT: 3, LON: 4\n")
        assert (first.device, second.device) == ("A1", "A1")
        assert second.fixes[0].lat == 3.0

    def test_broken_optional_field(self) -> None:
        """An optional value that cannot be read costs itself and a warning, not the fix."""
        message = one("IMEI: A1, LAT: 1, LON: 2, SPD: fast, TIME: noon, IGN: maybe, SAT: 1e999, BAT: 80")
        assert message.fixes == (Fix(time=None, lat=1.0, lon=2.0, battery_pct=80),)
        assert message.reply == b"OK\r\n"
        assert message.warnings == (
            "spd 'fast' cannot be read and was dropped",
            "time 'noon' cannot be read and was dropped",
            "ign 'maybe' cannot be read and was dropped",
            "sat '1e999' cannot be read and was dropped",
        )


class ErrorTests(SynchronousTestCase):
    def test_reasons(self) -> None:
        """A line that cannot be a fix is answered with what is wrong with it, and no fix is made of it."""
        for line, reason in {
            "LAT: 1, LON: 2": "IMEI is missing",
            "IMEI: 1, LON: 2": "LAT is missing",
            "IMEI: 1, LAT: 2": "LON is missing",
            "IMEI: 1, LAT: , LON: 2": "LAT is missing",
            "IMEI: 1, LAT: north, LON: 2": "LAT 'north' is not a number",
            "IMEI: 1, LAT: nan, LON: 2": "LAT 'nan' is not a number",
            "IMEI: 1, LAT: 91, LON: 2": "LAT 91 is outside -90..90",
            "IMEI: 1, LAT: 1, LON: -180.5": "LON -180.5 is outside -180..180",
            "hello": "a line is KEY: value, KEY: value or a JSON object",
        }.items():
            message = one(line)
            assert (message.reply, message.fixes) == (f"ERROR {reason}\r\n".encode(), ()), line
            assert message.warnings == (f"answered ERROR: {reason}",)
        for line in ("{", '{"imei": [1]}', '{"lat": "\\ud800"}'):
            assert one(line).reply.startswith(b"ERROR the JSON object is not as expected: "), line

    def test_one_line(self) -> None:
        """Whatever a line has in it, its answer is one line."""
        for line in ("IMEI: 1, LAT: a\rb, LON: 2", '{"imei": 1, "lat": "a\\r\\nOK", "lon": 2}', '{"a\\nb": [1]}'):
            reply = one(line).reply
            assert reply.startswith(b"ERROR ")
            assert len(reply.splitlines()) == 1, reply
        refusal = one('{"imei": "a\\r\\nOK", "lat": 1, "lon": 2}').refusal
        assert len(refusal.splitlines()) == 1, refusal

    def test_too_long(self) -> None:
        """A line without end is answered with an error once it ends, and the next line is served."""
        found = messages(b"IMEI: 1" * LONGEST + b"\n" + SEED + b"\n")
        assert [message.reply for message in found] == [b"ERROR the line is longer than 4096 bytes\r\n", b"OK\r\n"]

    def test_longest(self) -> None:
        """A line of just the stated length is still read."""
        line = "IMEI: 1, LAT: 1, LON: 2, NOTE: "
        assert one(line + "x" * (LONGEST - len(line))).reply == b"OK\r\n"
        assert one(line + "x" * (LONGEST - len(line) + 1)).reply.startswith(b"ERROR the line is longer")


class ServedTests(SynchronousTestCase):
    """The protocol behind the server's own connection, with stand-ins for the database."""

    def setUp(self) -> None:
        self.writer = FakeWriter()
        pipeline = Pipeline(FakeVehicles(Vehicle(1, "A1", None)), self.writer, now=lambda: NOON / 1000)
        self.sessions = SessionFactory(pipeline, Valve(1000), Origin("generic"))
        self.transport = StringTransport()
        self.connection = StreamFactory(lambda: generic.decoder("tcp"), self.sessions).buildProtocol(None)
        self.connection.makeConnection(self.transport)

    def test_refusal(self) -> None:
        """A device that is not accepted is told so, and hung up on."""
        self.connection.dataReceived(b"IMEI: B2, LAT: 1, LON: 2\n")
        assert self.transport.value() == b"ERROR device B2 is not accepted\r\n"
        assert self.transport.disconnecting

    def test_fault_keeps_the_connection(self) -> None:
        """Who tries by hand and mistypes reads the fault and can type again, before the first IMEI as well as after it."""
        self.connection.dataReceived(b"LAT: 1, LON: 2\n")
        assert self.transport.value() == b"ERROR IMEI is missing\r\n"
        assert not self.transport.disconnecting
        self.connection.dataReceived(b"IMEI: A1, LAT: 1, LON: 2\n")
        self.writer.commit()
        self.connection.dataReceived(b"LAT: x, LON: 2\n")
        assert self.transport.value() == b"ERROR IMEI is missing\r\nOK\r\nERROR LAT 'x' is not a number\r\n"
        assert not self.transport.disconnecting

    def test_huge_numbers(self) -> None:
        """A number larger than any computer word stops neither its fix nor the connection."""
        self.connection.dataReceived(b"IMEI: A1, LAT: 1, LON: 2, GSM: 1e30, TIME: 1e30\n")
        assert len(self.writer.written) == 1
        self.writer.commit()
        assert self.transport.value() == b"OK\r\n"

    def test_datagram(self) -> None:
        """A datagram needs no line end; each of its lines is answered."""
        port = DeviceDatagrams(lambda: generic.decoder("udp"), self.sessions)
        port.transport = transport = FakeDatagramTransport()
        port.datagramReceived(b"IMEI: A1, LAT: 1, LON: 2\nIMEI: A1, LAT: 3, LON: 4", ("10.0.0.1", 5))
        for number in range(2):
            self.writer.commit(number)
        assert transport.written == [(b"OK\r\n", ("10.0.0.1", 5))] * 2


class EncoderTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        """What a simulated device reports is what the server reads."""
        encoder = generic.encoder("A1", "tcp")
        assert encoder is not None
        route = Route(1)
        fixes = (*(route.advance(2, NOON + second) for second in range(50)), a_fix(NOON, ignition=False))
        found = messages(encoder.hello() + encoder.report(fixes))
        assert [message.device for message in found] == ["A1"] * 51
        for message, fix in zip(found, fixes, strict=True):
            (read,) = message.fixes
            for name in (
                "time",
                "lat",
                "lon",
                "speed_kmh",
                "course_deg",
                "altitude_m",
                "satellites",
                "hdop",
                "ignition",
                "odometer_km",
            ):
                assert getattr(read, name) == getattr(fix, name), name
