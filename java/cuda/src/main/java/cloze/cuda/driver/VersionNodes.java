package cloze.cuda.driver;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * The versions that a shared library gives its functions, read from its file. A program that was linked against functions
 * with a version may abort at its first call if the library has them without a version. So the version is checked first.
 *
 * @see <a href="https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html">Symbol
 *     versioning</a>, and elf(5)
 */
public final class VersionNodes {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** ELF, 64 bits, little-endian. */
    private static final int MAGIC = 0x464c457f;

    private static final short KIND = 0x0102;

    private static final int SHT_GNU_VERDEF = 0x6ffffffd;
    private static final int VER_FLG_BASE = 1;

    private final MemorySegment file;
    private final long sections;
    private final int sectionBytes;

    private VersionNodes(MemorySegment file) {
        this.file = file;
        sections = file.get(LONG, 0x28);
        sectionBytes = file.get(SHORT, 0x3a);
    }

    /** @throws IOException if it is no library for 64 bits, little-endian */
    public static List<String> of(Path library) throws IOException {
        try (FileChannel channel = FileChannel.open(library, StandardOpenOption.READ);
                Arena arena = Arena.ofConfined()) {
            MemorySegment file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            if (file.byteSize() < 0x40 || file.get(INT, 0) != MAGIC || file.get(SHORT, 4) != KIND) {
                throw new IOException(library + " is no library for 64 bits, little-endian");
            }
            return new VersionNodes(file).all();
        } catch (IndexOutOfBoundsException e) {
            throw new IOException(library + " is cut off", e);
        }
    }

    private List<String> all() {
        int count = Short.toUnsignedInt(file.get(SHORT, 0x3c));
        for (int i = 0; i < count; i++) {
            MemorySegment header = section(i);
            if (header.get(INT, 0x04) == SHT_GNU_VERDEF) {
                return defined(content(header), content(section(header.get(INT, 0x28))), header.get(INT, 0x2c));
            }
        }
        return List.of();
    }

    private MemorySegment section(int number) {
        return file.asSlice(sections + (long) number * sectionBytes, sectionBytes);
    }

    private MemorySegment content(MemorySegment header) {
        return file.asSlice(header.get(LONG, 0x18), header.get(LONG, 0x20));
    }

    /** All except the version of the file itself, which no function has. */
    private static List<String> defined(MemorySegment definitions, MemorySegment names, int count) {
        var found = new ArrayList<String>();
        long at = 0;
        for (int i = 0; i < count; i++) {
            if ((definitions.get(SHORT, at + 2) & VER_FLG_BASE) == 0) {
                long name = at + definitions.get(INT, at + 12);
                found.add(names.getString(definitions.get(INT, name), StandardCharsets.UTF_8));
            }
            at += definitions.get(INT, at + 16);
        }
        return found;
    }
}
