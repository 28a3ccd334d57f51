"""What a figure was measured on."""

import os
import platform
from pathlib import Path


def describe() -> str:
    """Cores, processor, memory and Python of this machine, in one line."""
    processor = platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                processor = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    return f"{os.cpu_count()} cores {processor}, {memory} GiB, Python {platform.python_version()}"
