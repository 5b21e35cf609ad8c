"""What a fresh process of the app in azure mode has imported, and when."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOBODY = "127.0.0.1:9"
SETTINGS = {
    "INTEGRATIONS_BACKEND": "azure",
    "INTEGRATIONS_COSMOS_ENDPOINT": f"http://{NOBODY}",
    "INTEGRATIONS_COSMOS_KEY": "a2V5",
    "INTEGRATIONS_KEY_VAULT_URL": f"https://{NOBODY}",
    "INTEGRATIONS_BLOB_ACCOUNT_URL": f"https://{NOBODY}",
    "INTEGRATIONS_JWKS_URL": f"http://{NOBODY}/keys",
    "ServiceBusConnection__fullyQualifiedNamespace": "space.servicebus.windows.net",
}

PROGRAM = """
import asyncio, json, sys
from azure.functions import HttpRequest
import function_app
from shared import bootstrap

def warming():
    return [task for task in asyncio.all_tasks() if task.get_name() == "warm-up"]

async def main():
    triggers = [(each.get_trigger(), each) for each in function_app.app.get_functions()]
    routes = {trigger.route: each for trigger, each in triggers if hasattr(trigger, "route")}
    request = HttpRequest("GET", "http://localhost/api/health/live", body=b"")
    handling = asyncio.create_task(routes["health/live"].get_user_function()(request))
    before = len(warming())
    answer = await handling
    modules = sorted(name for name in sys.modules if name.startswith("azure."))
    begun = len(warming())
    await asyncio.gather(*warming())
    later = sorted(name for name in sys.modules if name.startswith("azure."))
    await bootstrap.close()
    print(json.dumps([answer.status_code, before, modules, begun, later]))

asyncio.run(main())
"""


def test_no_sdk_is_imported_before_the_first_answer(tmp_path: Path) -> None:
    """Of Azure's packages only the programming model is there; the others come with the warm-up, after it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={**os.environ, **SETTINGS, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    status, before, modules, begun, later = json.loads(done.stdout)
    assert (status, before, begun) == (200, 0, 1)
    assert {name.split(".")[1] for name in modules} == {"functions"}
    assert {"cosmos", "servicebus"} <= {name.split(".")[1] for name in later}
