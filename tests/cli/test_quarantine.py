"""``waygps quarantine``: an operator sees who reports without being entered, and decides."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from tests.postgres import DatabaseTest
from waygps.cli import main

CAPTURED = "SELECT capturar(%s, 'lines', 'Lines TCP', '192.0.2.1:5000', 1, 'raw', 'x', -34.6, -58.4, 9, 9, 1000, false)"


class QuarantineTest(DatabaseTest):
    def setUp(self) -> None:
        super().setUp()
        for imei in ("uno", "dos"):
            self.rows(CAPTURED, imei)

    def invoke(self, *arguments: str) -> Result:
        """Run ``waygps quarantine`` on the database of this test."""
        return CliRunner(env={"WAYGPS_DATABASE_URL": self.url}).invoke(main, ["quarantine", *arguments])

    def done(self, *arguments: str) -> str:
        """What a command that succeeds says."""
        result = self.invoke(*arguments)
        assert result.exit_code == 0, result.output
        return result.output

    def test_list(self) -> None:
        """A plain table says which devices wait, on which receiver, from where, and with how many messages."""
        head, *lines = self.done("list").splitlines()
        assert head.split() == ["DEVICE", "PROTOCOL", "RECEIVER", "FROM", "MESSAGES", "LAST", "SEEN"]
        assert sorted(line.split()[:6] for line in lines) == [
            [imei, "lines", "Lines", "TCP", "192.0.2.1:5000", "1"] for imei in ("dos", "uno")
        ]

    def test_list_for_programs(self) -> None:
        """A program gets one JSON object a device."""
        found = [json.loads(line) for line in self.done("list", "--json").splitlines()]
        assert sorted((each["imei"], each["mensajes"], each["lat"]) for each in found) == [("dos", 1, -34.6), ("uno", 1, -34.6)]

    def test_show(self) -> None:
        """What a device sent is shown as it came."""
        (line,) = self.done("show", "uno").splitlines()
        assert line.endswith("1 fixes  726177")

    def test_adopt(self) -> None:
        """An adopted device is a vehicle, with its plate, at once."""
        said = self.done("adopt", "uno", "--patente", "AB 123 CD")
        ((number, plate),) = self.rows("SELECT id, patente FROM moviles WHERE imei = 'uno'")
        assert (said, plate) == (f"uno is vehicle {number}\n", "AB 123 CD")

    def test_adopt_everyone(self) -> None:
        """A whole fleet is adopted at once."""
        assert len(self.done("adopt", "--all").splitlines()) == 2
        assert self.rows("SELECT imei FROM moviles ORDER BY imei") == [("dos",), ("uno",)]

    def test_discard(self) -> None:
        """A device that nobody wants is forgotten, with what it sent."""
        assert self.done("discard", "dos") == "dos is forgotten, with 1 messages\n"
        assert self.rows("SELECT DISTINCT imei FROM cuarentena_mensajes") == [("uno",)]

    def test_mistakes(self) -> None:
        """Who types a device that is not there, or does not say which, is told so, and nothing changes."""
        for arguments, text in [
            (("adopt", "tres"), "tres is not in quarantine: see waygps quarantine list"),
            (("show", "tres"), "tres is not in quarantine"),
            (("discard", "tres"), "tres is not in quarantine"),
            (("adopt",), "give the devices, or --all"),
            (("adopt", "uno", "--all"), "give the devices, or --all"),
            (("adopt", "uno", "dos", "--patente", "X"), "--patente goes with exactly one device"),
        ]:
            result = self.invoke(*arguments)
            assert (result.exit_code in (1, 2), text in result.output) == (True, True), result.output
        assert self.rows("SELECT count(*) FROM moviles") == [(0,)]
