"""Entry points: parse, call one service, answer."""

from __future__ import annotations

from azure.functions import FunctionApp

from functions import (
    archiver,
    dead_letter_processor,
    health_monitor,
    sync_inbound,
    sync_outbound,
    sync_scheduler,
    token_refresher,
)
from functions._http import register_routes
from functions.api import ROUTES


def register(app: FunctionApp) -> None:
    """Register every function with the app."""
    register_routes(app, ROUTES)
    for module in (
        token_refresher,
        sync_scheduler,
        sync_inbound,
        sync_outbound,
        dead_letter_processor,
        health_monitor,
        archiver,
    ):
        app.register_functions(module.blueprint)
