"""NMEA 0183: what a user sees of receivers, routers and trackers that send its sentences."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from protocols.nmea import MOST_STRANGE, SAMPLES, Encoder, nmea
from tests.protocols.agreement import AgreementTests
from tests.protocols.contract import DecoderContract, run
from tests.protocols.frames import frames
from waygps import events
from waygps.bits import utc_ms, xor8
from waygps.fix import Fix, Message, Vitals
from waygps.interfaces import Transport, Verdict

ID = "359853000144328"
TIME = utc_ms(2023, 11, 9, 16, 44, 14) + 900

EMPTY = "the fields of speed and course, or the latter, are empty; 0 is listed"
NO_DATE = "GGA has no date; the list has that of its making"
EXCEPTIONS = {
    "nmea-56e4dda3": "the list leaves out the fraction of the second; the course's field is empty, 0 is listed",
    "nmea-e2da23bc": NO_DATE,
    "nmea-b9457233": NO_DATE,
    "nmea-cca6d330": EMPTY,
    "nmea-c434e0ef": EMPTY,
    "nmea-fe90e8be": "there are no tags of speed and course; 0 is listed",
    "nmea-31db5418": "zeros with status V are no position; they are listed",
    "nmea-2a93ce84": "the week number began anew: 2016, not 2096 as listed",
    "nmea-bfa5474a": "the checksum is 4A, the frame has 47; it is listed",
    "nmea-2211feb8": "the file has not the position that came before this line; it is listed",
}
UNITS = "the field is a percentage, or of a unit that is not known; it is listed as volts"
NO_ALTITUDE = (
    "56e4dda3 cc5634ac cca6d330 8918081e 2a93ce84 b0a08b76 4c4a6a75 1041b7b1 c434e0ef 1cead4d8 ea2b31f0 5782fe05 fe90e8be"
)


def line(body: str, end: str = "\r\n") -> str:
    """A sentence with its checksum."""
    return f"${body}*{xor8(body.encode()):02X}{end}"


def rmc(time: str = "164414.90", lat: str = "4650.5156500", more: str = "", status: str = "A", date: str = "091123") -> str:
    return line(f"GNRMC,{time},{status},{lat},N,01246.1059604,E,0.018,90.5,{date},,,A,V{more}")


def gga(time: str = "164414.90", altitude: str = "740.729", quality: str = "1") -> str:
    return line(f"GNGGA,{time},4650.5156500,N,01246.1059604,E,{quality},12,0.84,{altitude},M,44.804,M,,")


def messages(data: bytes | str, device: str = ID, transport: Transport = "tcp") -> list[Message]:
    """What a connection, or a datagram, comes to."""
    found, reason = run(nmea.decoder(transport, device), [data if isinstance(data, bytes) else data.encode("latin-1")])
    assert reason == ""
    return found


def fixes(data: bytes | str, device: str = ID) -> list[Fix]:
    return [fix for message in messages(data, device) for fix in message.fixes]


def only(data: bytes | str) -> Fix:
    (fix,) = fixes(data)
    return fix


class FrameTests(DecoderContract, AgreementTests, SynchronousTestCase):
    vendor = nmea
    device = ID
    samples = [
        gga("100000").encode(),
        (rmc("2") + "\r\r\nnoise\n" + gga("3") + line("GPVTG,1,T,,M,2,N,3,K") + rmc("3", "x")).encode(),
        *(frame.data for frame in frames("nmea") if b"GGA" not in frame.data),
        *(sample.data for sample in SAMPLES),
        (rmc() + gga() + rmc("164415") + gga("164415") + rmc("164416") + rmc("164417")).encode(),
        line("GPZDA,164414,09,11,2023,,").encode(),
    ]
    exceptions = EXCEPTIONS
    others = {
        **{f"nmea-{name} altitude_m": "the sentence has no altitude; 0 is listed" for name in NO_ALTITUDE.split()},
        "nmea-4c4a6a75 battery_v": UNITS,
        "nmea-0fb6cd32 battery_v": UNITS,
    }

    def test_without_complaint(self) -> None:
        """No captured line is complained about, but for the two whose checksum is wrong."""
        for frame in frames("nmea"):
            for message in messages(frame.data, frame.device or ""):
                wrong = message.warnings and "checksum" in message.warnings[0]
                assert (bool(message.warnings), message.unreadable) == (wrong or False, ""), frame.id
                assert bool(wrong) is (frame.id in ("nmea-4c4a6a75", "nmea-bfa5474a"))

    def test_optional_fields_cost_themselves(self) -> None:
        """A position outlives the loss of everything behind it, and nonsense in any of the fields there."""
        body = [
            "GNRMC",
            "164414.90",
            "A",
            "4650.5156500",
            "N",
            "01246.1059604",
            "E",
            "0.018",
            "90.5",
            "091123",
            "1.0",
            "W",
            "A",
            "V",
        ]
        for at in range(7, len(body)):
            for change in (body[:at], [*body[:at], "?!", *body[at + 1 :]]):
                fix = only(line(",".join(change)))
                assert (fix.lat, fix.lon) == (46 + 50.51565 / 60, 12 + 46.1059604 / 60), change
        tail = ["11", "865733027593268", "1", "090", "086", "5", "6"]
        for at in range(len(tail)):
            for change in (tail[:at], [*tail[:at], "?", *tail[at + 1 :]]):
                assert len(fixes(rmc().rstrip() + "," + ",".join(change) + "\r\n")) == 1, change


class IdentityTests(SynchronousTestCase):
    def test_lines(self) -> None:
        """Each way in which the devices name themselves is understood, and stays for the sentences that follow."""
        for text, device in {
            "$PGID,359853000144328*0F": "359853000144328",
            "$DEVID,0x0103846677F21422*41": "0x0103846677F21422",
            "$PSIWMDID,6Q5161694402B133*2F": "6Q5161694402B133",
            "$PCPTI,CTR Cradle 1,164414,1": "CTR_Cradle_1",
            "IMEI 351467108700000": "351467108700000",
            "IMEI:351467108700000": "351467108700000",
            "$IMEI=355797031609284": "355797031609284",
            "$GPFID,ID123456ABC": "ID123456ABC",
            '$CONNECT,350030950116536,NETWORK,"Ben NL",RO,001': "350030950116536",
            "$GPTXT,NET,1003,A1,-53,232 01*77": "1003",
            "358244017671308": "358244017671308",
            "086415031C20": "086415031C20",
        }.items():
            login, report = messages(f"{text}\r\n{rmc()}", "")
            assert (login.device, login.fixes, login.reply) == (device, (), b""), text
            assert (report.device, len(report.fixes)) == (device, 1), text

    def test_prefixes(self) -> None:
        """An identification in front of a sentence is of that sentence, and no part of the checksum."""
        for prefix in ("660420156A0066AA", "660420156A0066AA,", "4711/660420156A0066AA/"):
            named, plain = messages(prefix + rmc() + rmc("164415"))
            assert (named.device, plain.device) == ("660420156A0066AA", ID), prefix
        first, second = messages("660420156A0066AA" + rmc() + rmc("164415"), "")
        assert (first.device, second.device) == ("660420156A0066AA", "660420156A0066AA")

    def test_position_before_the_name(self) -> None:
        """The last position before the device names itself waits for that; without it nothing is stored."""
        login, report = messages(rmc("164413") + rmc() + "$GPFID,ID123456ABC\r\n", "")
        assert (login.device, login.fixes) == ("ID123456ABC", ())
        assert (report.device, report.fixes[0].time, report.raw) == ("ID123456ABC", TIME, rmc().strip().encode())
        assert messages(rmc(), "") == []

    def test_datagrams(self) -> None:
        """A datagram names its device itself, may have several lines, and needs no end of line."""
        (message,) = messages("990000561287964," + rmc().strip(), "", "udp")
        assert (message.device, len(message.fixes)) == ("990000561287964", 1)
        _, message = messages(f"$PGID,{ID}*0F\r\n{rmc()}", "", "udp")
        assert (message.device, len(message.fixes)) == (ID, 1)
        assert messages(rmc(), "", "udp") == []

    def test_broken_connection(self) -> None:
        """A line that the end of the connection cut off is no position."""
        assert messages("$GPRMC,164414,A,4650.5,N,012") == []


class SentenceTests(SynchronousTestCase):
    def test_rmc(self) -> None:
        """Sheet, N5: a position with its time to the hundredth."""
        assert only(rmc()) == Fix(
            time=TIME, lat=46 + 50.51565 / 60, lon=12 + 46.1059604 / 60, speed_kmh=0.018 * 1.852, course_deg=90.5
        )

    def test_validity(self) -> None:
        """Status V and mode N mean the last known position; zeros or blanks are none then; a navigation status V says nothing."""
        assert only(rmc(status="V")).valid is False
        assert only(line("GPRMC,164414,A,4650.5,N,01246.1,E,,,091123,,,N")).valid is False
        for place in ("0000.0000,N,00000.0000,E", ",,,"):
            (message,) = messages(line(f"GPRMC,164414,V,{place},,,091123,,"))
            assert (message.fixes, message.unreadable, message.warnings) == ((), "", ())

    def test_unreadable(self) -> None:
        """A position that cannot be read is kept apart with the reason."""
        (message,) = messages(rmc(lat="4660.5156500"))
        assert (message.fixes, message.unreadable) == ((), "lat cannot be '4660.5156500'")
        (message,) = messages("QZE,868994033976700,35,28062020,113553,,114.57263,0,22,A,0\r\n")
        assert message.unreadable == "lat is missing"

    def test_years(self) -> None:
        """Sheet, N1, N13: a receiver whose week number began anew is put right and told; a leap second stays in its minute."""
        fix = only("$GPRMC,225446,A,4916.45,N,12311.12,W,000.5,054.7,191194,020.3,E*68\r\n")
        assert (fix.time, fix.attributes) == (utc_ms(2014, 7, 5, 22, 54, 46), {"gps_week_corrected": True})
        fix = only("$GPRMC,161223.000,A,2517.0545,S,05739.1788,W,0.0,0.0,011196,,,A*61\r\n")
        assert fix.time == utc_ms(2016, 6, 17, 16, 12, 23)
        assert only(rmc("235960.00")).time == utc_ms(2023, 11, 9, 23, 59, 59) + 999
        for date in ("", "000000"):
            assert only(rmc(date=date)).time is None
        (message,) = messages(rmc(date="091323"))
        assert (message.fixes[0].time, message.warnings) == (None, ("time cannot be '091323 164414.90'",))

    def test_checksums(self) -> None:
        """A wrong checksum costs the line; one that is missing, or has blanks around it, does not."""
        good = rmc()
        body, _, checksum = good.rstrip().partition("*")
        (message,) = messages(f"{body}*00\r\n")
        assert (message.fixes, message.device) == ((), ID)
        assert message.warnings == (f"the checksum is 00, of a sentence with {checksum}",)
        assert fixes(good.replace("4650", "4651")) == []
        _, report = messages("$PGID,123456789012345*0F\r\n" + good)
        assert (report.device, report.fixes) == (ID, (only(good),))
        for text in (f"{body}\r\n", f"{body}*\r\n", f"{body} * {checksum.lower()}\r\n"):
            assert fixes(text) == [only(good)], text

    def test_t55(self) -> None:
        """Sheet, N8: what a T55 adds behind the checksum is shown, and names the device, though its checksum never fits."""
        (message,) = messages(SAMPLES[2].data.replace(b"086\r\n", b"086,7,3\r\n"), "")
        (fix,) = message.fixes
        assert (message.device, fix.satellites, fix.ignition) == ("865733027593268", 11, True)
        assert fix.attributes == {"fuel": 90.0, "battery": 86.0, "io1": 7, "io2": 3}
        assert message.warnings == ("the checksum is 71, of a sentence with 6F",)

    def test_others(self) -> None:
        """Positions of the less usual sentences have their fields in their units."""
        place = "4650.5156500,N,01246.1059604,E"
        fix = only(line(f"PUBX,00,164414.90,{place},740.7,G3,2.1,2.0,36.5,77.52,0.007,,0.92,1.19,0.77,9,0,0"))
        assert (fix.time, fix.altitude_m, fix.speed_kmh, fix.course_deg) == (None, 740.7, 36.5, 77.52)
        assert (fix.hdop, fix.satellites, fix.valid) == (0.92, 9, True)
        (message,) = messages(line(f"PUBX,00,164414.90,{place},740.7,NF,2.1,2.0,0,0,0,,0.9,1,1,9,{ID},0"), "")
        assert (message.device, message.fixes[0].valid) == (ID, False)
        fix = only(line(f"GPRMA,A,{place},,,10.0,90.0,"))
        assert (fix.time, fix.speed_kmh, fix.course_deg) == (None, 18.52, 90.0)
        fix = only("$TRCCR,20140111000000.250,A,-60.5,60.000000,10.00,1.00,5.00,50,*\r\n")
        assert (fix.time, fix.lat, fix.speed_kmh, fix.battery_pct) == (utc_ms(2014, 1, 11) + 250, -60.5, 18.52, 50)
        (message,) = messages("QZE,868994033976700,35,28062020,113553,22.13673,114.57263,5,22,V,1\r\n", "")
        (fix,) = message.fixes
        assert (message.device, fix.time, fix.valid) == ("868994033976700", utc_ms(2020, 6, 28, 11, 35, 53), False)
        assert (fix.speed_kmh, fix.ignition, fix.attributes) == (5.0, True, {"event": "35"})

    def test_wmcs(self) -> None:
        """A WMCS record has tags of which each may be missing, and an alarm."""
        text = "$ID,350030950116536,4,ALARM,0x00000010,GPSEX,V,D,050703,T,095121,S,9:5,La,51.5,S,Lo,5.8,W,H,90,V,36,DD,0\r\n"
        login, report = messages(text, "")
        assert (login.device, report.device) == ("350030950116536", "350030950116536")
        (fix,) = report.fixes
        assert (fix.time, fix.lat, fix.lon, fix.valid) == (utc_ms(2003, 7, 5, 9, 51, 21), -51.5, -5.8, False)
        assert (fix.satellites, fix.course_deg, fix.speed_kmh, fix.alarm) == (5, 90.0, 36.0, events.GENERAL)
        (fix,) = fixes("$ID,350030950116536,ALARM,0x00000000,GPSED,A,La,1.5,N,Lo,2.5,E\r\n")
        assert (fix.lat, fix.lon, fix.time, fix.alarm) == (1.5, 2.5, None, None)
        assert len(messages("$ID,350030950116536,GPSED,A,La\r\n")) == 2

    def test_voltages(self) -> None:
        """GPIOP tells the voltages, and is no position."""
        (message,) = messages("$GPIOP,01000000,00000000,0.00,0.00,0.00,0.00,4.69,4.24*49\r\n")
        assert (message.fixes, message.vitals) == ((), Vitals(power_v=4.69, battery_v=4.24))

    def test_strangers(self) -> None:
        """Other sentences are passed over, noise is told, and a connection with nothing but noise ends."""
        assert messages(line("GPGSV,1,1,00") + line("PUBX,41,1") + "\r\n\r\n") == []
        noise, report = messages("hello\r\n" + rmc())
        assert (noise.warnings, len(report.fixes)) == (("not understood: 'hello'",), 1)
        found, reason = run(nmea.decoder("tcp"), [b"hello\n" * (MOST_STRANGE + 1)])
        assert (found, reason) == ([], f"more than {MOST_STRANGE} lines without a sentence")
        assert len(fixes("x" * 5000 + "\r\n" + rmc())) == 1


class EpochTests(SynchronousTestCase):
    """Sentences of one time are one position."""

    def test_gga_first(self) -> None:
        """Altitude and satellites of a GGA go into the RMC behind it."""
        for start in ("", rmc("164413")):
            *_, fix = fixes(start + gga() + line("GPGSA,A,3,,,,,,,,,,,,,2.1,1.1,1.8") + rmc())
            assert (fix.time, fix.altitude_m, fix.satellites, fix.hdop) == (TIME, 740.729, 12, 0.84)
            assert (fix.course_deg, fix.attributes) == (90.5, {"pdop": 2.1})
            assert len(fixes(start + gga() + rmc())) == (2 if start else 1)

    def test_gga_behind(self) -> None:
        """Where the GGA follows, it goes into the RMC before it as soon as that is known, and no position is doubled or lost."""
        stream = "".join(rmc(time) + gga(time, f"{at}") for at, time in enumerate(("164413", "164414", "164415")))
        assert [fix.altitude_m for fix in fixes(stream)] == [None, 1.0, 2.0]
        assert [fix.altitude_m for fix in fixes(stream + rmc("164416") + rmc("164417") + rmc("164418"))] == [
            *(None, 1.0, 2.0),
            *(None, None, None),
        ]
        *_, last = messages(stream)
        assert last.raw == (rmc("164415") + gga("164415", "2")).strip().encode()

    def test_gga_alone(self) -> None:
        """A device that sends GGA only is seen by it, without a speed that it does not say, dated by ZDA where there is one."""
        found = fixes(gga("164413") + gga("164414") + gga("164415"))
        assert [(fix.time, fix.altitude_m, fix.speed_kmh, fix.course_deg) for fix in found] == [(None, 740.729, None, None)] * 3
        assert fixes(gga()) == [found[0]]
        zda = line("GPZDA,235959.00,31,12,2023,00,00")
        assert [fix.time for fix in fixes(zda + gga("235958") + gga("000001"))] == [
            utc_ms(2023, 12, 31, 23, 59, 58),
            utc_ms(2024, 1, 1, 0, 0, 1),
        ]
        for quality in ("0", "7", "8", ""):
            assert only(gga(quality=quality)).valid is False

    def test_other_device_of_that_time(self) -> None:
        """Values of one device never go into the position of another on the same connection."""
        first, second = messages("AAAA1" + gga() + "BBBB2" + rmc(), "")
        assert (first.device, first.fixes[0].course_deg) == ("AAAA1", None)
        assert (second.device, second.fixes[0].altitude_m) == ("BBBB2", None)

    def test_speed_of_vtg(self) -> None:
        """Sheet, N7: speed and course of a VTG fill in where the position has none; knots count where there are no km/h."""
        empty = line("GPRMC,164414.90,A,4650.5,N,01246.1,E,,,091123,,")
        fix = fixes(gga() + "$GPVTG,359.95,T,,M,15.15,N,28.0,K,A*04\r\n" + empty)[-1]
        assert (fix.course_deg, fix.speed_kmh) == (359.95, 28.0)
        fix = fixes(gga() + line("GPVTG,359.95,T,,M,10,N,,K,A") + empty)[-1]
        assert fix.speed_kmh == 18.52


class RecognitionTests(SynchronousTestCase):
    def verdict(self, data: bytes) -> Verdict:
        return nmea.recognises(data, "tcp")

    def test_sentences(self) -> None:
        """A connection is known by its first sentence, named or not."""
        for data in (b"$GNRMC,", b"990000561287964,$GPRMC,", b"4711/022789000688081/$GPGGA,", b"$PGID,", b"QZE,868994033976700,"):
            assert (self.verdict(data[:-1]), self.verdict(data)) == (Verdict.MORE, Verdict.YES), data
        for data in (b"$$A142", b"$XXRMC", b"GET /", b"QZE;", b"##,", b"*HQ", b"imei:"):
            assert self.verdict(data) is Verdict.NO, data

    def test_numbers(self) -> None:
        """A number alone may be of others; what follows it tells."""
        assert self.verdict(b"358244017671308\r\n") is Verdict.MORE
        assert self.verdict(b"358244017671308\r\n$GPRMC,") is Verdict.YES
        assert self.verdict(b"358244017671308\r\n##,imei") is Verdict.NO
        assert self.verdict(b"086415031C20\r\n") is Verdict.YES


class EncoderTests(SynchronousTestCase):
    def test_encoder(self) -> None:
        """A simulated device names itself in each sentence, and does not wait for answers."""
        encoder = nmea.encoder(ID, "tcp")
        assert isinstance(encoder, Encoder)
        assert (encoder.hello(), encoder.is_answered) == (b"", False)
        fix = Fix(time=TIME, lat=-34.6037, lon=-58.38165, speed_kmh=83.34, course_deg=7.0)
        report, invalid = messages(encoder.report((fix,)) + encoder.report((Fix(time=0, lat=1, lon=2, valid=False),)), "")
        (read,) = report.fixes
        assert (report.device, report.warnings, read.time, read.course_deg) == (ID, (), TIME, 7.0)
        assert abs(read.lat - fix.lat) + abs(read.lon - fix.lon) < 1e-6
        assert abs((read.speed_kmh or 0) - 83.34) < 0.01
        assert invalid.fixes[0].valid is False
