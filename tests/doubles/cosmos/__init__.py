"""A strict double of Azure Cosmos DB (NoSQL), which the real SDK talks to over plain HTTP.

It does less than the service and is never more lenient: what it doesn't know it refuses with 400 and says so.
Run it alone by `python -m tests.doubles.cosmos --port 8081`; it says "ready" and takes any key.
"""

from tests.doubles.cosmos.counters import Counters, Kind
from tests.doubles.cosmos.faults import Faults, Held
from tests.doubles.cosmos.server import CosmosDouble

__all__ = ["CosmosDouble", "Counters", "Faults", "Held", "Kind"]
