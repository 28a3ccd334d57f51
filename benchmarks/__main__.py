"""All benchmarks, one after the other, a JSON line each: `make bench`."""

import subprocess
import sys

NAMES = ("quotes", "people", "checks", "transfers")


def main() -> None:
    """Run each in a process of its own."""
    for name in NAMES:
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", "--json"], check=True)


if __name__ == "__main__":
    main()
