"""Microsoft's Python worker core loads the app and runs one function of each trigger.

The core (`azure-functions-runtime` on PyPI) is what Azure runs, less its gRPC shell. It declares Python 3.13,
but runs on 3.11 as well.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "tests" / "fixtures" / "sample_app"
DRIVER = Path(__file__).with_name("worker_core_driver.py")
INSTALL = "python -m pip install --no-deps --ignore-requires-python azure-functions-runtime==1.3.0"

INDEX_WITH_DEVHOST = (
    "import json; from devhost.indexing import index, load_app; "
    "print(json.dumps(sorted(function.name for function in index(load_app('function_app'), {}))))"
)


@pytest.fixture(autouse=True)
def _worker_core() -> None:
    if importlib.util.find_spec("azure_functions_runtime") is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"the worker core is not installed: {INSTALL}")


@pytest.fixture(params=[SAMPLE, REPOSITORY], ids=["sample", "app"])
def app_folder(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


NOWHERE = {
    "INTEGRATIONS_BACKEND": "azure",
    "INTEGRATIONS_COSMOS_ENDPOINT": "http://127.0.0.1:9",
    "INTEGRATIONS_COSMOS_KEY": "a2V5",
    "INTEGRATIONS_KEY_VAULT_URL": "https://127.0.0.1:9",
    "INTEGRATIONS_BLOB_CONNECTION": "UseDevelopmentStorage=true",
    "INTEGRATIONS_JWKS_URL": "http://127.0.0.1:9/keys",
    "ServiceBusConnection": "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=n;SharedAccessKey=k;"
    "UseDevelopmentEmulator=true",
}
"""Azure's services at an address where nobody listens."""


def _run(app_folder: Path, data_folder: Path, *arguments: str, **settings: str) -> Any:
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(app_folder), str(REPOSITORY), os.environ.get("PYTHONPATH", "")]),
        "INTEGRATIONS_BACKEND": "embedded",
        "INTEGRATIONS_ENVIRONMENT": "development",
        "INTEGRATIONS_DATA_DIR": str(data_folder),
        **settings,
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environ,
        cwd=data_folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_worker_loads_and_runs_the_app(app_folder: Path, tmp_path: Path) -> None:
    """The worker indexes every function that devhost runs, and a probe, a timer and a dead letter succeed."""
    outcome = _run(app_folder, tmp_path, str(DRIVER), str(app_folder))
    assert "error" not in outcome, outcome["error"]
    assert outcome["functions"] == _run(app_folder, tmp_path, "-c", INDEX_WITH_DEVHOST)
    assert outcome["http"].get("statusCode") == "200", outcome["http"]
    assert json.loads(outcome["http"]["body"])["status"] == "live"
    assert outcome["timer"] == {}
    assert outcome["queue"] == {}


def test_in_azure_mode_the_worker_gets_the_apps_lines(tmp_path: Path) -> None:
    """What the app logs comes to the root logger's handler, as JSON, with its severity."""
    outcome = _run(REPOSITORY, tmp_path, str(DRIVER), str(REPOSITORY), **NOWHERE)
    assert "error" in outcome["queue"]
    severities = {level for level, _, _ in outcome["lines"]}
    lines = [json.loads(line) for _, _, line in outcome["lines"]]
    assert severities & {"WARNING", "ERROR"}
    assert all(line["message"] and line["context"]["operation"] for line in lines)
