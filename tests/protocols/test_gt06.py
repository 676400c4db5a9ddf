"""GT06: what its devices see of the server, and what a user sees of its devices."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from protocols.gt06 import Decoder, Encoder, gt06
from tests.fakes import a_fix
from tests.protocols.agreement import AgreementTests
from tests.protocols.contract import DecoderContract, run
from tests.protocols.frames import frames
from waygps import events
from waygps.bits import crc16_x25, utc_ms
from waygps.fix import Fix, Message, Vitals
from waygps.interfaces import Transport, Verdict

IMEI = "123456789012345"
LOGIN = bytes.fromhex("78780D01012345678901234500018CDD0D0A")
SHEET = {
    name: bytes.fromhex(data)
    for name, data in {
        "login": "78780D01012345678901234500018CDD0D0A",
        "login with zone": "78781101075253367890024270003201000512790D0A",
        "heartbeat": "78780A134004040001000FDCEE0D0A",
        "charging": "78780A13440604000201BAAF540D0A",
        "gk310": "78780B23C00122040001000818720D0A",
        "12": "78781F120B081D112E10CF027AC7EB0C46584900148F01CC00287D001FB8000380810D0A",
        "12 clone": "78781F120F0A140E150BC505E51E780293A9E800540000F601006E0055DA00035F240D0A",
        "22": "787822220F0C1D023305C9027AC8180C46586000140001CC00287D001F71000001000820860D0A",
        "26": "787825260F0C1D030B26C9027AC8180C4658600004000901CC00287D001F718004041302000C472A0D0A",
        "A0": "78782AA015041007350ECA027AC8A20C4658BE00140081CC00000000287D0000000002EA5E010004000009DFFC0D0A",
        "A0 south": "787829A01707150F2D0ECD01635100041E96D000087C02D4020000912E000000000718798D000E0006ED3CE50D0A",
        "A5": "787819A5012ED0000075DF000000000098661502050413000019A12B0D0A",
        "94 0B": "79790008940B02E3048614200D0A",
        "94 0A": "79790020940A03516080825457290502194200448892980691312079088572F50004D4350D0A",
        "80": "78780E800800000000736F732300016D6A0D0A",
        "15": "78782D152500000000437574206F666620746865206675656C20737570706C793A2053756363657373210002013B898A0D0A",
        "8A": "7878058A000688290D0A",
        "2A": "78782E2A0F0C1D071139CA027AC8000C4658000014D83132353230313335333231373730373900000000000001002A6ECE0D0A",
        "11": "78782111150B0B022C30C804B7AF7808810CB0003C00012E02D075DF0084890C000679950D0A",
    }.items()
}
GPS = bytes.fromhex("0F0C1D023305C9027AC8180C4658600014D8")
"""A position of 2015-12-29 02:51:05, course 216."""
CELL = bytes.fromhex("01CC00287D001F71")
FRAMES = list(frames("gt06"))


def framed(kind: int, content: bytes, serial: int = 7, *, wide: bool = False) -> bytes:
    size = len(content) + 5
    checked = struct.pack(">H" if wide else ">B", size) + bytes([kind]) + content + struct.pack(">H", serial)
    return (b"yy" if wide else b"xx") + checked + struct.pack(">H", crc16_x25(checked)) + b"\r\n"


def ack(kind: int, serial: int = 7) -> bytes:
    return framed(kind, b"", serial)


def messages(*data: bytes, device: str = IMEI, transport: Transport = "tcp") -> list[Message]:
    found, reason = run(Decoder(transport, device), list(data))
    assert reason == "", reason
    return found


def message(data: bytes) -> Message:
    (found,) = messages(data)
    return found


def fix(data: bytes) -> Fix:
    (found,) = message(data).fixes
    return found


class ContractTests(DecoderContract, SynchronousTestCase):
    vendor = gt06
    device = IMEI
    samples = [
        LOGIN + b"".join(SHEET.values()) + LOGIN,
        *(data for name, data in SHEET.items() if name != "login with zone"),
        *(sample.data for sample in gt06.samples),
    ]


class GT06AgreementTests(AgreementTests, SynchronousTestCase):
    vendor = gt06
    exceptions = {
        "gt06-2598a4ea": "Type 8C ends with a valid position, of the time at its head: the list leaves it out.",
        "gt06-3988d91c": "A request for an address says where it is asked for, with time and valid fix: the list leaves it out.",
        "gt06-8a3da3aa": "Element 33 is 18 zeros: no position was taken, and nothing was at 0, 0 in 1970.",
    }
    others = {
        "gt06-f174caaa altitude_m": "02 AF before the serial number is 687 m; the list reads the checksum, 84 29.",
        "gt06-f174caaa gsm": "0B is the signal behind the long cell id; the status is 46 F0 04 21 02, whose third byte is 4.",
        "gt06-5f72b2f0 ignition": "15 is the signal behind the long cell id; ACC, mode and upload are 01 00 00.",
        "gt06-e744b9b2 altitude_m": "There is no altitude: the list reads the stop bytes 0D 0A.",
        "gt06-e744b9b2 ignition": "02 is the signal behind the long cell id; the status is 52 06 04 02 02: ACC on.",
        "gt06-e744b9b2 battery_pct": "The level is 6, full; 5E, which the list reads, is the serial number.",
        "gt06-e744b9b2 gsm": "The level is 4; 07, which the list reads, is the checksum's.",
        "gt06-5ade24d2 battery_pct": "04 E4 is 12.52 V of the supply, as 04 EA is in the heartbeat of the same device.",
        "gt06-5ade24d2 gsm": "As above: the signal is 4, not E4.",
        "gt06-be9e0d34 driver": "02 and 03 are STX and ETX around the card's number, 510065806BDF.",
        **{
            f"{frame.id} altitude_m": "The message has no altitude; the list has 0 where there is none."
            for frame in FRAMES
            for listed in frame.fixes
            if listed.altitude_m == 0 and frame.id not in ("gt06-8a3da3aa",) and frame.checksum_ok is not False
        },
    }
    alarms = {
        "vibration,vibration": events.VIBRATION,
        "powerCut,powerCut": events.POWER_CUT,
        "removing": events.TAMPERING,
        "hardAcceleration": events.HARSH_ACCELERATION,
    }


class SessionTests(SynchronousTestCase):
    def test_login(self) -> None:
        """A device that says who it is gets the answer that it waits for, with its own serial number."""
        (found,) = messages(LOGIN, device="")
        assert (found.device, found.reply.hex()) == (IMEI, "787805010001d9dc0d0a")
        (found,) = messages(SHEET["login with zone"], device="")
        assert (found.device, found.reply.hex()) == ("752533678900242", "7878050100059ff80d0a")

    def test_nothing_before_the_login(self) -> None:
        """What is sent before the login is not answered, since nobody can be found to have sent it."""
        for data in (SHEET["22"], SHEET["heartbeat"], SHEET["8A"], bytes.fromhex("787800171710231108290200cc080c4e2fa5640d0a")):
            found, reason = run(Decoder(), [data])
            assert (found, "before the login" in reason) == ([], True), data

    def test_second_login(self) -> None:
        """A gateway that logs in another device reports for that one from then on, and the first one's zone is forgotten."""
        found = messages(SHEET["login with zone"], SHEET["12"], LOGIN, SHEET["12"], device="")
        assert [each.device for each in found] == ["752533678900242"] * 2 + [IMEI] * 2
        assert found[3].fixes[0].time == utc_ms(2011, 8, 29, 17, 46, 16)

    def test_login_that_is_none(self) -> None:
        """A login without a whole IMEI, or with letters in it, ends the connection unanswered."""
        for content in (b"\1\x23\x45", b"\xab" * 8):
            found, reason = run(Decoder(), [framed(1, content)])
            assert not found
            assert reason

    def test_zone_of_the_login(self) -> None:
        """Types that carry the device's own time are shifted by the zone of its login, the others are UTC already."""
        found = messages(SHEET["login with zone"], SHEET["12"], SHEET["22"], device="")
        assert found[1].fixes[0].time == utc_ms(2011, 8, 29, 9, 46, 16)
        assert found[2].fixes[0].time == utc_ms(2015, 12, 29, 2, 51, 5)

    def test_western_zone(self) -> None:
        """A zone west of Greenwich is subtracted the other way, and one that cannot be is told and left out."""
        login = framed(1, bytes.fromhex("0123456789012345 0000") + struct.pack(">H", 430 << 4 | 8 | 2))
        assert messages(login, SHEET["12"], device="")[1].fixes[0].time == utc_ms(2011, 8, 29, 22, 16, 16)
        login = framed(1, bytes.fromhex("0123456789012345 0000 FFFF"))
        found = messages(login, SHEET["12"], device="")
        assert found[0].warnings == ("zone cannot be 65535",)
        assert found[1].fixes[0].time == utc_ms(2011, 8, 29, 17, 46, 16)

    def test_time_request(self) -> None:
        """A device that asks for the time is told it in UTC."""
        found = message(SHEET["8A"])
        assert found.timed_reply is not None
        reply = found.timed_reply(datetime(2015, 12, 29, 0, 0, 21, tzinfo=UTC))
        assert reply.hex() == "78780b8a0f0c1d0000150006f0860d0a"

    def test_answers(self) -> None:
        """Each type is answered as its devices expect: in the short form, in the long one, with a stub of an address, or not."""
        assert message(SHEET["26"]).reply.hex() == "78780526000c8d070d0a"
        assert message(SHEET["heartbeat"]).reply == ack(0x13, 15)
        assert message(framed(0x55, b"unknown")).reply == ack(0x55)
        assert message(framed(0x55, b"unknown", wide=True)).reply == b""
        assert message(framed(0x70, b"", wide=True)).reply == ack(0x70)
        assert message(framed(0x41, b"", wide=True)).reply == framed(0x41, b"", wide=True)
        for name in ("80", "15", "94 0B", "94 0A"):
            assert message(SHEET[name]).reply == b"", name
        expected = "79790015970b000000004e4126264e4126263023230000e61e0d0a"
        assert message(framed(0x2A, SHEET["2A"][4:-6], 0)).reply.hex() == expected

    def test_wifi_packet(self) -> None:
        """An old clone's list of networks, without a checksum, gets its time back."""
        found = message(bytes.fromhex("787800691710231108500200cc080c4e2fa5640c4e2fa66e0d0a"))
        assert (found.reply.hex(), found.fixes) == ("787800691710231108500d0a", ())


class FramingTests(SynchronousTestCase):
    def test_wrong_checksum(self) -> None:
        """A damaged frame is not answered; the next one is read, with a warning of what was lost."""
        damaged = SHEET["26"].replace(b"\xc9", b"\xc8")
        found = messages(damaged, SHEET["22"])
        assert [each.fixes[0].time for each in found] == [utc_ms(2015, 12, 29, 2, 51, 5)]
        assert "that are no message" in found[0].warnings[0]

    def test_wrong_length(self) -> None:
        """A clone that writes a wrong length is read up to the stop, when its checksum is right."""
        body = b"\x1b" + SHEET["12"][3:-4]
        data = b"xx" + body + struct.pack(">H", crc16_x25(body)) + b"\r\n"
        assert [len(each.fixes) for each in messages(data, SHEET["22"])] == [1, 1]

    def test_stop_inside(self) -> None:
        """A report whose content has the stop bytes in it is whole all the same."""
        data = framed(0x22, GPS[:7] + bytes.fromhex("00 0D0A 18 0C 0D0A 60") + GPS[15:] + CELL + b"\1\0\0")
        assert fix(data).ignition is True

    def test_garbage_between(self) -> None:
        """What is no frame is skipped, single start bytes in it included."""
        found = messages(b"x\0y" + SHEET["22"] + b"xyx\r\n" + SHEET["12"])
        assert len(found) == 2
        assert found[0].warnings == ("2 bytes that are no message",)

    def test_too_long(self) -> None:
        """A length beyond all reason is not waited for."""
        assert len(messages(b"yy\xff\xff" + b"\x22" * 20 + SHEET["22"])) == 1


class PositionTests(SynchronousTestCase):
    def test_type_12(self) -> None:
        """A position is where, when, how fast and in which direction; the cell is beside it."""
        found = fix(SHEET["12"])
        assert (round(found.lat, 6), round(found.lon, 6), found.time) == (23.111668, 114.409285, utc_ms(2011, 8, 29, 17, 46, 16))
        assert (found.speed_kmh, found.course_deg, found.satellites, found.valid) == (0, 143, 15, True)
        assert found.attributes == {"mcc": 460, "mnc": 0, "area_code": 0x287D, "cell_id": 0x1FB8}

    def test_ignition_in_the_word(self) -> None:
        """Where the word says that it carries the ignition, it does."""
        assert fix(SHEET["12 clone"]).ignition is False
        assert fix(SHEET["12"]).ignition is None

    def test_type_22(self) -> None:
        """Ignition, why it was sent and whether late, and the mileage where there is one."""
        assert fix(SHEET["22"]).ignition is False
        found = fix(framed(0x22, GPS + CELL + bytes.fromhex("010E01 00004B31")))
        assert (found.ignition, found.odometer_km) == (True, 19.249)
        assert (found.attributes["upload_mode"], found.attributes["buffered"]) == (14, True)

    def test_long_cells(self) -> None:
        """4G reports have the network's code in one byte or two, and coordinates of all four quarters."""
        found = fix(SHEET["A0"])
        assert (found.attributes["mnc"], found.attributes["cell_id"], found.ignition) == (0, 0x02EA5E01, False)
        found = fix(SHEET["A0 south"])
        assert (round(found.lat, 6), round(found.lon, 6), found.valid, found.course_deg) == (-12.936676, -38.396418, False, 124)
        assert (found.attributes["mcc"], found.attributes["mnc"]) == (724, 2)
        assert round(fix(SHEET["11"]).lon, 6) == -79.263956

    def test_unknown_tail(self) -> None:
        """What a clone adds and nobody knows is kept as it is."""
        assert fix(framed(0x22, GPS + CELL + b"\1\2\3\4\5")).attributes["tail"] == "0102030405"

    def test_driver(self) -> None:
        """The tag or card of a driver is the driver; none is no driver."""
        assert fix(framed(0x17, GPS + CELL + bytes.fromhex("0000001122334455 01"))).driver == "0000001122334455"
        assert fix(framed(0x17, GPS + CELL + bytes(9))).driver is None
        by_card = {frame.data[3]: fix(frame.data).driver for frame in FRAMES if frame.id in ("gt06-be9e0d34", "gt06-75b7890c")}
        assert by_card == {0x25: "510065806BDF", 0x12: None}

    def test_own_imei(self) -> None:
        """A report with the IMEI in it needs no login, nor a connection."""
        data = bytes.fromhex("78783c22010357789648774484180c06142038180c06142038cb03313ee4061fe98300185e") + bytes.fromhex(
            "090000000000000000460984284c000200000000017101d6f35d0d0a"
        )
        for transport in ("tcp", "udp"):
            (found,) = messages(data, device="", transport=transport)
            assert found.device == "357789648774484"
            (position,) = found.fixes
            assert (position.power_v, position.battery_v, position.ignition, position.gsm) == (24.36, 4.0, True, 76)

    def test_modules(self) -> None:
        """A modular report has altitude, precision and battery beside the position."""
        (frame,) = (frame for frame in FRAMES if frame.id == "gt06-d42de89a")
        found = fix(frame.data)
        assert (found.altitude_m, found.hdop, found.battery_v, found.satellites) == (368, 1.8, 4.05, 7)

    def test_modules_without_a_position(self) -> None:
        """A modular report of a device that never had a fix invents none; its battery is told."""
        (frame,) = (frame for frame in FRAMES if frame.id == "gt06-8a3da3aa")
        found = message(frame.data)
        assert (found.fixes, found.vitals) == ((), Vitals(battery_v=3.86))

    def test_type_38(self) -> None:
        """The wide report with a cell by its kind of network, and elements behind it."""
        cell = bytes.fromhex("0400 03 01CC00 0000287D 0000000002EA5E01 FFB0")
        found = fix(framed(0x38, GPS + cell + bytes.fromhex("0018 02 0190"), wide=True))
        assert (found.attributes["network_type"], found.attributes["cell_id"], found.battery_v) == (3, 0x02EA5E01, 4.0)
        found = fix(framed(0x38, GPS + bytes.fromhex("0400 01 01CC00 287D 001F71 50 0027 02 04E4 7777 01 AA"), wide=True))
        assert (found.power_v, found.attributes["rssi"], found.attributes["element_7777"]) == (12.52, 0x50, "aa")

    def test_time_that_is_none(self) -> None:
        """A clock that is not set costs the time, not the position."""
        for stamp in ("000C1D023305", "0F001D023305", "0F0C1D183305"):
            found = message(framed(0x22, bytes.fromhex(stamp) + GPS[6:] + CELL + bytes(3)))
            assert (found.fixes[0].time, found.warnings) == (None, (f"time cannot be {stamp.lower()}",))

    def test_place_that_is_none(self) -> None:
        """A latitude of 95 degrees is no position: it is kept apart, with its reason, and answered."""
        found = message(framed(0x22, GPS[:7] + struct.pack(">I", 95 * 1_800_000) + GPS[11:] + CELL + bytes(3)))
        assert (found.fixes, found.unreadable, found.reply) == ((), "lat cannot be 95.0", ack(0x22))

    def test_position_cut_short(self) -> None:
        """So is a report that ends within its position; one without any content reports nothing."""
        assert message(framed(0x22, GPS[:15])).unreadable == "the position is cut off"
        assert message(framed(0x12, b"")).unreadable == ""

    def test_no_coordinates(self) -> None:
        """An alarm before the first fix is kept as not valid, whatever its word says."""
        assert fix(framed(0x22, GPS[:7] + bytes(8) + GPS[15:] + CELL + bytes(3))).valid is False


class StatusTests(SynchronousTestCase):
    def status(self, text: str, kind: int = 0x26) -> Fix:
        return fix(framed(kind, GPS + b"\x09" + CELL + bytes.fromhex(text)))

    def test_alarm(self) -> None:
        """An alarm has its kind, and the state of the device."""
        found = fix(SHEET["26"])
        assert (found.alarm, found.valid, found.battery_pct, found.gsm) == (events.TAMPERING, False, 66, 4)
        assert found.attributes["relay_cut"] is True

    def test_alarm_of_the_information(self) -> None:
        """Where the alarm's byte is 0, the bits of the terminal information tell which it is."""
        assert [self.status(f"{bits << 3:02x}04040002").alarm for bits in (1, 2, 3, 4, 7, 0)] == [
            *(events.VIBRATION, events.POWER_CUT, events.LOW_BATTERY, events.SOS, events.TAMPERING, None)
        ]
        assert self.status("2004040602").alarm == events.OVERSPEED

    def test_ignition_events(self) -> None:
        """Ignition on and off are no alarms."""
        assert [(found.ignition, found.alarm) for found in (self.status("000404FE02"), self.status("020404FF02"))] == [
            (True, None),
            (False, None),
        ]

    def test_weak_or_harsh(self) -> None:
        """Code 19 is a weak battery where it is weak, and harsh acceleration where it is full."""
        assert self.status("0001041902").alarm == events.LOW_BATTERY
        assert self.status("0006041902").alarm == events.HARSH_ACCELERATION

    def test_fences(self) -> None:
        """A fence's alarm names the fence; the upper half of the language belongs to the alarm's code."""
        found = self.status("0004040402 03", 0x27)
        assert (found.alarm, found.attributes["fence"]) == (events.GEOFENCE_ENTER, 3)
        assert self.status("0004040412 03", 0x27).attributes["alarm_code"] == 0x104

    def test_mileage(self) -> None:
        """An alarm with mileage has it."""
        assert self.status("0004040402 0000EA60").odometer_km == 60

    def test_cells_of_alarms(self) -> None:
        """The cell is left out, or is of 4G, and the status is found behind it."""
        for cell in (
            "09" + "00" * 8,
            "00",
            "00" + "00" * 8,
            "10 01CC00 0000287D 0000000002EA5E01",
            "11 81CC0000 0000287D 0000000002EA5E01",
        ):
            found = fix(framed(0xA4, GPS + bytes.fromhex(cell) + bytes.fromhex("0204040102FF")))
            assert (found.alarm, found.ignition, found.gsm) == (events.SOS, True, 4), cell

    def test_impossible_charge(self) -> None:
        """A charge of 200 % is left out with a warning, and nothing else."""
        found = message(framed(0x26, GPS + b"\x09" + CELL + bytes.fromhex("02C8040102")))
        assert (found.fixes[0].battery_pct, found.fixes[0].alarm, found.warnings) == (
            None,
            events.SOS,
            ("battery_pct cannot be 200",),
        )

    def test_camera(self) -> None:
        """A dashcam's events: with a position and the supply, with a position, or without one."""
        (frame,) = (frame for frame in FRAMES if frame.id == "gt06-c126f2ca")
        assert (fix(frame.data).power_v, fix(frame.data).speed_kmh, fix(frame.data).satellites) == (13.5, 47, 15)
        found = fix(framed(0x95, GPS[:6] + GPS[7:15] + GPS[16:] + b"\x87\0\0name.mp4"))
        assert (found.alarm, found.course_deg, found.speed_kmh) == (events.OVERSPEED, 216, None)
        found_without = message(framed(0x95, GPS[:6] + b"\x93"))
        assert (found_without.fixes, found_without.vitals) == ((), Vitals(alarm=events.CRASH))


class VitalsTests(SynchronousTestCase):
    def test_heartbeats(self) -> None:
        """A heartbeat says how the device is and not where: it makes no fix."""
        found = message(SHEET["heartbeat"])
        assert (found.fixes, found.vitals) == ((), Vitals(ignition=False, battery_pct=66, gsm=4))
        assert message(SHEET["charging"]).vitals == Vitals(ignition=False, battery_pct=100, gsm=4)
        assert message(SHEET["gk310"]).vitals == Vitals(ignition=False, battery_v=2.9, gsm=4)
        elements = bytes.fromhex("0018 02 0190 006A 01 32")
        assert message(framed(0x36, b"\2\4\4\0\2" + elements)).vitals == Vitals(
            ignition=True, battery_pct=50, battery_v=4.0, gsm=4
        )

    def test_heartbeat_with_volts(self) -> None:
        """A heartbeat that has volts in the place of level and signal is read as such."""
        found = {frame.id: message(frame.data).vitals for frame in FRAMES if frame.id in ("gt06-eddb56c2", "gt06-5a66e060")}
        assert found == {
            "gt06-eddb56c2": Vitals(ignition=True, power_v=12.58, gsm=4),
            "gt06-5a66e060": Vitals(ignition=True, power_v=28.34, gsm=4),
        }

    def test_alarm_without_a_position(self) -> None:
        """An alarm that only knows its cell is told, and invents no position."""
        found = message(SHEET["A5"])
        assert (found.fixes, found.vitals) == ((), Vitals(ignition=True, battery_pct=83, gsm=4, alarm=events.TAMPERING))
        assert found.reply == ack(0xA5, 25)

    def test_supply(self) -> None:
        """The supply's voltage comes in messages of its own."""
        assert message(SHEET["94 0B"]).vitals == Vitals(power_v=7.39)
        assert message(framed(0x94, b"\0\x04\xe4", wide=True)).vitals == Vitals(power_v=12.52)
        assert message(framed(0x94, b"\x04\xe4")).vitals == Vitals(power_v=12.52)
        assert message(SHEET["94 0A"]).vitals is None


class OptionalPartTests(SynchronousTestCase):
    def reframed(self, frame: bytes, content: bytes) -> bytes:
        return framed(frame[3 + (frame[0] == 0x79)], content, wide=frame[0] == 0x79)

    def sound(self) -> list[tuple[bytes, bytes, Fix, int]]:
        """Frames with a position, their content, the fix, and where the optional part begins."""
        found = []
        for frame in FRAMES:
            data, (wide, start) = frame.data, (frame.data[0] == 0x79, 18)
            kind = data[3 + wide]
            if frame.checksum_ok and frame.fixes and kind not in (0x70, 0x95) and frame.id != "gt06-8a3da3aa":
                lead = {0x3C: 15, 0x4E: 15, 0x27: 8 if kind == 0x12 else 0}.get(data[2], 0) + wide
                found.append((data, data[4 + wide : -6], fix(data), lead + start))
        assert len(found) > 35
        return found

    def same(self, data: bytes, expected: Fix) -> None:
        (found,) = message(data).fixes
        for name in ("lat", "lon", "time", "speed_kmh", "course_deg", "valid"):
            assert getattr(found, name) == getattr(expected, name), (data.hex(), name)

    def test_truncated(self) -> None:
        """Wherever what follows the position breaks off, the position stays."""
        for data, content, expected, start in self.sound():
            for size in range(start, len(content)):
                self.same(self.reframed(data, content[:size]), expected)

    def test_mutated(self) -> None:
        """Whatever byte of it is wrong, the position stays."""
        for data, content, expected, start in self.sound():
            for at in range(start, len(content)):
                for value in (0, 0x7F, 0xFF):
                    self.same(self.reframed(data, content[:at] + bytes([value]) + content[at + 1 :]), expected)

    def test_warns(self) -> None:
        """A cell, a card or a status that breaks off is a warning, or kept as it is."""
        assert message(framed(0xA0, GPS + CELL)).warnings == ("the cell is cut off",)
        assert message(framed(0x26, GPS + b"\x09" + CELL + b"\2\4")).warnings == ("gsm is cut off",)


class EncoderTests(SynchronousTestCase):
    def fixes(self) -> list[Fix]:
        more: dict[str, Any] = {"course_deg": 271, "satellites": 9, "odometer_km": 12.345}
        return [
            a_fix(speed_kmh=50, ignition=True, **more),
            a_fix(lat=40.5, lon=3.25, valid=False, speed_kmh=0, ignition=False, **more),
        ]

    def test_what_it_sends_is_read(self) -> None:
        """A simulated device's login and reports are understood, and each is answered."""
        for transport in ("tcp", "udp"):
            encoder = Encoder(IMEI, transport)
            for sent in self.fixes():
                found = messages(encoder.hello() + encoder.report((sent,)), device="", transport=transport)
                assert [each.device for each in found] == [IMEI] * 2
                (read,) = found[1].fixes
                for name in ("time", "speed_kmh", "course_deg", "satellites", "valid", "ignition", "odometer_km"):
                    assert getattr(read, name) == getattr(sent, name), name
                assert max(abs(read.lat - sent.lat), abs(read.lon - sent.lon)) < 1e-6
                assert all(each.reply for each in found)


class RecognitionTests(SynchronousTestCase):
    def test_login(self) -> None:
        """The login is known as soon as its IMEI is there, before the device gives up waiting."""
        assert gt06.recognises(LOGIN[:11], "tcp") is Verdict.MORE
        assert gt06.recognises(LOGIN[:12], "tcp") is Verdict.YES

    def test_not_ours(self) -> None:
        """Text that happens to begin with the same letters, an unknown type, or an IMEI of letters is nobody's."""
        for data in (b'xx"": 1, lat: 2', b"yy: 1, 2", b"xx\x0d\x77\x01", b"xx\x0d\x01\xab\xcd", b"xx\x02\x01\x01\x23", b"XX"):
            assert gt06.recognises(data, "tcp") is Verdict.NO, data

    def test_samples(self) -> None:
        """What the vendor shows of itself is true."""
        for sample in gt06.samples:
            found = messages(sample.data, device=sample.device, transport=sample.transport)
            assert b"".join(each.reply for each in found) == sample.reply
            for listed, made in zip(sample.fixes, [one for each in found for one in each.fixes], strict=True):
                for name, value in listed.items():
                    if name == "time":
                        value = round(datetime.fromisoformat(value).timestamp() * 1000)
                    got = getattr(made, name)
                    assert got == value or (isinstance(got, float) and abs(got - value) < 1e-6), (name, got, value)
