"""Writes parquet/*.parquet by pyarrow: sixty rows in three groups, in each codec and encoding.

python parquet.py (pyarrow 25). The rows are those of ParquetFileTest.
"""

import json
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


def images(name, columns, features=None):
    """Four times one picture, with labels; features are those of Hugging Face."""
    table = pyarrow.table(columns)
    if features:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pyarrow.parquet.write_table(table, FOLDER / ("images-" + name + ".parquet"), compression="zstd")


def labels():
    png = (FOLDER.parent / "images" / "rgb.png").read_bytes()
    plain = pyarrow.array([png] * 4, pyarrow.binary())
    struct = pyarrow.array(
        [{"bytes": png, "path": None}] * 4, pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    )
    numbers = pyarrow.array([0, 1, 0, 1], pyarrow.int64())
    classes = {"_type": "ClassLabel", "names": ["zebra", "ant"]}
    images("named", {"image": struct, "label": numbers}, {"image": {"_type": "Image"}, "label": classes})
    images("words", {"img": plain, "class": pyarrow.array(["dog", "cat", "dog", "emu"])})
    images("some", {"bytes": plain, "label": pyarrow.array([-1, None, 0, 1], pyarrow.int32())})
    images("none", {"image": struct, "label": pyarrow.array([-1] * 4, pyarrow.int64())}, {"label": classes})
    images("beyond", {"image": struct, "label": pyarrow.array([0, 1, 2, 0])}, {"label": classes})
    images("value", {"image": struct, "label": pyarrow.array([0, 7_000_000, 1, 2])})
    images(
        "fine",
        {"mask": plain, "img": struct, "fine_label": numbers, "coarse_label": pyarrow.array([5, 5, 5, 5])},
        {"fine_label": {"_type": "ClassLabel", "names": ["apple", "baby", "bear"]}},
    )
    images("two", {"left": plain, "right": plain})


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for codec in ["none", "snappy", "gzip", "lz4", "zstd", "brotli"]:
        write(codec, compression=codec)
    for codec in ["none", "zstd"]:
        write(codec + "-second", compression=codec, data_page_version="2.0", write_page_checksum=True)
        write(codec + "-plain", compression=codec, use_dictionary=False, write_page_checksum=True)
        write(codec + "-delta", compression=codec, use_dictionary=False, column_encoding=DELTAS, version="2.6")
    labels()
