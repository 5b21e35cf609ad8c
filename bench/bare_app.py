"""The least that devhost can serve: one route that says OK."""

from __future__ import annotations

from azure.functions import AuthLevel, FunctionApp, HttpRequest, HttpResponse

app = FunctionApp()


@app.route(route="health/live", methods=["GET"], auth_level=AuthLevel.ANONYMOUS)
async def live(req: HttpRequest) -> HttpResponse:
    del req
    return HttpResponse('{"status": "live"}', mimetype="application/json")
