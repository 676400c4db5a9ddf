"""The login that is made on the first start."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from waygps.first_login import forget, keep, remembered

OWN = "with your own account; a lost password is set anew by: waygps user password NAME"


class FirstLoginTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.data_dir = Path(directory.name) / "new" / "data"

    def test_kept_for_its_owner(self) -> None:
        """The password is in a file that nobody else on the machine can read, whatever the umask."""
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        path = keep(self.data_dir, "admin", "s3cret")
        assert path.read_text() == "admin s3cret\n"
        assert path.stat().st_mode & 0o777 == 0o600

    def test_file_of_another(self) -> None:
        """A file that lay there readable for all does not stay so, and a link is not followed."""
        self.data_dir.mkdir(parents=True)
        other = self.data_dir / "other"
        other.write_text("mine")
        (self.data_dir / "first-login.txt").symlink_to(other)
        path = keep(self.data_dir, "admin", "s3cret")
        assert other.read_text() == "mine"
        assert not path.is_symlink()

    def test_shown(self) -> None:
        """The banner of every start shows the login until its password is changed."""
        path = keep(self.data_dir, "admin", "s3cret")
        assert remembered(self.data_dir) == f"user admin, password s3cret   (made on the first start, kept in {path})"

    def test_forgotten(self) -> None:
        """Once its password is changed the file is gone, and the banner says how to set a lost one."""
        keep(self.data_dir, "admin", "s3cret")
        forget(self.data_dir, "admin")
        assert list(self.data_dir.iterdir()) == []
        assert remembered(self.data_dir) == OWN

    def test_another_user(self) -> None:
        """Another user's new password leaves the file, one whose name begins alike included."""
        path = keep(self.data_dir, "admin", "s3cret")
        forget(self.data_dir, "adm")
        forget(self.data_dir, "administrator")
        assert path.exists()

    def test_nothing_there(self) -> None:
        """Without a file, or with one that somebody emptied, nothing breaks."""
        assert remembered(self.data_dir) == OWN
        forget(self.data_dir, "admin")
        keep(self.data_dir, "admin", "x").write_text("")
        assert remembered(self.data_dir) == OWN
