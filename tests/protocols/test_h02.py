"""H02: what Sinotrack's and its relatives' devices hear of the server, and what a user sees of them."""

from __future__ import annotations

from datetime import UTC, datetime

from twisted.trial.unittest import SynchronousTestCase

from protocols.h02 import SAMPLES, Encoder, h02
from tests.protocols.agreement import AgreementTests
from tests.protocols.contract import DecoderContract, run
from tests.protocols.frames import frames
from waygps import events
from waygps.bits import utc_ms
from waygps.fix import Fix, Message, Vitals
from waygps.interfaces import Transport, Verdict

ID = "4210051415"
V1 = b"*HQ,4210051415,V1,164549,A,0956.3869,N,08406.7068,W,000.00,000,221215,FFFFFBFF,712,01,0,0,6#"
SHORT = bytes.fromhex("2441060116601245431311165035313006004318210e000000fffffbffff0024")
LONG = bytes.fromhex("24410600082621532131081504419390060740418306000000fffffbfdff0015060000002c02dc0c000000001f")
IMEI = bytes.fromhex("2435248308419329301047591808172627335900074412294e024138feffffffff01120064ba73005ecc")
TIME = utc_ms(2015, 12, 22, 16, 45, 49)

RESERVED = "only bit 18 is clear, which is reserved; three unrelated models clear it in routine reports, which are listed as SOS"
UNLISTED = "the bytes have a time and a date; none is listed"


def messages(data: bytes | str, device: str = "", transport: Transport = "tcp") -> list[Message]:
    """What a connection, or a datagram, comes to."""
    found, reason = run(h02.decoder(transport, device), [data if isinstance(data, bytes) else data.encode()])
    assert reason == ""
    return found


def one(data: bytes | str, device: str = "") -> Message:
    (message,) = messages(data, device)
    return message


def v1(rest: str, kind: str = "V1") -> Message:
    """What a message of text comes to, given what is behind its type."""
    return one(f"*HQ,{ID},{kind},{rest}#")


def with_status(status: str) -> Fix:
    (fix,) = v1(f"164549,A,0956.3869,N,08406.7068,W,000.00,000,221215,{status}").fixes
    return fix


def reply_of(message: Message) -> bytes:
    """What the device hears at 1:02:03 on 2026-11-24."""
    if message.timed_reply is None:
        return message.reply
    return message.timed_reply(datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC))


class FrameTests(DecoderContract, AgreementTests, SynchronousTestCase):
    vendor = h02
    device = ID
    samples = [
        *(frame.data for frame in frames("h02")),
        *(sample.data for sample in SAMPLES),
        V1 + b"\r\n" + LONG + LONG + SHORT + b"$\x24*X\0" + V1[:40] + V1 + IMEI + IMEI + V1,
        b"XXX*$$*HQ$*HQ,1,\xff" + LONG,
    ]
    exceptions = {"h02-c60577ca": UNLISTED, "h02-9c6c83a0": UNLISTED}
    others = {
        **{f"{frame.id} altitude_m": "the protocol has no altitude; 0 is listed" for frame in frames("h02") if frame.fixes},
        "h02-7f4415d0 alarm": RESERVED,
        "h02-987523bc alarm": RESERVED,
        "h02-7aa8c356 alarm": RESERVED,
    }
    alarms = {"powerCut": events.POWER_CUT}

    def test_one_message_each_without_complaint(self) -> None:
        """No captured message is lost, split or complained about."""
        for frame in frames("h02"):
            message = one(frame.data, ID)
            assert (message.warnings, message.unreadable) == ((), ""), frame.id

    def test_optional_fields_cost_themselves(self) -> None:
        """A captured position outlives the loss of everything behind it, and nonsense in any of the fields there."""
        texts = [frame.data for frame in frames("h02") if frame.fixes and frame.data.startswith(b"*")]
        for data in texts:
            (fix,) = one(data, ID).fixes
            fields = data.rstrip(b"#").split(b",")
            last = max(at for at, field in enumerate(fields) if field in (b"E", b"W"))
            for at in range(last + 1, len(fields)):
                for change in (fields[:at], [*fields[:at], b"\xe9?", *fields[at + 1 :]]):
                    (kept,) = one(b",".join(change) + b"#", ID).fixes
                    assert (kept.lat, kept.lon) == (fix.lat, fix.lon), change

    def test_nonsense_in_records(self) -> None:
        """A captured record's position outlives nonsense in its battery, its status and what follows."""
        for data in [frame.data for frame in frames("h02") if frame.data.startswith(b"$")]:
            (fix,) = one(data).fixes
            shift = 3 if data == IMEI else 0
            for at in (16 + shift, *range(25 + shift, len(data))):
                (kept,) = one(data[:at] + b"\xee" + data[at + 1 :]).fixes
                assert (kept.lat, kept.lon, kept.time, kept.speed_kmh) == (fix.lat, fix.lon, fix.time, fix.speed_kmh)


class SessionTests(SynchronousTestCase):
    def test_replies(self) -> None:
        """Each type is answered as its device expects it, with the maker's letters that it uses itself."""
        for data, reply in {
            V1: b"*HQ,4210051415,V4,V1,20261124010203#",
            V1.replace(b"HQ", b"th"): b"*th,4210051415,V4,V1,20261124010203#",
            b"*HQ,1600068812,NBR,141335,262,02,255,1,431,17003,26,151216,FFFFFBFF#": b"*HQ,1600068812,V4,NBR,20261124010203#",
            b"*HQ,135790246811220,HTBT,100#": b"*HQ,135790246811220,HTBT#",
            b"*HQ,135790246811220,HTBT#": b"*HQ,135790246811220,HTBT#",
            b"*HQ,135790246811220,V0#": b"*HQ,135790246811220,V0#",
            b"*HQ,356327080425330,XT,1,100#": b"",
            b"*HQ,1700086468,LINK,180902,15,0,84,0,0,240517,FFFFFBFF#": b"",
            b"*HQ,356327080425330,SMS,IMEI:1\nGPS: A#": b"",
            b"*HQ,356327080425330,,#": b"",
            b"*HQ,356327080425330#": b"",
            SHORT: b"",
        }.items():
            assert reply_of(one(data)) == reply, data

    def test_unreadable_report_is_answered(self) -> None:
        """A V1 that cannot be read is kept apart with the reason, and answered: its device would send it for ever."""
        message = v1("164549,A,0966.3869,N,08406.7068,W,000.00,000,221215,FFFFFBFF")
        assert (message.fixes, message.unreadable) == ((), "lat cannot be '0966.3869'")
        assert reply_of(message) == b"*HQ,4210051415,V4,V1,20261124010203#"

    def test_samples(self) -> None:
        """What the vendor says of itself is so."""
        for sample in SAMPLES:
            message = one(sample.data)
            assert sample.reply in (None, reply_of(message)), sample.data
            assert len(message.fixes) == len(sample.fixes)

    def test_no_identification(self) -> None:
        """A message without one is of the device that the connection is known to be, and is refused before that."""
        nameless = b"*HQ,,V1,173212,A,2225.78879,S,02829.19021,E,0.00,0,290418,FFFFFBFF#"
        message = one(nameless, "353505221264507")
        assert (message.device, reply_of(message)) == ("353505221264507", b"*HQ,353505221264507,V4,V1,20261124010203#")
        assert run(h02.decoder("tcp"), [nameless]) == ([], "a message without an identification")

    def test_datagrams(self) -> None:
        """Over UDP a message is the same."""
        for data in (V1, SHORT, LONG, IMEI):
            (message,) = messages(data, transport="udp")
            assert message == one(data)


class FramingTests(SynchronousTestCase):
    def test_records_of_any_length(self) -> None:
        """Records of 32 to 48 bytes are found one after the other, text between them too."""
        lengths = [frame.data for frame in frames("h02") if frame.data.startswith(b"$")]
        assert {len(data) for data in lengths} == {32, 42, 45, 46, 48}
        for data in lengths:
            found = messages(data * 3 + V1 + data)
            assert [len(message.fixes) for message in found] == [1] * 5, data.hex()
            assert [message.warnings for message in found] == [()] * 5

    def test_record_at_once(self) -> None:
        """A record is stored as soon as it is there, not when the next one comes."""
        for data in (SHORT, LONG, IMEI):
            assert len(list(h02.decoder("tcp").feed(data))) == 1

    def test_markers_in_a_tail(self) -> None:
        """What looks like a beginning in the undocumented part of a record hides no message."""
        for tail in (b"*" * 13, b"$" * 13, b"X" * 13, b"*HQ$12345*HQX", b"$4210051415*H"):
            found = messages(LONG[:32] + tail + V1 + LONG)
            assert [len(message.fixes) for message in found] == [1, 1, 1], tail

    def test_garbage(self) -> None:
        """What is no message is skipped to the next one, and told."""
        for garbage, number in ((b"GET / HTTP/1.1\r\n\r\n", 14), (b"*\0$\1X\2", 5), (b"\xff" * 3000, 3000), (SHORT[:16], 16)):
            message = one(garbage + V1)
            assert (message.warnings, len(message.fixes)) == ((f"{number} bytes that are no message",), 1), garbage

    def test_cut_off(self) -> None:
        """A message that broke off gives its identification to no other one's position."""
        message = one(b"*HQ,9001000002,V8,213945,A," + V1)
        assert (message.device, message.warnings) == (ID, ("27 bytes of a message that was cut off",))

    def test_endless_text(self) -> None:
        """A message without an end is given up after a kilobyte, and the next one found."""
        found = messages(b"*HQ,1,V1," + b"1" * 2000 + b"\r\n" + V1)
        assert [message.device for message in found] == [ID]


class TextTests(SynchronousTestCase):
    def test_fields(self) -> None:
        """Sheet, example 1 with values: everything that a V1 says is shown."""
        message = v1("164549,A,0956.3869,N,08406.7068,W, 10.00,270.5,47,221215,FFFFFBFF,712,01,32936,13641,6")
        assert message.fixes == (
            Fix(
                time=TIME,
                lat=9 + 56.3869 / 60,
                lon=-(84 + 6.7068 / 60),
                speed_kmh=18.52,
                course_deg=270.5,
                ignition=False,
                attributes={
                    "battery_level": 47,
                    "door": False,
                    "armed": False,
                    "relay_cut": False,
                    "status": "FFFFFBFF",
                    "mcc": 712,
                    "mnc": 1,
                    "lac": 32936,
                    "cell": 13641,
                    "extra": "712,01,32936,13641,6",
                },
            ),
        )

    def test_coordinates(self) -> None:
        """Every way of writing a coordinate that the models have is understood."""
        for text, lat, lon in [
            ("0956.3869,N,08406.7068,W", 9.939782, -84.11178),
            ("3542.2043,N,38.6508,W", 35.703405, -0.64418),
            ("-23-29.0095,S,-46-51.5852,W", -23.483492, -46.859753),
            ("-23-3.3408,S,-48-2.8926,W", -23.05568, -48.04821),
            ("37573392,S,145037022,E", -37.955653, 145.061703),
            ("701.8915,S,3450.3399,W", -7.031525, -34.838998),
            ("2827.61232,N,07703.84822,E", 28.460205, 77.064137),
        ]:
            (fix,) = v1(f"164549,A,{text},000.00,000,221215,FFFFFBFF").fixes
            assert abs(fix.lat - lat) < 1e-6, text
            assert abs(fix.lon - lon) < 1e-6, text

    def test_validity(self) -> None:
        """Only A, or the number of a coding scheme, means that the receiver had a fix."""
        for status, valid in {"A": True, "0": True, "V": False, "B": False, "": False}.items():
            (fix,) = v1(f"164549,{status},0956.3869,N,08406.7068,W,000.00,000,221215,FFFFFBFF").fixes
            assert fix.valid is valid, status

    def test_no_position(self) -> None:
        """Zeros without reception are no position, and nothing is wrong with them."""
        for place in ("0.0000,0,0.0000,0", "0000.0000,N,00000.0000,E", ",,,"):
            message = v1(f"000000,V,{place},0.00,0.00,000000,ffffffff")
            assert (message.fixes, message.unreadable, message.warnings) == ((), "", ()), place

    def test_unreadable(self) -> None:
        """A position that cannot be read is kept apart with the reason."""
        for place, reason in {
            "0956.3869,X,08406.7068,W": "there are no coordinates",
            "0956.3869": "there are no coordinates",
            ",N,08406.7068,W": "lat is missing",
            "0956.3869,N,084067068,W,": "",
            "0956.3869,N,08466.7068,W": "lon cannot be '08466.7068'",
        }.items():
            assert v1(f"164549,A,{place},000.00,000,221215,FFFFFBFF").unreadable == reason, place
        assert v1("164549").unreadable == "there are no coordinates"

    def test_no_time(self) -> None:
        """Without a date there is no time, and the position counts as not valid; a broken one is a warning."""
        for date in ("", "000000"):
            (fix,) = v1(f"164549,A,0956.3869,N,08406.7068,W,000.00,000,{date},FFFFFBFF").fixes
            assert (fix.time, fix.valid, fix.ignition) == (None, False, False), date
        message = v1("164549,A,0956.3869,N,08406.7068,W,000.00,000,321215,FFFFFBFF")
        assert (message.fixes[0].time, message.warnings) == (None, ("time cannot be '321215 164549'",))
        assert v1(",A,0956.3869,N,08406.7068,W,000.00,000,221215,FFFFFBFF").fixes[0].time is None

    def test_broken_status(self) -> None:
        """A status that cannot be read is a warning."""
        message = v1("164549,A,0956.3869,N,08406.7068,W,fast,400,221215,FFFFXBFF")
        assert message.warnings == ("speed_kmh cannot be 'fast'", "course_deg cannot be '400'", "status cannot be 'FFFFXBFF'")
        assert (message.fixes[0].time, message.fixes[0].ignition) == (TIME, None)

    def test_cells(self) -> None:
        """The cell is shown whether the model writes it in decimal or in hex; what is no cell stays as it is."""
        for extra, cell in {
            "712,01,0,0,6": {"mcc": 712, "mnc": 1},
            "310,260,32936,13641": {"mcc": 310, "mnc": 260, "lac": 32936, "cell": 13641},
            "25c,a, 154,b04c": {"mcc": 604, "mnc": 10, "lac": 340, "cell": 45132},
            "000106,000002,000203,004c87,16": {"mcc": 262, "mnc": 2, "lac": 515, "cell": 19591},
            "460,11,d18e105,7752,6": {},
            "0,0,0,0,22,31,126,0": {},
            "": {},
        }.items():
            (fix,) = v1(f"164549,A,0956.3869,N,08406.7068,W,000.00,000,221215,FFFFFBFF,{extra}").fixes
            expected = cell | ({"extra": extra} if extra else {})
            assert {key: value for key, value in fix.attributes.items() if key in (*cell, "mcc", "lac", "extra")} == expected

    def test_sim_card(self) -> None:
        """V6 and V19 tell the SIM card's number, V19 the phone's too, and the status is found behind it."""
        (fix,) = v1("002926,V,3514.4088,N,9733.2842,W,0.00,0.00,151222,FFF7FBFF,310,260,32936,13641,8944501F,", "V6").fixes
        assert (fix.attributes["iccid"], fix.alarm) == ("8944501F", events.POWER_CUT)
        (fix,) = v1("181519,V,3853.2587,S,06205.9175,W,000.00,000,090217,,54929,89543?,FFFFFBFF", "V19").fixes
        assert (fix.attributes["phone"], fix.attributes["iccid"], fix.ignition) == ("54929", "89543?", False)

    def test_confirmations(self) -> None:
        """The result of a command is shown with the position that confirms it."""
        for result in ("S20,DONE", "S17", "S14,100,10,1,3", "S1,OK,110622"):
            (fix,) = v1(f"{result},130305,050316,A,2212.8745,N,11346.6574,E,14.28,028,220902,F7FFFBFF", "V4").fixes
            assert (fix.attributes["result"], fix.time, fix.attributes["relay_cut"]) == (
                result,
                utc_ms(2002, 9, 22, 5, 3, 16),
                True,
            )
        assert v1("S32,0000130502.35", "V4").fixes == ()

    def test_vp1(self) -> None:
        """A VP1 has a date without a time of day, which is none; one of cells has no position."""
        (fix,) = v1("A,2212.8745,N,11346.6574,E,14.28,028,220902", "VP1").fixes
        assert (fix.time, fix.valid, fix.course_deg) == (None, True, 28.0)
        message = v1("V,460,0,9338,3692,150Y9338,3691,145", "VP1")
        assert (message.fixes, message.unreadable) == ((), "")


class StatusTests(SynchronousTestCase):
    def test_alarms(self) -> None:
        """Each bit of the status that is clear is the alarm that the vendor's document names."""
        for bit, alarm in {
            0: events.TAMPERING,
            1: events.SOS,
            2: events.OVERSPEED,
            4: events.GEOFENCE_ENTER,
            7: events.GEOFENCE_EXIT,
            11: events.LOW_BATTERY,
            16: events.FAULT,
            17: events.VIBRATION,
            18: None,
            19: events.POWER_CUT,
            20: events.POWER_CUT,
            24: events.TEMPERATURE,
            25: events.TOW,
            28: events.POWER_CUT,
            31: None,
        }.items():
            assert with_status(f"{0xFFFFFFFF & ~(1 << bit):08X}").alarm == alarm, bit

    def test_most_urgent(self) -> None:
        """Of several alarms the most urgent is shown."""
        assert with_status("00000000").alarm == events.SOS
        assert with_status("FFF6FFFF").alarm == events.POWER_CUT

    def test_states(self) -> None:
        """Ignition, door, arming and the relay are shown as they are."""
        on, off = with_status("ffffffff"), with_status("F7FFF8FF")
        assert (on.ignition, off.ignition) == (True, False)
        names = ("door", "armed", "relay_cut")
        assert [on.attributes[name] for name in names] == [False] * 3
        assert [off.attributes[name] for name in names] == [True] * 3

    def test_heartbeats(self) -> None:
        """A heartbeat tells charge, signal, ignition and alarms, and makes no position."""
        for data, vitals in {
            "*HQ,1700086468,LINK,180902,15,0,84,0,0,240517,FFFFFBFD#": Vitals(
                gsm=15, battery_pct=84, ignition=False, alarm=events.SOS
            ),
            "*HQ,135790246811220,HTBT,97#": Vitals(battery_pct=97),
            "*HQ,4109179024,NBR,103732,722,310,0,1,8106,32010,23,100217,FFF7FBFF,5#": Vitals(
                ignition=False, alarm=events.POWER_CUT
            ),
            "*HQ,353505221264507,V3,103732,28403,01,001,1,2,3,4,0292,0,X,100217,FFFFFFFF#": Vitals(ignition=True),
            "*HQ,8401016597,BASE,152609,0,0,0,0,211014,FFFFFFFF#": None,
        }.items():
            message = one(data)
            assert (message.fixes, message.vitals, message.warnings) == ((), vitals, ()), data


class BinaryTests(SynchronousTestCase):
    def test_short(self) -> None:
        """Sheet, example 7: a record of 32 bytes."""
        (fix,) = one(SHORT).fixes
        assert one(SHORT).device == "4106011660"
        assert (fix.time, fix.lat, fix.lon, fix.valid) == (utc_ms(2016, 11, 13, 12, 45, 43), 50.58855, 4.53035, True)
        assert (fix.battery_pct, fix.speed_kmh, fix.ignition, fix.attributes["status"]) == (100, 0.0, False, "FFFFFBFF")

    def test_identification_of_15_digits(self) -> None:
        """Sheet, example 9: a record with an IMEI, speed in knots."""
        message = one(IMEI)
        (fix,) = message.fixes
        assert (message.device, fix.time) == ("352483084193293", utc_ms(2017, 8, 18, 10, 47, 59))
        assert (fix.speed_kmh, fix.course_deg, fix.alarm) == (44.448, 138.0, events.TEMPERATURE)

    def test_hemispheres_and_validity(self) -> None:
        """The flags behind the longitude have the signs, and whether it is valid."""
        for flags, lat, lon, valid in (("e", 1, 1, True), ("4", 1, -1, False), ("a", -1, 1, True), ("0", -1, -1, False)):
            (fix,) = one(bytes.fromhex(SHORT.hex().replace("4318210e", f"4318210{flags}"))).fixes
            assert (fix.lat, fix.lon, fix.valid) == (lat * 50.58855, lon * 4.53035, valid), flags

    def test_battery(self) -> None:
        """The battery comes in steps of ten, of twenty, or in percent; other values are none."""
        for raw, level in {0: None, 1: 0, 3: 20, 4: 60, 6: 100, 7: 7, 100: 100, 101: None, 0xF3: None}.items():
            (fix,) = one(SHORT[:16] + bytes([raw]) + SHORT[17:]).fixes
            assert fix.battery_pct == level, raw

    def test_nothing_that_cannot_be(self) -> None:
        """A record with an hour, a date or a coordinate that cannot be is skipped."""
        for at, byte in ((6, 0x24), (7, 0x60), (9, 0x40), (10, 0x13), (12, 0x91), (13, 0x60), (17, 0x19), (22, 0xA0)):
            assert messages(SHORT[:at] + bytes([byte]) + SHORT[at + 1 :]) == [], at

    def test_no_position(self) -> None:
        """A record without reception and with zeros tells only the state."""
        message = one(SHORT[:12] + bytes(13) + SHORT[25:])
        assert (message.fixes, message.unreadable, message.vitals) == ((), "", Vitals(ignition=False))

    def test_x_record(self) -> None:
        """A record that begins with X has the odometer in place of the identification, which the connection has to have given."""
        data = b"X" + bytes.fromhex("0000130502") + SHORT[6:]
        message = one(data, ID)
        assert (message.device, message.fixes[0].odometer_km) == (ID, 67.135)
        assert run(h02.decoder("tcp"), [data])[0] == []
        assert messages(V1 + data)[1].device == ID


class RecognitionTests(SynchronousTestCase):
    def verdict(self, data: bytes) -> Verdict:
        return h02.recognises(data, "tcp")

    def test_text(self) -> None:
        """A device is known by the head of its first message."""
        for data in (b"*HQ,4210051415,V1,", b"*HQ,135790246811220,HTBT#", b"*hq,,V1,"):
            assert (self.verdict(data[:-1]), self.verdict(data)) == (Verdict.MORE, Verdict.YES), data
        for data in (b"*HQ,421,V", b"*1", b"*HQ;", b"*HQ,4210051415,v", b"GET"):
            assert self.verdict(data) is Verdict.NO, data

    def test_records(self) -> None:
        """A record is known when all of it can be one."""
        for data in (SHORT, LONG, IMEI):
            assert (self.verdict(data[:31]), self.verdict(data)) == (Verdict.MORE, Verdict.YES)
        for data in (b"$GPRMC,", b"$$A142,", SHORT[:6] + b"\xa5"):
            assert self.verdict(data) is Verdict.NO, data


class EncoderTests(SynchronousTestCase):
    def test_encoder(self) -> None:
        """A simulated device reports at once, and each report is answered."""
        encoder = h02.encoder("990000000000001", "tcp")
        assert isinstance(encoder, Encoder)
        assert encoder.hello() == b""
        fix = Fix(time=TIME, lat=-34.6037, lon=-58.38165, speed_kmh=83.34, course_deg=7.0, ignition=False)
        report, invalid = messages(encoder.report((fix, Fix(time=0, lat=1, lon=179.99999999, valid=False))))
        (read,) = report.fixes
        assert (report.device, read.time, read.course_deg, read.ignition) == ("990000000000001", TIME, 7.0, False)
        assert abs(read.lat - fix.lat) + abs(read.lon - fix.lon) < 4e-6
        assert abs((read.speed_kmh or 0) - 83.34) < 0.01
        assert (invalid.fixes[0].valid, invalid.fixes[0].lon) == (False, 180.0)
        assert reply_of(report) == b"*HQ,990000000000001,V4,V1,20261124010203#"
