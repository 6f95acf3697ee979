"""`python -m wandb` is the command `danlu`."""

from __future__ import annotations

import sys

from danlu.__main__ import main

sys.exit(main())
