"""`python python/tests/compatibility --write` writes docs/compatibility.md."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from compatibility import page

if sys.argv[1:] != ["--write"]:
    sys.exit("usage: python python/tests/compatibility --write")
page.write()
