"""``waygps decode``: one line in, one line out."""

from __future__ import annotations

from typing import Any

from click.testing import CliRunner, Result
from msgspec import json
from twisted.trial.unittest import SynchronousTestCase

from tests.protocols.frames import FRAMES
from waygps.cli import main

LOGIN = "000F333536333037303432343431303133"
KEYS = {"fixes", "reply", "warnings", "errors"}
FIX_KEYS = {"device", "time", "lat", "lon", "altitude_m", "speed_kmh", "course_deg", "valid"}
PLAIN = b"IMEI: 123456789, LAT: -34.603722, LON: -58.381592, SPD: 45, HDG: 180, TIME: 2026-11-24T07:30:00Z"


def run(arguments: list[str], given: bytes) -> Result:
    """Run the command on this input."""
    return CliRunner().invoke(main, ["decode", *arguments], input=given)


class DecodeTests(SynchronousTestCase):
    def decode(self, arguments: list[str], given: bytes) -> list[dict[str, Any]]:
        """The objects that come back; the exit code is 0 and each is on a line of its own."""
        result = run(arguments, given)
        assert result.exit_code == 0, result.output
        found = [json.decode(line, type=dict[str, Any]) for line in result.stdout_bytes.splitlines()]
        for one in found:
            assert set(one) == KEYS
            for fix in one["fixes"]:
                assert set(fix) >= FIX_KEYS
        return found

    def test_every_frame(self) -> None:
        """Every captured message gives one line, in order: its fixes, or why there are none."""
        for vendor in ("teltonika", "queclink", "osmand"):
            given = (FRAMES / f"{vendor}.jsonl").read_bytes()
            lines = [json.decode(line) for line in given.splitlines()]
            found = self.decode([vendor], given)
            assert len(found) == len(lines), vendor
            for line, one in zip(lines, found, strict=True):
                if line["fixes"] and not one["errors"]:
                    assert one["fixes"], line["id"]

    def test_plain_hex(self) -> None:
        """A line of hex is a message: its fixes with ISO 8601 times and what the device would be answered."""
        (one,) = self.decode(["generic"], PLAIN.hex().encode())
        assert one == {
            "fixes": [
                {
                    "device": "123456789",
                    "time": "2026-11-24T07:30:00.000Z",
                    "lat": -34.603722,
                    "lon": -58.381592,
                    "valid": True,
                    "altitude_m": None,
                    "speed_kmh": 45.0,
                    "course_deg": 180.0,
                }
            ],
            "reply": b"OK\r\n".hex(),
            "warnings": [],
            "errors": [],
        }

    def test_login_of_the_help(self) -> None:
        """The example in the command's help works."""
        assert self.decode(["teltonika"], LOGIN.encode() + b"\n") == [{"fixes": [], "reply": "01", "warnings": [], "errors": []}]

    def test_request(self) -> None:
        """A request of HTTP is decoded as the server does, and the answer's body is the reply; what is wrong is an error."""
        good = {"method": "POST", "uri": "/pub", "headers": {"X-Limit-U": "jane"}, "body": '{"_type": "lwt"}'}
        bare = {"method": "POST", "uri": "/pub", "headers": None, "body": None}
        broken = {"method": "GET", "uri": "http://[", "body": ""}
        found = self.decode(["owntracks"], b"\n".join(json.encode({"request": asked}) for asked in (good, bare, broken)))
        assert [one["reply"] for one in found] == [b"[]".hex(), b"[]".hex(), None]
        assert found[2]["errors"] == ["the URL cannot be read: Invalid IPv6 URL"]
        (one,) = self.decode(
            ["osmand"], b'{"request": {"method": "GET", "uri": "/?id=7&lat=1&lon=2&timestamp=1377177267&speed=x"}}'
        )
        assert [(fix["device"], fix["time"], fix["lat"]) for fix in one["fixes"]] == [("7", "2013-08-22T13:14:27.000Z", 1.0)]
        assert (one["reply"], one["warnings"], one["errors"]) == (None, ["speed_kmh cannot be 'x'"], [])
        (one,) = self.decode(["osmand"], b'{"request": {"method": "GET", "uri": "/?lat=1&lon=2"}}')
        assert one["errors"] == ["the identification is missing: id, deviceid or device_id"]
        (one,) = self.decode(["osmand"], b"00")
        assert one["errors"] == ["this vendor's devices speak HTTP"]

    def test_known_device(self) -> None:
        """A line without an identification belongs to the device that is named, on the line or as an option."""
        text = b"LAT: 1, LON: 2".hex()
        (one,) = self.decode(["generic", "--device", "A1", "--transport", "udp"], text.encode())
        (other,) = self.decode(["generic"], json.encode({"frame": text, "device": "B2", "transport": "tcp"}))
        assert [found["fixes"][0]["device"] for found in (one, other)] == ["A1", "B2"]

    def test_each_line_is_a_connection(self) -> None:
        """A line does not know what the line before it said."""
        first, second = self.decode(["generic"], PLAIN.hex().encode() + b"\n" + b"LAT: 1, LON: 2".hex().encode())
        assert (len(first["fixes"]), len(second["fixes"])) == (1, 0)

    def test_garbage(self) -> None:
        """However bad the lines are, each gives a line that says what is wrong, and the exit code is 0."""
        given = [
            b"zz",
            b"{",
            b'{"frame": 5}',
            b'{"frame": "0g"}',
            b'{"frame": "00", "transport": "pigeon"}',
            b'{"frame": "\xff"}',
            b'{"request": {"method": "GET"}}',
            b'{"request": {"method": "GET", "uri": "/?id=1"}}',
            b"\xff\xfe\x00",
            b"[1, 2]",
            b"0" * 100_001,
        ]
        found = self.decode(["teltonika"], b"\n".join(given))
        assert len(found) == len(given)
        for one, line in zip(found, given, strict=True):
            assert one["errors"], line[:40]
            assert all(isinstance(error, str) and error for error in one["errors"])

    def test_wrong_protocol(self) -> None:
        """A message of another protocol is an error with a reason, or nothing, and the next line is decoded."""
        found = self.decode(["teltonika"], b"2b524553503a\n" + b"1234" * 1500 + b"\n" + LOGIN.encode())
        assert [one["reply"] for one in found] == [None, None, "01"]
        assert found[1]["errors"]

    def test_cut_short(self) -> None:
        """A message that was cut off says so, instead of coming back as nothing without a reason."""
        for vendor, line in (
            ("teltonika", LOGIN[:14]),
            ("teltonika", "0000000000000036080100"),
            ("queclink", "2b524553503a4754"),
        ):
            (one,) = self.decode([vendor, "--device", "1"], line.encode())
            assert one["fixes"] == []
            assert one["errors"], (vendor, line)

    def test_huge_numbers(self) -> None:
        """A number larger than any computer word is no reason to stop."""
        line = b"IMEI: 1, LAT: 1, LON: 2, GSM: 1e30, TIME: 1e30, SAT: 1e300".hex().encode()
        found = self.decode(["generic"], line + b"\n" + PLAIN.hex().encode())
        assert [len(one["fixes"]) for one in found] == [1, 1]

    def test_empty_lines(self) -> None:
        """Empty lines, and Windows' line ends, are no messages."""
        assert len(self.decode(["generic"], b"\r\n\n" + PLAIN.hex().encode() + b"\r\n\n")) == 1
        assert self.decode(["generic"], b"") == []

    def test_unknown_vendor(self) -> None:
        """A vendor that is not there is refused with those that are."""
        result = run(["nobody"], b"")
        assert result.exit_code == 2
        assert "there is no vendor nobody; there are: " in result.output
        assert {"generic", "osmand", "teltonika"} <= set(result.output.replace(",", " ").split())
