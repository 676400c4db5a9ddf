"""``waygps receivers``: an operator sees and changes the ports for devices."""

from __future__ import annotations

from click.testing import CliRunner, Result

from tests.fakes import LineDecoder
from tests.ingest.exchanging import a_vendor
from tests.postgres import DatabaseTest, connected
from waygps.cli import main
from waygps.storage.receivers import AUTO, Receiver, active_receivers, enter_vendors
from waygps.vendor import Vendor

ACME = Vendor(name="acme", title="Acme", port=9000, decoder=lambda *_: LineDecoder(), transports=("tcp", "udp"))
ZETA = Vendor(name="zeta", title="Zeta", port=9001, decoder=lambda *_: LineDecoder(), transports=("tcp",))


WEB = a_vendor()


class ReceiversTest(DatabaseTest):
    def setUp(self) -> None:
        super().setUp()
        connection = connected(self.url)
        connection.autocommit = False
        enter_vendors(connection, [ACME, ZETA, AUTO])
        connection.close()

    def invoke(self, *arguments: str, **settings: str) -> Result:
        """Run ``waygps receivers`` on the database of this test."""
        return CliRunner(env={"WAYGPS_DATABASE_URL": self.url, **settings}).invoke(main, ["receivers", *arguments])

    def done(self, *arguments: str, **settings: str) -> str:
        """What a command that succeeds says."""
        result = self.invoke(*arguments, **settings)
        assert result.exit_code == 0, result.output
        return result.output

    def refused(self, *arguments: str) -> str:
        """The line of a command that is refused, which changes nothing."""
        everything = "SELECT * FROM configuraciones_receptores ORDER BY id"
        before = self.rows(everything)
        result = self.invoke(*arguments)
        assert result.exit_code in (1, 2), result.output
        assert isinstance(result.exception, SystemExit), result.exception
        assert self.rows(everything) == before
        return result.output.strip().splitlines()[-1]

    def row(self, name: str) -> tuple[object, ...]:
        """Type, transport, port and whether it is active, as the server reads them."""
        ((*values,),) = self.rows(
            """SELECT codigo, r.protocolo, puerto, r.activo FROM configuraciones_receptores r
               JOIN tipos_equipos_gps t ON t.id = tipo_equipo_id WHERE r.nombre = %s""",
            name,
        )
        return tuple(values)

    def test_list(self) -> None:
        """A plain table says what there is, on which port, and whether it is active."""
        lines = [line.split() for line in self.done("list").splitlines()]
        assert lines[0] == ["NAME", "TYPE", "TRANSPORT", "PORT", "STATE"]
        assert lines[1] == ["Automatic", "TCP", "auto", "TCP", "8079", "stopped"]
        assert ["Acme", "UDP", "acme", "UDP", "9000", "active"] in lines
        assert len(lines) == 6

    def test_show(self) -> None:
        """One receiver is shown by its name; where the configuration has another port for it, that is said."""
        shown = " ".join(self.done("show", "Zeta TCP").split())
        assert shown == (
            "name Zeta TCP type zeta transport TCP port 9001 state active max conn. default max dev. default idle default"
        )
        assert "puts zeta on port 9500 instead of 9001" in self.done("show", "Zeta TCP", WAYGPS_RECEIVERS_PORTS="zeta=9500")
        assert " 9500 " in self.done("list", WAYGPS_RECEIVERS_PORTS="zeta=9500")

    def test_add(self) -> None:
        """A new receiver is active, over TCP unless another transport is given."""
        assert self.done("add", "Norte", "--type", "zeta", "--port", "9100") == "Norte is active: zeta on TCP port 9100\n"
        assert self.row("Norte") == ("zeta", "TCP", 9100, True)
        self.done("add", "Sur", "--type", "auto", "--port", "9100", "--transport", "udp")
        assert self.row("Sur") == ("auto", "UDP", 9100, True)

    def test_set(self) -> None:
        """Port, type and transport change alone or together, and what is not named stays."""
        self.done("set", "Zeta TCP", "--port", "9200")
        assert self.row("Zeta TCP") == ("zeta", "TCP", 9200, True)
        self.done("set", "Zeta TCP", "--type", "acme", "--transport", "UDP")
        assert self.row("Zeta TCP") == ("acme", "UDP", 9200, True)

    def test_others(self) -> None:
        """A receiver is allowed to serve other vendors' devices, and forbidden again; its other advanced settings stay."""
        advanced = "SELECT configuracion_avanzada FROM configuraciones_receptores WHERE nombre = 'Zeta TCP'"
        assert "others" not in self.done("show", "Zeta TCP")
        said = self.done("set", "Zeta TCP", "--others")
        assert said == "Zeta TCP: zeta on TCP port 9001, and devices of other vendors too\n"
        assert "others     served" in self.done("show", "Zeta TCP")
        assert [each.others for each in self.active() if each.name == "Zeta TCP"] == [True]
        self.rows("UPDATE configuraciones_receptores SET configuracion_avanzada = configuracion_avanzada || '{\"x\": 1}'")
        assert self.done("set", "Zeta TCP", "--no-others", "--port", "9300").endswith("port 9300, and no other devices\n")
        assert self.rows(advanced) == [({"x": 1, "otros_protocolos": False},)]
        assert not any(each.others for each in self.active())

    def active(self) -> list[Receiver]:
        """The receivers as a server reads them."""
        connection = connected(self.url)
        connection.autocommit = False
        self.addCleanup(connection.close)
        return active_receivers(connection)

    def test_not_a_truth(self) -> None:
        """Whatever else stands in the advanced settings is no permission, and no receiver is lost by it."""
        for text in ('{"otros_protocolos": "true"}', '{"otros_protocolos": 1}', "[1]", '"x"', "null", "{}"):
            self.rows("UPDATE configuraciones_receptores SET configuracion_avanzada = %s", text)
            assert [each.others for each in self.active()] == [False] * 3

    def test_unknown(self) -> None:
        """The rule for devices that nobody entered is set when a receiver is made or later, shown, and taken back."""
        self.done("add", "Norte", "--type", "zeta", "--port", "9100", "--unknown", "rechazar")
        assert "unknown    rechazar" in self.done("show", "Norte")
        said = self.done("set", "Norte", "--unknown", "registrar", "--others")
        assert said == "Norte: zeta on TCP port 9100, and devices of other vendors too, unknown devices: registrar\n"
        assert [(each.unknown, each.others) for each in self.active() if each.name == "Norte"] == [("registrar", True)]
        self.done("set", "Norte", "--unknown", "default")
        assert "unknown" not in self.done("show", "Norte")
        assert [(each.unknown, each.others) for each in self.active() if each.name == "Norte"] == [("", True)]
        assert "'--unknown'" in self.refused("set", "Norte", "--unknown", "nada")

    def test_restart(self) -> None:
        """A restart is announced to the server; a stopped receiver has none."""
        assert self.done("restart", "Zeta TCP") == "Zeta TCP: a running server closes and opens it now\n"
        self.done("stop", "Zeta TCP")
        assert "Zeta TCP is stopped: start it" in self.refused("restart", "Zeta TCP")

    def own(self, name: str) -> tuple[object, ...]:
        """The limits of its own, and what is configured beyond that."""
        ((*values,),) = self.rows(
            """SELECT max_conexiones, max_equipos, timeout, configuracion_avanzada
               FROM configuraciones_receptores WHERE nombre = %s""",
            name,
        )
        return tuple(values)

    def test_own_limits(self) -> None:
        """A receiver gets limits of its own, with the word default it has the configuration's again, and the others stay."""
        self.done("add", "Norte", "--type", "zeta", "--port", "9100", "--max-connections", "50")
        assert self.own("Norte") == (50, None, None, None)
        self.done("set", "Norte", "--max-devices", "200", "--idle", "0")
        assert self.own("Norte") == (50, 200, 0, None)
        assert "max conn. 50 max dev. 200 idle no limit" in " ".join(self.done("show", "Norte").split())
        self.done("set", "Norte", "--max-connections", "default", "--port", "9101")
        assert (self.own("Norte"), self.row("Norte")[2]) == ((None, 200, 0, None), 9101)

    def test_tls(self) -> None:
        """TLS is a pair of files, which keeps what else is configured; it goes as it came, and is for TCP."""
        self.done("add", "Norte", "--type", "acme", "--port", "9100", "--tls-cert", "/etc/x/../a.pem", "--tls-key", "/etc/k.pem")
        tls = {"certificado": "/etc/a.pem", "clave": "/etc/k.pem"}
        assert self.own("Norte")[3] == {"tls": tls}
        assert "tls /etc/a.pem" in " ".join(self.done("show", "Norte").split())
        self.rows("""UPDATE configuraciones_receptores SET configuracion_avanzada = configuracion_avanzada || '{"x": 1}'""")
        self.done("set", "Norte", "--idle", "60")
        assert self.own("Norte") == (None, None, 60, {"tls": tls, "x": 1})
        assert "TLS is for TCP, not for UDP" in self.refused("set", "Norte", "--transport", "UDP")
        self.done("set", "Norte", "--no-tls", "--transport", "UDP")
        assert self.own("Norte")[3] == {"x": 1}

    def test_stop_and_start(self) -> None:
        """A receiver is stopped and started, twice without harm."""
        for command, is_active in (("stop", False), ("stop", False), ("start", True), ("start", True)):
            self.done(command, "Acme TCP")
            assert self.row("Acme TCP")[-1] is is_active
        assert self.row("Acme UDP")[-1] is True

    def test_taken_port(self) -> None:
        """A port that another receiver has is refused by transport and number."""
        expected = "Error: TCP port 9000 is taken by receiver Acme TCP"
        assert self.refused("add", "Norte", "--type", "zeta", "--port", "9000") == expected
        assert self.refused("set", "Zeta TCP", "--port", "9000") == expected

    def test_http(self) -> None:
        """A type that speaks HTTP has its receivers over HTTP, shown as such."""
        connection = connected(self.url)
        connection.autocommit = False
        enter_vendors(connection, [WEB])
        connection.close()
        assert self.done("add", "Norte", "--type", "web", "--port", "9100") == "Norte is active: web on HTTP port 9100\n"
        assert self.row("Norte") == ("web", "HTTP", 9100, True)
        assert ["Norte", "web", "HTTP", "9100", "active"] in [line.split() for line in self.done("list").splitlines()]
        self.done("set", "Norte", "--port", "9101", "--transport", "http")
        assert self.row("Norte") == ("web", "HTTP", 9101, True)
        assert "web devices do not use TCP, but HTTP" in self.refused(
            "add", "Sur", "--type", "web", "--port", "1", "--transport", "TCP"
        )

    def test_http_on_a_tcp_port(self) -> None:
        """HTTP is on a TCP port: where the number is taken by the one it cannot be given to the other; UDP has its own."""
        connection = connected(self.url)
        connection.autocommit = False
        enter_vendors(connection, [WEB])
        connection.close()
        taken = "Error: HTTP port 9001 is taken by receiver Zeta TCP: HTTP is on a TCP port too"
        assert self.refused("add", "Norte", "--type", "web", "--port", "9001") == taken
        assert self.refused("set", "web HTTP", "--port", "9001") == taken
        self.done("set", "web HTTP", "--port", "9200")
        assert "TCP port 9200 is taken by receiver web HTTP" in self.refused("set", "Zeta TCP", "--port", "9200")
        self.done("set", "Acme UDP", "--port", "9200")
        assert self.row("Acme UDP") == ("acme", "UDP", 9200, True)

    def test_impossible(self) -> None:
        """What cannot be is refused in a line that says what can."""
        for arguments, reason in (
            (["show", "Nadie"], "there is no receiver Nadie: see waygps receivers list"),
            (["stop", "Nadie"], "there is no receiver Nadie: see waygps receivers list"),
            (["add", "Zeta TCP", "--type", "zeta", "--port", "9100"], "there is a receiver Zeta TCP already"),
            (["add", "Norte", "--type", "nada", "--port", "9100"], "there is no type nada; there are: acme, auto, zeta"),
            (["add", "Norte", "--type", "zeta", "--port", "9100", "--transport", "UDP"], "zeta devices do not use UDP, but TCP"),
            (["set", "Acme UDP", "--type", "zeta"], "zeta devices do not use UDP, but TCP"),
            (["add", "Norte", "--type", "zeta"], "a receiver needs --type and --port"),
            (["add", "n" * 101, "--type", "zeta", "--port", "9100"], "a name has 1 to 100 printable characters"),
            (["set", "Zeta TCP", "--tls-cert", "/a.pem"], "TLS needs both --tls-cert and --tls-key"),
            (["set", "Zeta TCP", "--idle", "-1"], "-1 is neither a whole number from 0 nor the word default"),
            (["set", "Zeta TCP", "--max-devices", "99999999999"], "neither a whole number from 0 nor the word default"),
            (["set", "Zeta TCP"], "nothing to change: see waygps receivers set --help"),
        ):
            assert reason in self.refused(*arguments), arguments
        for port in ("0", "65536", "x"):
            assert "'--port'" in self.refused("set", "Zeta TCP", "--port", port)

    def test_type_that_is_off(self) -> None:
        """A receiver of a type that is switched off is shown as stopped, and cannot be started."""
        self.rows("UPDATE tipos_equipos_gps SET activo = false WHERE codigo = 'zeta'")
        assert "stopped" in self.done("show", "Zeta TCP")
        assert "the type zeta is switched off" in self.refused("start", "Zeta TCP")

    def test_two_of_one_name(self) -> None:
        """Of two receivers with one name none is changed by guess."""
        self.rows("UPDATE configuraciones_receptores SET nombre = 'Acme TCP' WHERE protocolo = 'UDP' AND puerto = 9000")
        assert "2 receivers have the name Acme TCP" in self.refused("stop", "Acme TCP")
