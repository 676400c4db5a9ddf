"""A trace as a person reads it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from waygps.cli.traced import dump, shown

PLACE = {"hora": "2026-11-24T12:00:00.000Z", "receptor": "Norte", "protocolo": "lines", "origen": "10.0.0.1:5000"}


class TracedTests(SynchronousTestCase):
    def test_dump(self) -> None:
        """Bytes are shown by sixteen, with their offset and as text."""
        assert list(dump(b"IMEI: 7, LAT: 1, \x00\xff")) == [
            "    0000  49 4d 45 49 3a 20 37 2c 20 4c 41 54 3a 20 31 2c  |IMEI: 7, LAT: 1,|",
            "    0010  20 00 ff                                         | ..|",
        ]
        assert list(dump(b"")) == []

    def test_message(self) -> None:
        """A message is its place, its bytes, its fixes, and all that was remarked of it."""
        event = {
            **PLACE,
            "tipo": "mensaje",
            "sentido": "entrada",
            "bytes": 1000,
            "hex": "4142",
            "hex_cortado": True,
            "fixes": [{"lat": 1.5, "attributes": {"din1": 1}}],
            "fixes_omitidos": 3,
            "avisos": ["a sensor is broken"],
            "vitales": {"battery_pct": 80},
            "ilegible": "no checksum",
            "perdidos": 4,
        }
        assert shown(event).splitlines() == [
            "2026-11-24T12:00:00.000Z  <-- 1000 bytes at Norte (lines) 10.0.0.1:5000",
            "    4 events before this one were lost: more came than could be told",
            "    0000  41 42                                            |AB|",
            "    … cut: 1000 bytes in all",
            "    fix lat=1.5 din1=1",
            "    warning: a sensor is broken",
            "    vitals battery_pct=80",
            "    fixes left out, too long: 3",
            "    unreadable: no checksum",
        ]

    def test_answers(self) -> None:
        """An answer has its outcome and how long it took."""
        answer = {
            **PLACE,
            "tipo": "mensaje",
            "sentido": "salida",
            "bytes": 1,
            "hex": "01",
            "resultado": "guardado",
            "cierra": False,
            "ms": 2.5,
        }
        assert shown(answer).splitlines()[0].endswith("  --> 1 bytes: stored, after 2.5 ms")
        refused = {**answer, "bytes": 0, "hex": "", "resultado": "rechazado", "motivo": "unknown", "cierra": True}
        assert shown(refused).endswith("  --> no answer: refused (unknown), after 2.5 ms, the connection ends")

    def test_other_events(self) -> None:
        """What else there is to say is a line."""
        for event, text in (
            ({**PLACE, "tipo": "conexion"}, "--- the connection at Norte (lines) 10.0.0.1:5000 is its own from here on"),
            ({**PLACE, "tipo": "desconexion"}, "--- the connection at Norte (lines) 10.0.0.1:5000 is over"),
            ({"tipo": "escucha", "proceso": 7}, "--- server process 7 listens"),
            ({"tipo": "perdidos", "perdidos": 3}, "--- something is missing\n    3 events before this one were lost"),
            ({"tipo": "nuevo"}, "  nuevo"),
        ):
            assert text in shown(event)
        garbled = {**PLACE, "tipo": "indescifrable", "bytes": 1, "hex": "ff", "motivo": "no frame"}
        assert "that cannot be decoded: no frame\n    0000  ff" in shown(garbled)

    def test_terminal(self) -> None:
        """What a device wrote does not move the cursor, nor forge a line."""
        text = shown({**PLACE, "tipo": "indescifrable", "bytes": 0, "motivo": "\x1b[2J\nforged\r\u202e"})
        assert text.splitlines() == [text]
        assert text.endswith("\\x1b[2J\\nforged\\r\\u202e")
