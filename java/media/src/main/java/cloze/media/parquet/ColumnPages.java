package cloze.media.parquet;

import cloze.io.DataException;
import java.io.IOException;
import java.util.Locale;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/** Pages of one column in one group of rows. */
final class ColumnPages {
    private static final int FIRST_TRY = 8 << 10; // bytes, enough for a header without statistics
    private static final int LARGEST_PAGE = 1 << 30;
    private static final int RLE = 3;

    /**
     * A page whose values are read one after the other.
     *
     * @param levels say which of them are null; null if none can be
     * @param optional level of those that are not
     */
    record Page(int count, @Nullable HybridRuns levels, int optional, PageValues values) {
        boolean isNull() throws IOException {
            if (levels == null) {
                return false;
            }
            int level = levels.next();
            if (level < 0 || level > optional) {
                throw new DataException(
                        String.format(Locale.ROOT, "expected a level from 0 to %d, found %d", optional, level));
            }
            return level < optional;
        }
    }

    private final ParquetFile file;
    private final ParquetColumn column;
    private final Limit limit;
    private final int levelWidth;
    private final int codec;
    private final long end;
    private long at;
    private Dictionary dictionary = Dictionary.NONE;

    ColumnPages(ParquetFile file, ParquetColumn column, Limit limit, ThriftStruct chunk, int levelWidth)
            throws IOException {
        this.file = file;
        this.column = column;
        this.limit = limit;
        this.levelWidth = levelWidth;
        if (chunk.has(1)) {
            throw new DataException("expected data in the same file, found the name of another");
        }
        if (!chunk.has(3)) {
            throw new DataException("expected a description that can be read, found one that is encrypted or missing");
        }
        ThriftStruct description = chunk.struct(3);
        codec = description.size(4);
        long data = description.number(9);
        long first = description.number(11, 0);
        at = first > 0 && first < data ? first : data;
        long size = description.number(7);
        if (at < 0 || size < 0 || at > file.dataEnd() || size > file.dataEnd() - at) {
            throw new DataException(String.format(
                    Locale.ROOT,
                    "expected data in the %d bytes before the footer, found %d bytes at %d",
                    file.dataEnd(),
                    size,
                    at));
        }
        end = at + size;
    }

    /**
     * The next page of values.
     *
     * @param most rows that are left in the group
     */
    Page next(long most) throws IOException {
        while (true) {
            if (at >= end) {
                throw new Cursor.EndException(
                        String.format(Locale.ROOT, "a page for %d more rows", most), "the end of the column");
            }
            ThriftStruct head = head();
            int size = head.size(2);
            int stored = head.size(3);
            if (stored > end - at) {
                throw new DataException(String.format(
                        Locale.ROOT,
                        "expected a page in the %d bytes that are left of the column, found one in %d",
                        end - at,
                        stored));
            }
            if (size > LARGEST_PAGE) {
                throw new DataException(String.format(
                        Locale.ROOT, "expected a page of %d bytes at most, found %d", LARGEST_PAGE, size));
            }
            limit.spend(size);
            byte[] bytes = file.read(at, stored);
            at += stored;
            check(head, bytes);
            switch (head.size(1)) {
                case 0 -> {
                    return page(head.struct(5), bytes, size, most);
                }
                case 2 -> {
                    var plain = new Cursor(PageCodec.decode(codec, new Cursor(bytes), size));
                    dictionary = Dictionary.read(plain, column, head.struct(7).size(1));
                }
                case 3 -> {
                    return second(head.struct(8), bytes, size, most);
                }
                default -> {} // an index, which is not needed
            }
        }
    }

    private ThriftStruct head() throws IOException {
        for (long size = FIRST_TRY; ; size *= 16) {
            int count = (int) Math.min(Math.min(size, end - at), LARGEST_PAGE);
            var in = new Cursor(file.read(at, count));
            try {
                ThriftStruct head = ThriftStruct.read(in);
                at += in.position();
                return head;
            } catch (Cursor.EndException e) {
                if (count == end - at || count == LARGEST_PAGE) {
                    throw e;
                }
            }
        }
    }

    private static void check(ThriftStruct head, byte[] bytes) throws IOException {
        if (head.has(4)) {
            var crc = new CRC32();
            crc.update(bytes);
            int says = (int) head.number(4);
            if (says != (int) crc.getValue()) {
                throw new DataException(String.format(
                        Locale.ROOT,
                        "expected a page of checksum %08x, found %08x: the file is damaged",
                        says,
                        crc.getValue()));
            }
        }
    }

    private static int count(ThriftStruct head, long most) throws IOException {
        int count = head.size(1);
        if (count > most) {
            throw new DataException(
                    String.format(Locale.ROOT, "expected a page of %d rows at most, found %d", most, count));
        }
        return count;
    }

    private Page page(ThriftStruct head, byte[] bytes, int size, long most) throws IOException {
        var in = new Cursor(PageCodec.decode(codec, new Cursor(bytes), size));
        HybridRuns levels = null;
        if (levelWidth > 0) {
            if (head.number(3) != RLE) {
                throw new DataException(
                        String.format(Locale.ROOT, "expected levels in runs, found encoding %d", head.number(3)));
            }
            levels = new HybridRuns(in.part(Integer.toUnsignedLong(in.i32())), levelWidth);
        }
        return of(head.size(2), in, levels, count(head, most));
    }

    /** A page of the second version: its levels are never compressed. */
    private Page second(ThriftStruct head, byte[] bytes, int size, long most) throws IOException {
        var in = new Cursor(bytes);
        long repetition = head.number(6);
        in.take(repetition);
        Cursor level = in.part(head.number(5));
        long plain = size - repetition - level.remaining();
        if (plain < 0) {
            throw new DataException(
                    String.format(Locale.ROOT, "expected levels in a page of %d bytes, found %d more", size, -plain));
        }
        boolean compressed = head.flag(7, true) && in.remaining() > 0;
        var values = compressed ? new Cursor(PageCodec.decode(codec, in, (int) plain)) : in;
        HybridRuns levels = levelWidth == 0 ? null : new HybridRuns(level, levelWidth);
        return of(head.size(4), values, levels, count(head, most));
    }

    private Page of(int encoding, Cursor in, @Nullable HybridRuns levels, int count) throws IOException {
        PageValues values = PageValues.of(encoding, in, column, dictionary, limit);
        return new Page(count, levels, column.optional(), values);
    }
}
