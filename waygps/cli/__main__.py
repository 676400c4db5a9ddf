"""``python -m waygps.cli``: the ``waygps`` command where it is not on the path."""

from waygps.cli import main

main(prog_name="waygps")
