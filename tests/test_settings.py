"""Where settings come from, and what a person reads who got one wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from waygps.config import Configuration
from waygps.errors import ConfigurationError
from waygps.settings import PREFIX, known_keys, load

EXAMPLES: dict[str, tuple[str, object]] = {
    "data_dir": ("/srv/gps", Path("/srv/gps")),
    "simulate": ("5", 5),
    "database.url": ("postgresql://u:p@h:1/d", "postgresql://u:p@h:1/d"),
    "database.connections": ("4", 4),
    "database.batch": ("500", 500),
    "database.patience": ("2.5", 2.5),
    "workers": ("4", 4),
    "bus.url": ("redis://localhost", "redis://localhost"),
    "bus.channel": ("otro", "otro"),
    "spool.most_mb": ("64", 64),
    "history.compact_after_days": ("35", 35),
    "history.keep_days": ("400", 400),
    "receivers.interface": ("127.0.0.1", "127.0.0.1"),
    "receivers.ports": ("teltonika=18080,queclink=18081", {"teltonika": 18080, "queclink": 18081}),
    "receivers.protocol_dirs": ("/a,/b", (Path("/a"), Path("/b"))),
    "ingest.unknown_devices": ("rechazar", "rechazar"),
    "quarantine.most_devices": ("50", 50),
    "quarantine.most_messages": ("100", 100),
    "quarantine.most_mb": ("16", 16),
    "ingest.most_held": ("10", 10),
    "ingest.most_vehicles": ("5", 5),
    "ingest.future_tolerance": ("1.5", 1.5),
    "ingest.silence": ("120", 120.0),
    "ingest.drain_timeout": ("3", 3.0),
    "limits.connections_receiver": ("0", 0),
    "limits.devices_receiver": ("12", 12),
    "limits.connections_address": ("5", 5),
    "limits.new_per_second": ("0.5", 0.5),
    "limits.new_burst": ("7", 7),
    "limits.reserved_files": ("50", 50),
    "limits.bytes_per_second": ("65536", 65536),
    "limits.bytes_burst": ("1000000", 1_000_000),
    "limits.datagrams_per_second": ("50", 50.0),
    "limits.datagrams_burst": ("500", 500),
    "limits.first_message": ("2.5", 2.5),
    "limits.idle": ("900", 900.0),
    "log.receivers_json": ("true", True),
    "live.update_interval": ("0.5", 0.5),
    "live.connections_user": ("0", 0),
    "live.messages_per_second": ("2.5", 2.5),
    "live.message_size": ("2048", 2048),
    "live.timeout": ("20", 20.0),
    "live.stalled": ("90", 90.0),
    "live.status_interval": ("1", 1.0),
    "web.interface": ("::1", "::1"),
    "web.port": ("8001", 8001),
    "web.session_hours": ("24", 24),
    "web.allowed_origins": ("https://a.org,https://b.org", ("https://a.org", "https://b.org")),
    "web.secure_cookies": ("true", True),
    "web.tiles.url": ("https://t/{z}/{x}/{y}.png", "https://t/{z}/{x}/{y}.png"),
    "web.tiles.attribution": ("© somebody", "© somebody"),
}
"""Every setting as it is written in the environment, and what it means; a new setting needs a line here."""


def value(configuration: Configuration, key: str) -> object:
    """A setting by its dotted key."""
    found: object = configuration
    for name in key.split("."):
        found = getattr(found, name)
    return found


class SettingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "waygps.toml"

    def load(self, toml: str, environment: Mapping[str, str] = {}, overrides: Mapping[str, str] = {}) -> Configuration:
        self.path.write_text(toml, encoding="utf-8")
        return load(self.path, environment, overrides)

    def complaint(self, toml: str, **environment: str) -> str:
        """What a person reads who starts the server with this."""
        with self.assertRaises(ConfigurationError) as caught:
            self.load(toml, environment)
        return str(caught.exception)

    def test_defaults(self) -> None:
        """Without any setting the server starts on the ports and with the habits that the manual names."""
        found = load(None, {"PATH": "/bin"}, {})
        assert found == Configuration()
        assert (found.web.port, found.database.url, found.simulate, found.ingest.unknown_devices) == (8000, "", 0, "cuarentena")

    def test_file(self) -> None:
        """A TOML file sets what it names and leaves the rest."""
        found = self.load('simulate = 3\n[web]\nport = 9000\n[web.tiles]\nurl = "x"\n[receivers.ports]\nteltonika = 1\n')
        assert (found.simulate, found.web.port, found.web.tiles.url, found.receivers.ports) == (3, 9000, "x", {"teltonika": 1})
        assert found.web.session_hours == 12

    def test_precedence(self) -> None:
        """The environment goes before the file, and the command line before both."""
        toml, environment = "[web]\nport = 1\nsession_hours = 1", {"WAYGPS_WEB_PORT": "2"}
        assert self.load(toml).web.port == 1
        assert self.load(toml, environment).web.port == 2
        found = self.load(toml, environment, {"web.port": "3"})
        assert (found.web.port, found.web.session_hours) == (3, 1)

    def test_every_setting_in_the_environment(self) -> None:
        """Every setting there is can be given as WAYGPS_*, and means what it says."""
        assert set(EXAMPLES) == set(known_keys())
        environment = {PREFIX + key.replace(".", "_").upper(): text for key, (text, _) in EXAMPLES.items()}
        assert len(environment) == len(EXAMPLES)
        found = load(None, environment, {})
        for key, (_, expected) in EXAMPLES.items():
            assert value(found, key) == expected, key
            assert value(found, key) != value(Configuration(), key), f"the example of {key} is its default"

    def test_every_setting_on_the_command_line(self) -> None:
        """The command line takes the same words as the environment."""
        found = load(None, {}, {key: text for key, (text, _) in EXAMPLES.items()})
        assert msgspec.structs.asdict(found) == msgspec.structs.asdict(
            load(None, {PREFIX + key.replace(".", "_").upper(): text for key, (text, _) in EXAMPLES.items()}, {})
        )

    def test_lists_with_blanks(self) -> None:
        """A blank after a comma in the environment changes nothing."""
        environment = {"WAYGPS_RECEIVERS_PORTS": "a=1, b=2", "WAYGPS_WEB_ALLOWED_ORIGINS": "https://a.org, https://b.org"}
        found = load(None, environment, {})
        assert found.receivers.ports == {"a": 1, "b": 2}
        assert found.web.allowed_origins == ("https://a.org", "https://b.org")

    def test_home(self) -> None:
        """A path may begin with ~."""
        assert self.load('data_dir = "~/gps"').data_dir == Path.home() / "gps"

    def test_unknown_key(self) -> None:
        """A typo is refused with the key as it is in the file, the nearest right one and all that there are."""
        assert self.complaint("[web]\nprot = 1") == (
            "web.prot is not a setting; did you mean web.port? Known there: "
            "web.allowed_origins, web.interface, web.port, web.secure_cookies, web.session_hours"
        )
        assert self.complaint('[web.tiles]\nurll = ""').startswith("web.tiles.urll is not a setting; did you mean web.tiles.url?")
        assert self.complaint("simulated = 1").startswith("simulated is not a setting; did you mean simulate?")
        assert self.complaint("[webb]\nport = 1").startswith("webb is not a setting")

    def test_unknown_variable(self) -> None:
        """A typo in the environment is refused by the variable's name; variables of other programs are left alone."""
        text = self.complaint("", WAYGPS_WEB_PRT="1", HOME="/")
        assert text.startswith("WAYGPS_WEB_PRT in the environment is not a setting; did you mean WAYGPS_WEB_PORT? Known there: ")
        assert "WAYGPS_DATABASE_URL" in text

    def test_bad_value(self) -> None:
        """A bad value is refused with the key, the value and what is allowed."""
        port = "it must be a whole number from 1 to 65535"
        for toml, expected in {
            "[web]\nport = 70000": f"web.port = 70000 is not allowed: {port}",
            "[web]\nport = 'x'": f"web.port = 'x' is not allowed: {port}",
            "[web]\nport = 80.5": f"web.port = 80.5 is not allowed: {port}",
            "[web]\nsecure_cookies = 'maybe'": "web.secure_cookies = 'maybe' is not allowed: it must be true or false",
            "[ingest]\nunknown_devices = 'x'": (
                "ingest.unknown_devices = 'x' is not allowed: it must be one of cuarentena, registrar, rechazar"
            ),
            "[ingest]\nmost_held = 0": "ingest.most_held = 0 is not allowed: it must be a whole number from 1",
            "[database]\nurl = 5": "database.url = 5 is not allowed: it must be a text",
            "data_dir = ''": "data_dir = '' is not allowed: Expected a path",
        }.items():
            assert self.complaint(toml) == expected

    def test_bad_value_in_the_environment(self) -> None:
        """So is one in the environment, an empty one included."""
        assert self.complaint("", WAYGPS_WEB_PORT="") == (
            "web.port = '' is not allowed: it must be a whole number from 1 to 65535"
        )
        text = self.complaint("", WAYGPS_RECEIVERS_PORTS="teltonika")
        assert text.startswith("receivers.ports")
        assert text.endswith("it must be a whole number from 1 to 65535")

    def test_no_end(self) -> None:
        """A tolerance or a patience without end, which TOML can write, is refused at the start and not when it is used."""
        for text in ("inf", "nan"):
            assert self.complaint(f"[ingest]\nfuture_tolerance = {text}").startswith(
                f"ingest.future_tolerance = {text} is not allowed: it must be a number from 0"
            )
        assert self.complaint("[ingest]\ndrain_timeout = -1").startswith(
            "ingest.drain_timeout = -1 is not allowed: it must be a number from 0"
        )

    def test_value_in_place_of_a_section(self) -> None:
        """A value where a section belongs is refused by name, whether or not the environment has something for the section."""
        assert self.complaint("web = 5").startswith("web = 5 is not allowed")
        assert self.complaint("web = 5", WAYGPS_WEB_PORT="1").startswith("web = 5 is not allowed")

    def test_not_toml(self) -> None:
        """A file that is no TOML is named with the place of the fault."""
        assert self.complaint("x = ").startswith(f"the configuration {self.path} is not TOML: Invalid value")
        self.path.write_bytes(b"\xff")
        self.assertRaises(ConfigurationError, load, self.path, {}, {})

    def test_no_file(self) -> None:
        """A file that is not there is named."""
        with self.assertRaises(ConfigurationError) as caught:
            load(self.path, {}, {})
        assert str(caught.exception) == f"the configuration {self.path} cannot be read: No such file or directory"
