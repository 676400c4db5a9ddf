"""Coban: what its devices hear of the server, and what a user sees of its devices."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from protocols.gps103 import SAMPLES, Encoder, gps103
from tests.protocols.agreement import AgreementTests
from tests.protocols.contract import DecoderContract, run
from tests.protocols.frames import frames
from waygps import events
from waygps.bits import digits_ms, utc_ms
from waygps.fix import Fix, Message, Vitals
from waygps.interfaces import Transport, Verdict

IMEI = "359586015829802"
POSITION = "F,062947.294,A,2234.4026,N,11354.3277,E,0.00,"
LOCAL = "0809231429"
OBD = "imei:359710049090138,OBD,160629022949,51442,0.00,15.88,5632,122,40.39%,95,0.00%,2101,13.80,,,,;"
TRACKER = "imei:359710049090138,tracker,160629022948,,F,182949.000,A,4043.8839,N,11328.8029,W,65.26,271.82,,1,0,31.37%,51442,;"

EMPTY = "the course's field is empty, or not there; 0 is listed"
FRACTION = "the list leaves out the fraction of the second"
NO_COURSE = """
    99d24566 6d678e76 ef1ded4a 712f18ae a6d44abc 50057f7c 57860cd8 0583fdc4 3b4794c8 afa66680 e4a67840 f6b1262c b7b4a922 abbce40c
    0caac21e 0c6b7af6
"""
EXCEPTIONS = {
    **{f"gps103-{name}": EMPTY for name in NO_COURSE.split()},
    "gps103-12e180ee": FRACTION,
    "gps103-5e8c7016": FRACTION,
    "gps103-f4c60bde": f"{FRACTION}; {EMPTY}",
    "gps103-9327bfea": f"{FRACTION}; {EMPTY}",
    "gps103-3c45867a": f"the local time has 48 seconds, which are not listed; {EMPTY}",
    "gps103-a503ace8": f"the local time has 53 seconds, which are not listed; {EMPTY}",
}
NO_ALTITUDE = """
    54304f50 4e8cfb72 5f91146a 99d24566 6d678e76 ef1ded4a 712f18ae a6d44abc 50057f7c 9e327082 255a42b5 878a9b97 98ad6557 938c96f2
    5dabca32 2a3abbc8 0583fdc4 f1759740 12e180ee 3b4794c8 afa66680 e4a67840 f6b1262c 5e8c7016 b7b4a922 f4c60bde 9327bfea abbce40c
    0caac21e 902369a4 bd08eaae
"""


def messages(data: bytes | str, transport: Transport = "tcp", device: str = "") -> list[Message]:
    """What a connection, or a datagram, comes to."""
    found, reason = run(gps103.decoder(transport, device), [data if isinstance(data, bytes) else data.encode("latin-1")])
    assert reason == ""
    return found


def one(data: bytes | str) -> Message:
    (message,) = messages(data)
    return message


def report(keyword: str = "tracker", local: str = LOCAL, extra: str = "", rest: str = POSITION) -> Message:
    """What a sentence of the standard layout comes to."""
    return one(f"imei:{IMEI},{keyword},{local},{extra},{rest};")


def fix_of(*arguments: str, **fields: str) -> Fix:
    (fix,) = report(*arguments, **fields).fixes
    return fix


class FrameTests(DecoderContract, AgreementTests, SynchronousTestCase):
    vendor = gps103
    device = IMEI
    samples = [
        *(frame.data for frame in frames("gps103") if b"OBD" not in frame.data),
        *(sample.data for sample in SAMPLES),
        b"\xff\xfe;" + TRACKER.encode() + b"*;;\r\n",
    ]
    exceptions = EXCEPTIONS
    others = {f"gps103-{name} altitude_m": "the field is empty, or not there; 0 is listed" for name in NO_ALTITUDE.split()}
    alarms = {
        "fuelLeak": events.FUEL_LEAK,
        "bonnet": events.TAMPERING,
        "footBrake": events.TAMPERING,
        "powerCut": events.POWER_CUT,
    }

    def test_without_complaint(self) -> None:
        """No captured message is lost, split or complained about."""
        for frame in frames("gps103"):
            (message,) = messages(frame.data)
            assert (message.warnings, message.unreadable) == ((), ""), frame.id

    def test_optional_fields_cost_themselves(self) -> None:
        """A captured position outlives the loss of everything behind it, and nonsense in any of the fields there."""
        for frame in frames("gps103"):
            head = re.match(rb"imei:.*,A,(?:[NS],)?[\d.]+,(?:[NS],)?(?:[EW],)?[\d.]+(?:,[EW]?)?(?=,)", frame.data)
            if head is None:
                continue
            place = [(fix.lat, fix.lon, fix.time) for fix in one(frame.data).fixes]
            tail = frame.data[head.end() :].rstrip(b"\r\n;").split(b",")
            for cut in range(len(tail)):
                message = one(head[0] + b",".join(tail[:cut]) + b";")
                assert [(fix.lat, fix.lon, fix.time) for fix in message.fixes] == place, frame.id
            for at in range(1, len(tail)):
                message = one(head[0] + b",".join([*tail[:at], b"\xe9?", *tail[at + 1 :]]) + b";")
                assert [(fix.lat, fix.lon, fix.time) for fix in message.fixes] == place, frame.id


class SessionTests(SynchronousTestCase):
    def test_login_and_heartbeat(self) -> None:
        """A device hears LOAD to its login and ON to its heartbeat, and its positions are stored without an answer."""
        found = messages(f"##,imei:{IMEI},A;{IMEI};imei:{IMEI},tracker,{LOCAL},,{POSITION};")
        assert [(message.device, message.reply, len(message.fixes)) for message in found] == [
            (IMEI, b"LOAD", 0),
            (IMEI, b"ON", 0),
            (IMEI, b"", 1),
        ]

    def test_other_login(self) -> None:
        """A short sentence with an IMEI is a login too, however it ends."""
        for end in (";", "\r\n", "\n", "*"):
            assert one(f"imei:123451234512345,L,{end}").reply == b"LOAD", end

    def test_heartbeat_in_front_of_a_position(self) -> None:
        """A heartbeat without a delimiter is answered, when the position behind it is stored."""
        (message,) = messages(IMEI + TRACKER)
        assert (message.device, message.reply, len(message.fixes)) == ("359710049090138", b"ON", 1)

    def test_sos(self) -> None:
        """An SOS is answered, so that the device stops repeating it: with a position, and without reception."""
        for rest in (POSITION, "L,,,113b,,558f,,,,,0,0,,,"):
            assert report("help me", rest=rest).reply == b"**,imei:359586015829802,E;", rest

    def test_samples(self) -> None:
        """What the vendor says of itself is so."""
        for sample in SAMPLES:
            message = one(sample.data)
            assert sample.reply in (None, message.reply), sample.data
            assert len(message.fixes) == len(sample.fixes)

    def test_other_device_on_the_connection(self) -> None:
        """A sentence belongs to the device that it names."""
        first, second = messages(f"##,imei:{IMEI},A;{TRACKER}")
        assert (first.device, second.device) == (IMEI, "359710049090138")

    def test_strangers(self) -> None:
        """What is no sentence ends a connection that never named its device, and is passed over on one that did."""
        assert run(gps103.decoder("tcp"), [b"hello;" + TRACKER.encode()]) == ([], "neither a login nor a report")
        for noise in ("hello", "imei:12,tracker", "##,imei:x,E"):
            skipped, message = messages(noise + ";" + TRACKER, device=IMEI)
            assert (skipped.device, skipped.fixes) == (IMEI, ())
            assert skipped.warnings == (f"not understood: {(noise + ';').encode()!r}",)
            assert len(message.fixes) == 1

    def test_delimiters(self) -> None:
        """Each delimiter of the manual ends a sentence, alone or together with others."""
        body = TRACKER.rstrip(";")
        for end in (";", "\r\n", "\n", ";\r\n", ";;\n"):
            assert [len(message.fixes) for message in messages((body + end) * 3)] == [1, 1, 1], end

    def test_datagram_without_delimiter(self) -> None:
        """A datagram is whole without a delimiter; what a broken connection leaves is not, and makes no position."""
        half = f"imei:{IMEI},tracker,{LOCAL},,F,062947.294,A,2234.4026,N,113"
        assert messages(half) == []
        (message,) = messages(f"imei:{IMEI},tracker,{LOCAL},,{POSITION}", "udp")
        assert (message.device, len(message.fixes)) == (IMEI, 1)
        (message,) = messages(IMEI, "udp")
        assert message.reply == b"ON"


class TimeTests(SynchronousTestCase):
    def test_date_next_to_the_local_one(self) -> None:
        """The date is that of the device's local time, or the day before or after it, whatever the zone."""
        for local, utc, expected in [
            ("151030080103", "000101.000", "20151030000101"),
            ("151027025958", "235957.000", "20151026235957"),
            ("151027041419", "011531.000", "20151027011531"),
            ("0809231929", "055403.000", "20080924055403"),
            ("13/02/27 23:40", "125952.000", "20130227125952"),
            ("200101000000", "120000", "20191231120000"),
            ("200101120000", "000000", "20200101000000"),
            ("191231200000", "020000.0", "20200101020000"),
        ]:
            rest = f"F,{utc},A,2234.4026,N,11354.3277,E,0.00,"
            assert fix_of(local=local, rest=rest).time == digits_ms(expected), (local, utc)

    def test_no_satellite_time(self) -> None:
        """Without a time of the satellites the device's own counts."""
        for utc in ("", "0.0", "31.0", "256199"):
            rest = f"F,{utc},A,2234.4026,N,11354.3277,E,0.00,"
            assert fix_of(local="150420050648", rest=rest).time == utc_ms(2015, 4, 20, 5, 6, 48), utc

    def test_no_time(self) -> None:
        """A clock that was never set gives no time; one that cannot be read is a warning."""
        for local in ("", "000000000", "0000000000"):
            message = report(local=local)
            assert (message.fixes[0].time, message.warnings) == (None, ()), local
        message = report(local="0813231429")
        assert (message.fixes[0].time, message.warnings) == (None, ("time cannot be '0813231429,062947.294'",))


class PositionTests(SynchronousTestCase):
    def test_fields(self) -> None:
        """Sheet, 6: everything that a GPS303 says is shown."""
        rest = "F,055403.000,A,2233.1870,N,11354.3067,E,10.00,30.1,65.43,1,1,10.5%,0.0%,-28"
        assert fix_of("001", "0809231929", "13554900601", rest) == Fix(
            time=utc_ms(2008, 9, 24, 5, 54, 3),
            lat=22 + 33.1870 / 60,
            lon=113 + 54.3067 / 60,
            speed_kmh=18.52,
            course_deg=30.1,
            altitude_m=65.43,
            ignition=True,
            attributes={"door": True, "fuel1_pct": 10.5, "fuel2_pct": 0.0, "temperature1_c": -28.0},
        )

    def test_hemispheres(self) -> None:
        """The hemisphere stands before its number, behind it, or is left out, and the speed is found all the same."""
        for text, lat, lon in [
            ("2230.0000,S,01030.0000,W", -22.5, -10.5),
            ("S,2230.0000,W,01030.0000", -22.5, -10.5),
            ("2230.0000,S,W,01030.0000", -22.5, -10.5),
            ("S,2230.0000,01030.0000,W", -22.5, -10.5),
            ("2230.0000,,01030.0000,", 22.5, 10.5),
            ("2230.0000,01030.0000", 22.5, 10.5),
        ]:
            fix = fix_of(rest=f"F,062947,A,{text},7.00,90,")
            assert (fix.lat, fix.lon, fix.speed_kmh, fix.course_deg) == (lat, lon, 12.964, 90.0), text

    def test_not_valid(self) -> None:
        """The last known position is marked; zeros and blanks without reception are none."""
        fix = fix_of(rest=POSITION.replace(",A,", ",V,"))
        assert (fix.valid, round(fix.lat, 5)) == (False, 22.57338)
        for place in ("0000.0000,N,00000.0000,E", ",,,"):
            message = report("speed", rest=f"F,062947,V,{place},0.00,,,1")
            assert (message.fixes, message.unreadable) == ((), "")
            assert message.vitals == Vitals(ignition=True, alarm=events.OVERSPEED)

    def test_unreadable(self) -> None:
        """A position that cannot be read is kept apart with the reason, and the device's SOS answered."""
        for rest, reason in {
            "F,062947,A,2274.4026,N,11354.3277,E,0.00,": "lat cannot be '2274.4026'",
            "F,062947,A,2234.4026,X,11354.3277,E,0.00,": "lon cannot be 'X'",
            "F,062947,A,,N,11354.3277,E,0.00,": "lat is missing",
            "F,062947,A,2234.4026": "there are no coordinates",
            "G,062947,A,2234.4026,N,11354.3277,E": "neither a position (F) nor a cell (L)",
        }.items():
            message = report("help me", rest=rest)
            assert (message.fixes, message.unreadable) == ((), reason), rest
            assert message.reply == b"**,imei:359586015829802,E;"

    def test_cells_only(self) -> None:
        """A report without reception moves nothing, and tells what else it knows."""
        message = report(rest="L,,,fa8,,c9af,,,,,1,0,0.00%,,")
        assert (message.fixes, message.vitals, message.unreadable) == ((), Vitals(ignition=True), "")
        assert report("low battery", rest="L").vitals == Vitals(alarm=events.LOW_BATTERY)
        assert report(rest="L").vitals is None

    def test_alternative(self) -> None:
        """Sheet, 4.4: the format that ends with an asterisk has km/h, decimal degrees and UTC."""
        line = "imei:861359038609986,Uno,help me,12,3.5,214734,241018,26,{},-33.42317,-70.61930,067,229,0674,1.00,08,1,1,E7,*"
        message = one(line.format(1))
        assert message.fixes == (
            Fix(
                time=utc_ms(2018, 10, 24, 21, 47, 34),
                lat=-33.42317,
                lon=-70.6193,
                speed_kmh=67.0,
                course_deg=229.0,
                altitude_m=674.0,
                hdop=1.0,
                satellites=8,
                gsm=26,
                ignition=True,
                alarm=events.SOS,
                attributes={"event": "help me", "sensor_id": "12", "sensor_v": 3.5, "charging": True, "error": "E7"},
            ),
        )
        assert one(line.format(0)).fixes[0].valid is False
        broken = one(line.format(1).replace("-33.42317", "-93.42317").replace("214734", "994734"))
        assert (broken.fixes, broken.unreadable) == ((), "lat is missing")
        assert broken.warnings == ("time cannot be '241018 994734'", "lat cannot be '-93.42317'")


class KeywordTests(SynchronousTestCase):
    def test_alarms(self) -> None:
        """Each keyword of the manual is the alarm that it means, and can be read as it was sent."""
        for keyword, alarm in {
            "help me": events.SOS,
            "low battery": events.LOW_BATTERY,
            "stockade": events.GEOFENCE,
            "move": events.MOVEMENT,
            "speed": events.OVERSPEED,
            "acc alarm": events.TAMPERING,
            "ac alarm": events.POWER_CUT,
            "door alarm": events.DOOR,
            "sensor alarm": events.VIBRATION,
            "accident alarm": events.CRASH,
            "DTC": events.FAULT,
            "T:+28.0": events.TEMPERATURE,
            "oil 51.67": events.FUEL_LEAK,
            "oil2": events.FUEL_LEAK,
            "kt": None,
            "vt14": None,
        }.items():
            fix = fix_of(keyword)
            assert (fix.alarm, fix.attributes["event"]) == (alarm, keyword), keyword

    def test_routine(self) -> None:
        """A periodic position is no event."""
        for keyword in ("tracker", "", "001"):
            fix = fix_of(keyword)
            assert (fix.alarm, fix.attributes) == (None, {}), keyword

    def test_measured(self) -> None:
        """The temperature and the level that raised an alarm are shown; one that cannot be read is a warning."""
        assert fix_of("T:-3.5").attributes["temperature1_c"] == -3.5
        assert fix_of("oil 51.67").attributes["fuel1_pct"] == 51.67
        message = report("T:cold")
        assert (message.fixes[0].alarm, message.warnings) == (events.TEMPERATURE, ("temperature1_c cannot be 'cold'",))

    def test_ignition(self) -> None:
        """The ignition's event sets it, also where the wire's field says nothing or lags behind."""
        assert (fix_of("acc on").ignition, fix_of("acc off").ignition, fix_of().ignition) == (True, False, None)
        assert fix_of("acc off", rest=POSITION + ",,1,0").ignition is False

    def test_driver_and_battery(self) -> None:
        """The tag of an RFID event is the driver; a percentage in the same place is the battery's."""
        assert fix_of("rfid", extra="49121185").driver == "49121185"
        assert fix_of(extra="49121185").driver is None
        assert fix_of(extra="87%").battery_pct == 87
        message = report(extra="187%")
        assert (message.fixes[0].battery_pct, message.warnings) == (None, ("battery_pct cannot be '187'",))

    def test_fuel(self) -> None:
        """The fuel's fields may have a trouble code or the odometer instead, and stand a place earlier in an oil alarm."""
        fix = fix_of("DTC", rest=POSITION + "30.1,,1,0,10.5%,P0021,")
        assert fix.attributes == {"door": False, "fuel1_pct": 10.5, "dtc1": "P0021", "event": "DTC"}
        assert fix_of(rest=POSITION + "30.1,,1,0,31.37%,51442").odometer_km == 51442.0
        fix = fix_of("oil2", rest=POSITION + ",,,51.6,41.7,")
        assert fix.attributes == {"fuel1_pct": 51.6, "fuel2_pct": 41.7, "event": "oil2"}


class VehicleTests(SynchronousTestCase):
    """The GPS306, which reads the vehicle's own computer."""

    def test_values_go_with_the_position(self) -> None:
        """Mileage, revolutions, coolant and the rest are shown with the position of the same minute, and the voltage at once."""
        obd, tracker = messages(OBD + TRACKER)
        assert (obd.fixes, obd.vitals) == ((), Vitals(power_v=13.8))
        (fix,) = tracker.fixes
        assert (fix.odometer_km, fix.power_v, round(fix.speed_kmh or 0, 2)) == (51442.0, 13.8, 120.86)
        assert fix.attributes == {
            "obd_fuel_instant": 0.0,
            "obd_fuel_average": 15.88,
            "obd_hours_h": 5632.0,
            "obd_speed_kmh": 122.0,
            "engine_load_pct": 40.39,
            "coolant_temperature_c": 95.0,
            "throttle_pct": 0.0,
            "rpm": 2101,
            "door": False,
            "fuel1_pct": 31.37,
        }

    def test_other_times(self) -> None:
        """They are not shown with a position of another time, of no time, or with a second one."""
        for other in (TRACKER.replace("160629022948", "160629022700"), TRACKER.replace("160629022948", "000000000000")):
            _, tracker = messages(OBD + other)
            assert "rpm" not in tracker.fixes[0].attributes, other
        _, _, second = messages(OBD + TRACKER * 2)
        assert "rpm" not in second.fixes[0].attributes
        for unset in ("160699022949", "", "0"):
            _, tracker = messages(OBD.replace("160629022949", unset) + TRACKER)
            assert "rpm" not in tracker.fixes[0].attributes, unset

    def test_blanks(self) -> None:
        """Empty fields and a coolant temperature of a lone sign say nothing; a broken field costs itself."""
        for line in (",,,0.0,,000,0.0%,+,0.0%,00000,,,,,", "", ",,,,,,,,,,"):
            assert one(f"imei:{IMEI},OBD,141118115036{line}\r\n").warnings == (), line
        message = one(OBD.replace("2101", "fast"))
        assert (message.warnings, message.vitals) == (("rpm cannot be 'fast'",), Vitals(power_v=13.8))

    def test_photo(self) -> None:
        """A piece of a photo is taken without complaint, and is no position."""
        message = one(f"imei:{IMEI},vr,0c00fa011ea05a03d726;")
        assert (message.fixes, message.unreadable, message.warnings) == ((), "", ())


class RecognitionTests(SynchronousTestCase):
    def verdict(self, data: bytes) -> Verdict:
        return gps103.recognises(data, "tcp")

    def test_early(self) -> None:
        """A device is known by its login and its heartbeat, which it waits to be answered."""
        for data in (b"##,imei:359586015829802,A", b"359586015829802;", b"\r\n##,imei:359586015829802,A"):
            assert (self.verdict(data[:-1]), self.verdict(data)) == (Verdict.MORE, Verdict.YES), data

    def test_bare_number(self) -> None:
        """A line that is a number alone may be of any device; what comes next tells."""
        for data in (b"359586015829802", b"359586015829802\r\n", b"359586015829802\r\n##,im", b"359586015829802\r\nimei:3"):
            assert self.verdict(data) is Verdict.MORE, data
        assert self.verdict(b"359586015829802\r\n##,imei:359586015829802,A;") is Verdict.YES
        assert self.verdict(b"359586015829802\r\n$GPRMC") is Verdict.NO

    def test_lines_of_pairs(self) -> None:
        """A line of KEY: value that begins with an IMEI is not taken for a device's."""
        assert self.verdict(b"imei:359586015829802,lat:") is Verdict.NO
        assert self.verdict(b"imei:359586015829802,T:12,l") is Verdict.NO
        assert self.verdict(b"imei:359586015829802,T:12,0") is Verdict.YES
        assert self.verdict(b"imei:359586015829802,T:12,") is Verdict.MORE


class EncoderTests(SynchronousTestCase):
    def test_encoder(self) -> None:
        """A simulated device logs in, reports, and each report is answered once it is stored."""
        encoder = gps103.encoder(IMEI, "tcp")
        assert isinstance(encoder, Encoder)
        fix = Fix(time=utc_ms(2026, 1, 2, 3, 4, 5) + 678, lat=-34.6037, lon=-58.38165, altitude_m=25.0, speed_kmh=83.34)
        login, report, invalid = messages(
            encoder.hello() + encoder.report((fix,)) + encoder.report((Fix(time=None, lat=1, lon=179.99999999, valid=False),))
        )
        assert (login.reply, report.reply, report.warnings) == (b"LOAD", b"ON", ())
        (read,) = report.fixes
        assert (read.time, read.altitude_m, read.speed_kmh, read.ignition) == (fix.time, 25.0, 83.34, False)
        assert abs(read.lat - fix.lat) < 2e-6
        assert abs(read.lon - fix.lon) < 2e-6
        assert (invalid.fixes[0].valid, invalid.fixes[0].lon) == (False, 180.0)
