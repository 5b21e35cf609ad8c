"""Nothing is deployed before its checks have passed and somebody could see what would change."""

from __future__ import annotations

from typing import Any

import yaml

from tests.infra.code import ROOT

_WORKFLOWS = ROOT / ".github" / "workflows"


def jobs(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((_WORKFLOWS / name).read_text())["jobs"])


def commands(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_deployment_waits_for_checks_and_for_what_would_change() -> None:
    """Reviewers are asked when a job of their environment begins: by then the other jobs have ended."""
    found = jobs("deploy.yml")
    assert set(found["deploy"]["needs"]) == {"checks", "what-if"}
    assert found["checks"]["uses"] == "./.github/workflows/checks.yml"
    assert found["deploy"]["environment"] == "${{ inputs.environment }}"
    assert found["what-if"]["environment"] == "${{ inputs.environment }}-preview"


def test_only_the_job_that_was_approved_changes_anything() -> None:
    """What is shown and what is deployed come of the same parameters."""
    found = jobs("deploy.yml")
    shown, deployed = commands(found["what-if"]), commands(found["deploy"])
    assert "az deployment sub what-if" in shown
    assert "az deployment sub create" not in shown
    assert "az deployment sub create" in deployed
    parameters = "infra/environments/${{ inputs.environment }}.bicepparam"
    assert parameters in shown
    assert parameters in deployed


def test_every_parameters_file_is_built() -> None:
    """By the compiler, which a laptop need not have."""
    templates = commands(jobs("checks.yml")["templates"])
    assert "infra/main.bicepparam infra/environments/*.bicepparam" in templates
    assert "az bicep build-params" in templates
