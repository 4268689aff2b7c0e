package cloze.media.parquet;

import cloze.io.DataException;
import cloze.io.SharedFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Columns of a Parquet file, read a page at a time. Every size in the file is compared with the bytes that are there
 * before memory is taken for it, and nothing that is read decodes to more than {@link #EXPANSION} times the file, so a
 * damaged or hostile file costs a {@link DataException} at most.
 *
 * @see <a href="https://parquet.apache.org/docs/file-format/">The file format</a>
 */
public final class ParquetFile implements AutoCloseable {
    /** Most bytes and rows of a column for each byte of the file. */
    static final long EXPANSION = 4096;

    /** Bytes and rows of a column that even the smallest file may have. */
    static final long ALWAYS = 16 << 20;

    private static final int MAGIC = 4;
    private static final int TAIL = 8;

    /** Rows and chunks, one for each column, that lie together. */
    record Group(long rows, List<ThriftStruct> chunks) {}

    private final SharedFile file;
    private final long dataEnd;
    private final List<ParquetColumn> columns;
    private final List<Group> groups;
    private final long rows;
    private final Map<String, String> metadata;

    private ParquetFile(SharedFile file, long dataEnd, ThriftStruct footer) throws IOException {
        this.file = file;
        this.dataEnd = dataEnd;
        columns = List.copyOf(ParquetSchema.columns(footer.structs(2)));
        groups = groups(footer, columns.size());
        rows = groups.stream().mapToLong(Group::rows).sum();
        metadata = metadata(footer);
        if (rows != footer.number(3)) {
            throw new DataException(
                    String.format(Locale.ROOT, "expected the %d rows of all groups, found %d", rows, footer.number(3)));
        }
    }

    /** @throws DataException if the file is no Parquet, is encrypted or is damaged */
    public static ParquetFile open(Path path) throws IOException {
        SharedFile file = SharedFile.open(path);
        try {
            return open(file);
        } catch (DataException e) {
            file.close();
            throw new DataException(String.format(Locale.ROOT, "%s, footer of Parquet: %s", path, e.getMessage()), e);
        } catch (IOException e) {
            file.close();
            throw e;
        }
    }

    private static ParquetFile open(SharedFile file) throws IOException {
        long size = file.size();
        if (size < MAGIC + TAIL) {
            throw new DataException(
                    String.format(Locale.ROOT, "expected %d bytes or more, found %d", MAGIC + TAIL, size));
        }
        var tail = new Cursor(file.read(size - TAIL, TAIL));
        long length = Integer.toUnsignedLong(tail.i32());
        String magic = new String(tail.bytes(), MAGIC, MAGIC, StandardCharsets.ISO_8859_1);
        if (!magic.equals("PAR1")) {
            String found = magic.equals("PARE") ? "that of an encrypted file" : "another end; the file may be cut off";
            throw new DataException("expected the mark PAR1 at the end, found " + found);
        }
        if (length > size - MAGIC - TAIL) {
            throw new DataException(String.format(
                    Locale.ROOT, "expected a size of %d bytes at most, found %d", size - MAGIC - TAIL, length));
        }
        long from = size - TAIL - length;
        ThriftStruct footer = ThriftStruct.read(new Cursor(file.read(from, Math.toIntExact(length))));
        return new ParquetFile(file, from, footer);
    }

    private static List<Group> groups(ThriftStruct footer, int columns) throws DataException {
        List<Group> groups = new ArrayList<>();
        long rows = 0;
        for (ThriftStruct group : footer.structs(4)) {
            List<ThriftStruct> chunks = group.structs(1);
            if (chunks.size() != columns) {
                throw new DataException(String.format(
                        Locale.ROOT,
                        "expected %d columns in group %d, found %d",
                        columns,
                        groups.size(),
                        chunks.size()));
            }
            long of = group.number(3);
            rows += of;
            if (of < 0 || rows < 0) {
                throw new DataException(
                        String.format(Locale.ROOT, "expected 0 or more rows in group %d, found %d", groups.size(), of));
            }
            groups.add(new Group(of, chunks));
        }
        return groups;
    }

    private static Map<String, String> metadata(ThriftStruct footer) throws DataException {
        Map<String, String> found = new HashMap<>();
        for (ThriftStruct each : footer.structs(5)) {
            if (each.has(2)) {
                found.put(each.text(1), each.text(2));
            }
        }
        return Map.copyOf(found);
    }

    public Path path() {
        return file.path();
    }

    public long size() {
        return file.size();
    }

    public List<ParquetColumn> columns() {
        return columns;
    }

    public long rows() {
        return rows;
    }

    /** What the writer says about the file, by key. */
    public Map<String, String> metadata() {
        return metadata;
    }

    /** The values of a column from a row on. */
    public ColumnValues values(ParquetColumn column, long from) throws IOException {
        return new ColumnValues(this, column, from);
    }

    List<Group> groups() {
        return groups;
    }

    /** Where data end and the footer begins. */
    long dataEnd() {
        return dataEnd;
    }

    byte[] read(long from, int count) throws IOException {
        return file.read(from, count);
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
