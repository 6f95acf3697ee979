"""Says which public names of danlu type checkers do not know: none but those of libraries that are missing.

python tests/typed/complete.py    # needs pyright
"""

from __future__ import annotations

import json
import subprocess
import sys

#: Classes that extend one of a library that is large and need not be installed.
OF_LIBRARIES = {"danlu.integration.sb3.WandbCallback", "danlu.integration.xgboost.WandbCallback"}


def main() -> int:
    """Return the exit code."""
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]
    command += ["--verifytypes", "danlu", "--ignoreexternal", "--outputjson"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    # Its first run says how it installs itself.
    found = json.loads(done.stdout[done.stdout.index("\n{" if done.stdout[0] != "{" else "{") :])
    symbols = found["typeCompleteness"]["symbols"]
    unknown = [
        symbol["name"]
        for symbol in symbols
        if symbol["isExported"] and (not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"])
    ]
    missing = sorted(set(unknown) - OF_LIBRARIES)
    exported = sum(symbol["isExported"] for symbol in symbols)
    sys.stdout.write(f"{exported - len(unknown)} of {exported} public names of danlu have a known type\n")
    for name in missing:
        sys.stdout.write(f"  type checkers do not know `{name}`\n")
    return 1 if missing or exported < 1000 else 0


sys.exit(main())
