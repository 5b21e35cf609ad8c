"""Everything below the entry points: domain, ports, adapters, backends and use cases."""
