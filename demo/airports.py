"""Write the airports of airportsdata to standard output, as a JSON array.

Runs in the record server's environment, which alone has the data set: no import of this project.
"""

from __future__ import annotations

import json
import sys

import airportsdata  # type: ignore[import-not-found]  # not in the environment that mypy looks at


def main() -> None:
    """Write every airport with its eleven fields, as the package has them."""
    json.dump(list(airportsdata.load("ICAO").values()), sys.stdout)


if __name__ == "__main__":
    main()
