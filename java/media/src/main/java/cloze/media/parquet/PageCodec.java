package cloze.media.parquet;

import cloze.io.DataException;
import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.zip.GZIPInputStream;

/**
 * Decompresses a page into a buffer of the size that the page declares. Snappy and LZ4 are decoded by this project, as
 * arrays of Java check each access; zstd's own library checks the size of what it is given to write to.
 */
final class PageCodec {
    private static final List<String> NAMES =
            List.of("uncompressed", "Snappy", "gzip", "LZO", "Brotli", "LZ4", "zstd", "raw LZ4");

    private PageCodec() {}

    /** @throws DataException if the codec is not known, or the bytes decode to another size */
    static byte[] decode(int codec, Cursor in, int size) throws IOException {
        return switch (codec) {
            case 0 -> bytes(in, size);
            case 1 -> SnappyBlock.decode(in, sized(in, size, 32)); // at most 64 bytes for 3
            case 2 -> gzip(in, size);
            case 5 -> hadoop(in, size);
            case 6 -> zstd(in, size);
            case 7 -> Lz4Block.decode(in, sized(in, size, 256)); // at most 255 bytes for 1
            default -> {
                String found = codec < 0 || codec >= NAMES.size() ? "codec " + codec : NAMES.get(codec);
                throw new DataException(
                        "expected pages that are uncompressed or compressed by Snappy, gzip, LZ4 or zstd, found "
                                + found);
            }
        };
    }

    /** A buffer for what is decoded, if a codec that makes {@code most} bytes of one could fill it. */
    private static byte[] sized(Cursor in, int size, int most) throws DataException {
        if (size > (long) most * in.remaining()) {
            throw new DataException(String.format(
                    Locale.ROOT,
                    "expected a page of %d bytes at most for %d compressed ones, found %d",
                    (long) most * in.remaining(),
                    in.remaining(),
                    size));
        }
        return new byte[size];
    }

    private static DataException sizes(int size, String found) {
        return new DataException(String.format(Locale.ROOT, "expected a page of %d bytes, found %s", size, found));
    }

    private static byte[] bytes(Cursor in, int size) throws IOException {
        if (in.remaining() != size) {
            throw sizes(size, "" + in.remaining());
        }
        int from = in.take(size);
        return java.util.Arrays.copyOfRange(in.bytes(), from, from + size);
    }

    private static byte[] gzip(Cursor in, int size) throws IOException {
        byte[] out = sized(in, size, 1032); // deflate's most
        int count = in.remaining();
        try (var from = new GZIPInputStream(new ByteArrayInputStream(in.bytes(), in.take(count), count))) {
            int read = from.readNBytes(out, 0, size);
            if (read < size || from.read() >= 0) {
                throw sizes(size, read < size ? "" + read : "more");
            }
        }
        return out;
    }

    private static byte[] zstd(Cursor in, int size) throws IOException {
        int count = in.remaining();
        int from = in.take(count);
        if (count == 0) {
            throw sizes(size, "no frame of zstd");
        }
        // A frame of Parquet says its size: a page that says another is found before memory is taken.
        long says = Zstd.getFrameContentSize(in.bytes(), from, count);
        if ((says > 0 && says != size) || says < -1) {
            throw sizes(size, says < -1 ? "no frame of zstd" : "" + says);
        }
        byte[] out = new byte[size];
        try {
            long made = Zstd.decompressByteArray(out, 0, size, in.bytes(), from, count);
            if (made != size) {
                throw sizes(size, "" + made);
            }
        } catch (ZstdException e) {
            throw new DataException("expected a page of zstd: " + e.getMessage(), e);
        }
        return out;
    }

    /** Blocks with their sizes before them, as Hadoop writes LZ4; other writers leave the sizes out. */
    private static byte[] hadoop(Cursor in, int size) throws IOException {
        byte[] out = sized(in, size, 256);
        var all = new Cursor(in.bytes(), in.position(), in.position() + in.remaining());
        try {
            int at = 0;
            while (in.remaining() > 0) {
                int to = Integer.reverseBytes(in.i32());
                Cursor block = in.part(Integer.toUnsignedLong(Integer.reverseBytes(in.i32())));
                if (to < 0 || to > size - at) {
                    throw sizes(size, "more");
                }
                Lz4Block.decode(block, out, at, at + to);
                at += to;
            }
            if (at != size) {
                throw sizes(size, "" + at);
            }
            return out;
        } catch (DataException e) {
            return Lz4Block.decode(all, out);
        }
    }
}
