"""`python -m benchmarks [PART …] [--large]`: the tables of benchmarks/README.md. Parts: ingest, objects, segments, …"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import behaviour, classify, conversions, downloads, ingest, logs, objects, queries, segments

FOLDER = Path(__file__).parent / "var"
ALL = ["ingest", "objects", "segments", "queries", "conversions", "downloads", "logs", "classify", "behaviour"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("which", nargs="*", choices=ALL, help="default: all")
    parser.add_argument("--large", action="store_true", help="20 M lines, and a lake of 100 M clicks beside 10 M")
    parser.add_argument("--beside", type=Path, help="another checkout, measured in the same run (objects, classify)")
    arguments = parser.parse_args()
    which = arguments.which or ALL
    if "ingest" in which:
        ingest.run(FOLDER, 20_000_000 if arguments.large else 2_000_000)
    if "objects" in which:
        objects.run(FOLDER, 100_000 if arguments.large else 10_000, arguments.beside)
    if "segments" in which:
        segments.run(FOLDER, 20_000_000 if arguments.large else 2_000_000)
    if "queries" in which:
        queries.run(FOLDER, (10_000_000, 100_000_000) if arguments.large else (10_000_000,))
    if "conversions" in which:
        conversions.run(50_000 if arguments.large else 5_000)
    if "downloads" in which:
        downloads.run(FOLDER)
    if "classify" in which:
        classify.run(arguments.beside)
    if "behaviour" in which:
        behaviour.run()
    if "logs" in which:
        logs.run(FOLDER, (10, 1_440, 2_880, 10_080, *((43_200,) if arguments.large else ())))


if __name__ == "__main__":
    main()
