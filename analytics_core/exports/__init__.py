"""Downloads: rows as CSV, JSON or Parquet, hashed while they are made, with a manifest that is kept.

A manifest says what the file answers (query, data version, metric definitions, release of the time zones), how many
rows it has and the SHA-256 of its bytes: of the whole file, or of the `rows` array of the JSON, brackets included. Its
query says as of when it was answered, so that the same query gives the same bytes whatever has been learnt since.
"""

from analytics_core.exports.download import Download, begin, filename
from analytics_core.exports.file_formats import FORMATS, FORMATS_OF_DELIVERIES, digits, format_named, money
from analytics_core.exports.manifest import Manifest, find_manifest

__all__ = [
    "FORMATS",
    "FORMATS_OF_DELIVERIES",
    "Download",
    "Manifest",
    "begin",
    "digits",
    "filename",
    "find_manifest",
    "format_named",
    "money",
]
