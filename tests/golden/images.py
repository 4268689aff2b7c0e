#!/usr/bin/env python3
"""Writes images/: a small photograph in many formats and what Pillow reads from each, and resized parts of it.

Usage: python3 tests/golden/images.py PHOTOGRAPH (astronaut.png of scikit-image 0.19.3, by NASA, public domain); needs Pillow and pyarrow
"""

import io
import struct
import sys
from pathlib import Path

from PIL import Image, ImageOps

FOLDER = Path(__file__).parent / "images"
SIZE = (48, 36)


def expect(name, encoded):
    """NAME.ppm (or .pgm): upright, without alpha, 8 bits."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded)))
    if image.mode in ("P", "RGBA", "LA", "PA"):
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), rgba)
    if image.mode.startswith("I"):
        image = Image.frombytes("L", image.size, bytes(v >> 8 for v in image.getdata()))
    image = image if image.mode == "L" else image.convert("RGB")
    kind = b"P5" if image.mode == "L" else b"P6"
    (FOLDER / (name + ".pnm")).write_bytes(b"%s %d %d 255\n" % (kind, *image.size) + image.tobytes())


def write(name, image, **options):
    buffer = io.BytesIO()
    image.save(buffer, **options)
    (FOLDER / name).write_bytes(buffer.getvalue())
    expect(name, buffer.getvalue())


def formats(photo):
    write("rgb.png", photo, format="PNG")
    write("grey.png", photo.convert("L"), format="PNG")
    write("palette.png", photo.quantize(64), format="PNG")
    deep = Image.new("I;16", photo.size)
    deep.putdata([v * 257 for v in photo.convert("L").getdata()])
    write("grey16.png", deep, format="PNG")
    alpha = photo.copy()
    alpha.putalpha(Image.linear_gradient("L").resize(photo.size))
    write("alpha.png", alpha, format="PNG")
    write("rgb.jpg", photo, format="JPEG", quality=90, subsampling=0)
    write("progressive.jpg", photo, format="JPEG", quality=90, subsampling=0, progressive=True)
    write("grey.jpg", photo.convert("L"), format="JPEG", quality=90)
    write("lossless.webp", photo, format="WEBP", lossless=True)
    write("lossy.webp", photo, format="WEBP", quality=90)
    write("lzw.tif", photo, format="TIFF", compression="tiff_lzw")
    write("deflate.tif", photo, format="TIFF", compression="tiff_adobe_deflate")
    write("grey.tif", photo.convert("L"), format="TIFF")
    write("frames.gif", photo.quantize(64), format="GIF", save_all=True, append_images=[photo.rotate(180).quantize(64)])
    write("rgb.bmp", photo, format="BMP")
    write("cmyk.jpg", photo.convert("CMYK"), format="JPEG", quality=95, subsampling=0)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        write(f"orientation{orientation}.jpg", photo, format="JPEG", quality=90, subsampling=0, exif=exif)


def resized(photo):
    """NAME.f32 of part (left, top, right, bottom) at (width, height), in float32 and not clamped."""
    plane = photo.convert("L").convert("F")
    for name, box, size in [
        ("up", (5, 3, 29, 27), (32, 32)),
        ("down", (0, 0, 36, 36), (13, 13)),
        ("squeezed", (3, 1, 45, 20), (16, 16)),
    ]:
        out = plane.crop(box).resize(size, Image.BICUBIC)
        values = list(out.getdata())
        (FOLDER / (name + ".f32")).write_bytes(struct.pack("<%df" % len(values), *values))


def parquet():
    """images.parquet in the layout of Hugging Face: image {bytes, path} and label; the last image is null."""
    import pyarrow
    import pyarrow.parquet

    names = ["rgb.png", "lossless.webp"]
    images = [{"bytes": (FOLDER / name).read_bytes(), "path": name} for name in names] + [None]
    image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    table = pyarrow.table({"image": pyarrow.array(images, image), "label": pyarrow.array([1, 0, 2], pyarrow.int64())})
    pyarrow.parquet.write_table(table, FOLDER.parent / "images.parquet", compression="snappy")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with Image.open(sys.argv[1]) as astronaut:
        part = astronaut.convert("RGB").crop((120, 0, 360, 180)).resize(SIZE, Image.LANCZOS)
    formats(part)
    resized(part)
    parquet()
