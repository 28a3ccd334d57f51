"""The command line: `verifications permit|list`."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from yikatong.core.platform import Platform


async def run(platform: Platform, folder: Path, *words: str) -> tuple[int, str, str]:
    key = folder / "vault.key"
    key.write_text(bytes(range(32)).hex())
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "yikatong", "verifications", *words],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "YIKATONG_DATABASE_URL": platform.database.url,
            "YIKATONG_KEY_FILE": str(key),
            "YIKATONG_DATA": str(folder),
        },
    )
    return done.returncode, done.stdout, done.stderr


async def test_a_permit_is_given_listed_and_replaced(platform: Platform, tmp_path: Path) -> None:
    for purposes in (["culture", "transit"], ["culture"]):
        options = [word for one in purposes for word in ("--purpose", one)]
        code, _, err = await run(platform, tmp_path, "permit", "library", *options)
        assert code == 0, err
    code, out, _ = await run(platform, tmp_path, "list", "--json")
    assert json.loads(out) == [
        {"kind": "service", "name": "library", "purposes": ["culture"], "per_minute": 600}
    ]
    code, out, _ = await run(platform, tmp_path, "list", "--purposes", "--json")
    assert "culture" in json.loads(out)


async def test_a_wrong_purpose_or_kind_is_named(platform: Platform, tmp_path: Path) -> None:
    for words, field in (
        (["--purpose", "fun"], "purpose"),
        (["--purpose", "culture", "--kind", "person"], "--kind"),
        (["--purpose", "culture", "--per-minute", "0"], "per_minute"),
    ):
        code, out, err = await run(platform, tmp_path, "permit", "library", *words)
        assert (code, out) == (2, "")
        assert err.startswith(f"{field}: ")
