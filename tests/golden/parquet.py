"""Writes parquet/*.parquet by pyarrow: sixty rows in three groups, in each codec and encoding.

python parquet.py (pyarrow 25). The rows are those of ParquetFileTest.
"""

import pathlib

import pyarrow
import pyarrow.parquet

FOLDER = pathlib.Path(__file__).parent / "parquet"
ROWS = range(60)


def text(i):
    return None if i % 7 == 3 else "Row %d: %s" % (i, "Зима 😀 " * (i % 5))


def blob(i):
    if i % 11 == 0:
        return None
    return {"bytes": None if i % 11 == 1 else bytes([i] * i), "path": "x"}


TABLE = pyarrow.table(
    {
        "text": pyarrow.array([text(i) for i in ROWS], pyarrow.string()),
        "word": pyarrow.array([["red", "green", "blue"][i % 3] for i in ROWS], pyarrow.string()),
        "number": pyarrow.array([None if i % 5 == 0 else i * i * 1000003 - 7 for i in ROWS], pyarrow.int64()),
        "small": pyarrow.array([i - 30 for i in ROWS], pyarrow.int32()),
        "many": pyarrow.array([[i] * (i % 3) for i in ROWS], pyarrow.list_(pyarrow.int32())),
        "blob": pyarrow.array(
            [blob(i) for i in ROWS], pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
        ),
    },
    metadata={"note": "sixty rows"},
)
DELTAS = {
    "text": "DELTA_BYTE_ARRAY",
    "word": "DELTA_LENGTH_BYTE_ARRAY",
    "number": "DELTA_BINARY_PACKED",
    "small": "DELTA_BINARY_PACKED",
    "blob.bytes": "DELTA_BYTE_ARRAY",
}


def write(name, **options):
    options = {"row_group_size": 25, "data_page_size": 200, "write_batch_size": 7, **options}
    pyarrow.parquet.write_table(TABLE, FOLDER / (name + ".parquet"), **options)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for codec in ["none", "snappy", "gzip", "lz4", "zstd", "brotli"]:
        write(codec, compression=codec)
    for codec in ["none", "zstd"]:
        write(codec + "-second", compression=codec, data_page_version="2.0", write_page_checksum=True)
        write(codec + "-plain", compression=codec, use_dictionary=False, write_page_checksum=True)
        write(codec + "-delta", compression=codec, use_dictionary=False, column_encoding=DELTAS, version="2.6")
