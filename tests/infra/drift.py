"""Where the templates and the code say different things."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.infra.api_versions import version_drift
from tests.infra.code import Code
from tests.infra.deployed import deployed_drift, host_drift
from tests.infra.fixed import fixed_drift
from tests.infra.queries import query_drift
from tests.infra.roles import role_drift
from tests.infra.settings import settings_drift
from tests.infra.syntax import Templates
from tests.infra.wiring import wiring_drift


def drift(infra: Path, code: Code) -> Sequence[str]:
    """Return a line for each difference between a folder of templates and the code."""
    templates = Templates(infra)
    if problems := list(wiring_drift(templates)):
        return problems  # the others look into modules and resources by name
    return [
        *deployed_drift(templates, code),
        *host_drift(code),
        *settings_drift(templates, code),
        *role_drift(templates, code),
        *fixed_drift(templates, code),
        *query_drift(templates, code),
        *version_drift(templates),
    ]
