package cloze.media.parquet;

import cloze.io.DataException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A struct of Thrift's compact protocol, in which Parquet writes what describes its data. Every value takes a byte at
 * least, so what is read is bounded by the bytes that are there.
 *
 * @see <a href="https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md">The protocol</a>
 */
final class ThriftStruct {
    private static final int DEEPEST = 32;

    private final Map<Integer, Object> fields = new HashMap<>();

    private ThriftStruct() {}

    static ThriftStruct read(Cursor in) throws IOException {
        return read(in, 0);
    }

    private static ThriftStruct read(Cursor in, int depth) throws IOException {
        if (depth > DEEPEST) {
            throw new DataException(
                    String.format(Locale.ROOT, "expected structs of %d levels at most, found more", DEEPEST));
        }
        var struct = new ThriftStruct();
        int id = 0;
        for (int head = in.u8(); head != 0; head = in.u8()) {
            int step = head >>> 4;
            id = step == 0 ? (int) in.zigzag() : id + step;
            struct.fields.put(id, value(in, head & 0xF, depth, false));
        }
        return struct;
    }

    private static Object value(Cursor in, int type, int depth, boolean inList) throws IOException {
        return switch (type) {
            case 1, 2 -> inList ? in.u8() == 1 : type == 1;
            case 3 -> (long) (byte) in.u8();
            case 4, 5, 6 -> in.zigzag();
            case 7 -> in.little(Long.BYTES);
            case 8 -> bytes(in);
            case 9, 10 -> list(in, depth);
            case 12 -> read(in, depth + 1);
            default -> throw new DataException(String.format(Locale.ROOT, "expected a type of Thrift, found %d", type));
        };
    }

    private static byte[] bytes(Cursor in) throws IOException {
        int size = (int) Math.min(Integer.MAX_VALUE, in.varint());
        int from = in.take(size);
        return java.util.Arrays.copyOfRange(in.bytes(), from, from + size);
    }

    private static List<Object> list(Cursor in, int depth) throws IOException {
        if (depth > DEEPEST) {
            throw new DataException(
                    String.format(Locale.ROOT, "expected lists of %d levels at most, found more", DEEPEST));
        }
        int head = in.u8();
        long size = head >>> 4 == 15 ? in.varint() : head >>> 4;
        if (size < 0 || size > in.remaining()) {
            throw new Cursor.EndException(
                    String.format(Locale.ROOT, "a list of %d elements", size), in.remaining() + " bytes");
        }
        List<Object> list = new ArrayList<>((int) size);
        for (long i = 0; i < size; i++) {
            list.add(value(in, head & 0xF, depth + 1, true));
        }
        return list;
    }

    private static DataException wrong(int field, String expected, @Nullable Object found) {
        String is = found == null ? "none" : found.getClass().getSimpleName();
        return new DataException(String.format(Locale.ROOT, "expected %s in field %d, found %s", expected, field, is));
    }

    boolean has(int field) {
        return fields.containsKey(field);
    }

    long number(int field) throws DataException {
        return fields.get(field) instanceof Long value ? value : fail(field, "a number");
    }

    private long fail(int field, String expected) throws DataException {
        throw wrong(field, expected, fields.get(field));
    }

    long number(int field, long otherwise) throws DataException {
        return has(field) ? number(field) : otherwise;
    }

    /** A number from 0 to 2^31 - 1. */
    int size(int field) throws DataException {
        long value = number(field);
        if (value < 0 || value > Integer.MAX_VALUE) {
            throw new DataException(String.format(
                    Locale.ROOT, "expected a size from 0 to 2^31 - 1 in field %d, found %d", field, value));
        }
        return (int) value;
    }

    boolean flag(int field, boolean otherwise) {
        return fields.get(field) instanceof Boolean value ? value : otherwise;
    }

    String text(int field) throws DataException {
        if (fields.get(field) instanceof byte[] bytes) {
            return new String(bytes, java.nio.charset.StandardCharsets.UTF_8);
        }
        throw wrong(field, "a string", fields.get(field));
    }

    ThriftStruct struct(int field) throws DataException {
        if (fields.get(field) instanceof ThriftStruct struct) {
            return struct;
        }
        throw wrong(field, "a struct", fields.get(field));
    }

    /** A list of structs; empty if there is none. */
    List<ThriftStruct> structs(int field) throws DataException {
        List<ThriftStruct> structs = new ArrayList<>();
        if (!has(field)) {
            return structs;
        }
        if (!(fields.get(field) instanceof List<?> list)) {
            throw wrong(field, "a list", fields.get(field));
        }
        for (Object each : list) {
            if (!(each instanceof ThriftStruct struct)) {
                throw wrong(field, "a list of structs", each);
            }
            structs.add(struct);
        }
        return structs;
    }
}
