"""What a vendor's decoder makes of real messages, beside what an independent decoder made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.protocols.contract import run
from tests.protocols.frames import FRAMES, Expected, Frame, frames
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.interfaces import IRequests, IVendor
from waygps.request import request

TOLERANCES = {"lat": 1e-5, "lon": 1e-5, "speed_kmh": 0.1, "course_deg": 0.1, "altitude_m": 0.1, "odometer_km": 0.01}
FIRST = ("time", "lat", "lon", "speed_kmh", "course_deg", "valid")
"""The fields of the goal: 99 of 100 fixes have them as listed."""


def differences(fix: Fix, expected: Expected, names: Iterable[str]) -> list[str]:
    """The names of the listed fields that the fix does not have."""
    listed: dict[str, Any] = {name: getattr(expected, name) for name in names}
    if "time" in listed:
        listed["time"] = round(expected.time.timestamp() * 1000) if expected.time else None
        if listed["time"] is None and fix.time is None:
            del listed["time"]
    return [
        name
        for name, value in listed.items()
        if (value is not None or name == "time") and _differ(getattr(fix, name), value, TOLERANCES.get(name, 0))
    ]


def _differ(one: Any, other: Any, tolerance: float) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) > tolerance
    return bool(one != other)


def decoded(vendor: IVendor, frame: Frame) -> tuple[list[Message], str]:
    """The messages of a real message, and why its decoder gave up ("" where it did not)."""
    if frame.request is None:
        return run(vendor.decoder(frame.transport, frame.device or ""), [frame.data])
    asked = frame.request
    try:
        made = request(asked["method"], asked["uri"], asked.get("headers"), (asked.get("body") or "").encode())
        return list(IRequests(vendor).messages(made)), ""
    except DecodeError as error:
        return [], str(error)


class AgreementTests:
    """Mixed into a TestCase that sets ``vendor``; the file of its frames has its name."""

    vendor: IVendor
    exceptions: dict[str, str] = {}
    """The id of a message whose fixes are not the listed ones in FIRST, and the reason why ours are right, or why not."""
    others: dict[str, str] = {}
    """The same for the other fields: "ID field" and the reason."""
    alarms: dict[str, str] = {}
    """The listed alarms that have another name in waygps.events, by the listed name."""

    def kept(self) -> list[Frame]:
        return [frame for frame in frames(self.vendor.name) if frame.checksum_ok is not False]

    def test_position_time_and_speed(self) -> None:
        """A user sees each captured message where and when the device was, as fast and in the same direction."""
        wrong = {}
        for frame in self.kept():
            messages, why = decoded(self.vendor, frame)
            fixes = [fix for message in messages for fix in message.fixes]
            if len(fixes) != len(frame.fixes):
                wrong[frame.id] = why or f"{len(fixes)} fixes, {len(frame.fixes)} listed"
            elif found := [
                text for fix, listed in zip(fixes, frame.fixes, strict=True) for text in differences(fix, listed, FIRST)
            ]:
                wrong[frame.id] = ", ".join(found)
        assert wrong.keys() == self.exceptions.keys(), {key: wrong.get(key) for key in wrong.keys() ^ self.exceptions.keys()}

    def test_other_fields(self) -> None:
        """A user sees the ignition, charge, mileage, alarm and the rest that the device reported."""
        names = [name for name in Expected.__struct_fields__ if name not in (*FIRST, "device")]
        wrong = set()
        for frame in self.kept():
            fixes = [fix for message in decoded(self.vendor, frame)[0] for fix in message.fixes]
            for fix, listed in zip(fixes, frame.fixes, strict=False):
                if listed.alarm:
                    listed.alarm = self.alarms.get(listed.alarm, listed.alarm)
                wrong |= {f"{frame.id} {name}" for name in differences(fix, listed, names)}
        assert wrong == self.others.keys(), wrong ^ self.others.keys()

    def test_wrong_checksums_give_nothing(self) -> None:
        """A captured message that was edited or cut afterwards is not stored."""
        for frame in frames(self.vendor.name):
            if frame.checksum_ok is False:
                messages, _ = decoded(self.vendor, frame)
                assert not any(message.fixes for message in messages), frame.id

    def test_no_other_vendor_is_disturbed(self) -> None:
        """A message of any other vendor raises nothing but DecodeError here."""
        for path in sorted(FRAMES.glob("*.jsonl")):
            for frame in frames(path.stem):
                if frame.frame:
                    for transport in self.vendor.transports:
                        if transport != "http":
                            run(self.vendor.decoder(transport, "1"), [frame.data])
