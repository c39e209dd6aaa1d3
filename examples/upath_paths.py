"""universal_pathlib: objects as paths. ``examples/local.py`` says how to run it."""

from __future__ import annotations

from local import place
from upath import UPath

from pyathena.filesystem import register

with place(__doc__) as (root, options), register():
    home = UPath(f"s3://{root}", **options)
    (home / "notes" / "first.txt").write_text("one\n")
    (home / "notes" / "second.txt").write_bytes(b"two\n")
    (home / "notes" / "second.txt").rename(home / "notes" / "2.txt")
    for path in sorted(home.rglob("*.txt")):
        print(f"  {path.relative_to(home)}: {path.read_text().strip()}, {path.stat().st_size} bytes")
    (home / "notes" / "first.txt").unlink()
