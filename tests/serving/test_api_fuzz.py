"""Every described route is called with generated input: never a 5xx, errors always problems."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import OPERATOR_TOKEN

pytestmark = pytest.mark.server


def test_generated_requests_never_break_the_api(site: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"),
            "run",
            f"{site}/api/openapi.json",
            "--checks",
            "not_a_server_error",
            "--header",
            f"Authorization: Bearer {OPERATOR_TOKEN}",
            "--max-examples",
            "25",
            "--generation-database",
            "none",
            "--seed",
            "7",
            "--no-color",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4000:]


def test_unknown_addresses_and_methods_are_problems_in_both_languages(site: str) -> None:
    for method, path, status in (
        ("GET", "/api/nothing", 404),
        ("GET", "/api/v1/policies/510100", 404),
        ("PUT", "/api/v1/policies", 405),
        ("GET", "/api/v1/portability/check", 405),
    ):
        request = urllib.request.Request(site + path, method=method)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=20)
        assert caught.value.code == status, path
        assert caught.value.headers["content-type"] == "application/problem+json"
        problem = json.loads(caught.value.read())
        assert problem["detail"]["zh"]
        assert problem["detail"]["en"]
