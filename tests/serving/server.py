"""`yikatong up` as a process that tests kill and start again."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO


class Server:
    """`yikatong up` on one port, killed and started again."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.log = data.with_suffix(".log")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.token = ""
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._start(log)

    def _start(self, log: IO[bytes]) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "yikatong", "up", "--data", str(self.data),
                "--port", str(self.port), "--people", "300",
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "YIKATONG_DATABASE_URL": ""},
        )  # fmt: skip
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if re.search(r"http://[0-9.]+:[0-9]+", line):
                break
        else:
            raise AssertionError("the platform did not start")
        self.token = (self.data / "keys" / "operator.token").read_text().strip()

    def kill_app(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def kill_database(self) -> None:
        lines = (self.data / "postgres" / "postmaster.pid").read_text().splitlines()
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(lines[0]), signal.SIGKILL)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "yikatong", *words, "--data", str(self.data)],
            capture_output=True,
            text=True,
            env={**os.environ, "YIKATONG_DATABASE_URL": ""},
        )
