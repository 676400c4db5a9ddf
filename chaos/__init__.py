"""``make chaos``: a fleet reports while all it depends on fails; nothing that was acknowledged may be missing or double."""
