"""The login that is made on the first start, and the file that keeps it until its password is changed."""

from __future__ import annotations

import os
from pathlib import Path

NAME = "first-login.txt"


def keep(data_dir: Path, user: str, password: str) -> Path:
    """Write the login to a file that only its owner reads; a password belongs in no log."""
    path = data_dir / NAME
    data_dir.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{user} {password}\n")
    return path


def remembered(data_dir: Path) -> str:
    """How to log in, in words for the banner."""
    path = data_dir / NAME
    try:
        user, password = path.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return "with your own account; a lost password is set anew by: waygps user password NAME"
    return f"user {user}, password {password}   (made on the first start, kept in {path})"


def forget(data_dir: Path, user: str) -> None:
    """The user's password was changed: if the file is about it, it is of no use any more."""
    path = data_dir / NAME
    if path.exists() and path.read_text(encoding="utf-8").startswith(f"{user} "):
        path.unlink()
