"""The rows of a Parquet log, and whose fault it is when they cannot be had: the file's, or the place's it lies in."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.reading.log_fields import Fields, UnknownFormatError, normal_name, read_field_list

_ROWS: Final = 32_768
# CloudFront writes strings alone. Others may have made integers of some.
_TEXT: Final = ("string", "large_string", "string_view", "binary", "large_binary", "int16", "int32", "int64", "null")


def read_rows(stream: IO[bytes]) -> Iterator[tuple[pa.Table, Fields]]:
    """Stretches of rows, in order: those columns of which anything is read, in the one spelling of `normal_name`.

    The field list is that of the whole file.

    Raises UnknownFormatError for a file that is damaged or no log, and the stream's own OSError when it cannot be read.
    """
    watched = _Watched(stream)
    try:
        file = pq.ParquetFile(pa.PythonFile(watched, mode="r"))
        fields = read_field_list(file.schema_arrow.names)
        used = _used(file.schema_arrow, fields)
        for batch in file.iter_batches(batch_size=_ROWS, columns=used):
            rows = pa.Table.from_batches([batch])
            yield rows.rename_columns([normal_name(name) for name in rows.column_names]), fields
    except (pa.ArrowException, OSError, ValueError) as error:  # Arrow says OSError of a damaged page, too
        if watched.failure is not None:
            raise watched.failure from error
        raise UnknownFormatError("a damaged Parquet file") from error


def _used(schema: pa.Schema, fields: Fields) -> list[str]:
    """The columns of which anything is read. Raises UnknownFormatError when one holds no text."""
    used = [name for name, normal in zip(schema.names, fields.names, strict=True) if normal in fields.used]
    for name in used:
        kind = schema.field(name).type
        if str(kind.value_type if pa.types.is_dictionary(kind) else kind) not in _TEXT:
            raise UnknownFormatError(f"{name} must hold text; it holds {kind}")
    return used


class _Watched(io.RawIOBase):
    """A stream that remembers its own failure: what else goes wrong is wrong with the bytes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.failure: OSError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read(size)
        except OSError as error:
            self.failure = error
            raise

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()
