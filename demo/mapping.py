"""How an airport becomes a shard: the mapping that the app gets, and what it should lead to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ENTITY = "record"
SHARD_TYPE = "airport"

FIELDS: list[dict[str, Any]] = [
    {"externalField": "icao", "shardField": "icao", "transform": "trim", "required": True},
    {"externalField": "iata", "shardField": "iata", "transform": "trim"},
    {"externalField": "lid", "shardField": "localCode", "transform": "trim"},
    {"externalField": "name", "shardField": "name", "transform": "trim", "required": True},
    {"externalField": "city", "shardField": "place.city", "transform": "trim"},
    {"externalField": "subd", "shardField": "place.subdivision", "transform": "trim"},
    {"externalField": "country", "shardField": "place.country", "transform": "trim", "required": True},
    {"externalField": "lat", "shardField": "place.latitude", "transform": "number", "required": True},
    {"externalField": "lon", "shardField": "place.longitude", "transform": "number", "required": True},
    {"externalField": "elevation", "shardField": "elevationFeet", "transform": "number"},
    {"externalField": "tz", "shardField": "timeZone", "transform": "trim"},
]
"""All eleven fields of an airport. Fields that may be empty there are left out of the shard."""


def expected_shard(airport: Mapping[str, Any]) -> dict[str, Any]:
    """Return what FIELDS make of an airport, worked out here and not by the app that is being checked."""
    shard: dict[str, Any] = {}
    for field in FIELDS:
        value = airport[field["externalField"]]
        value = value.strip() if isinstance(value, str) else value
        if value != "":
            *parents, name = field["shardField"].split(".")
            target = shard
            for parent in parents:
                target = target.setdefault(parent, {})
            target[name] = value
    return shard
