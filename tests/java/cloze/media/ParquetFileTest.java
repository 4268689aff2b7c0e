package cloze.media;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.io.DataException;
import cloze.media.parquet.ColumnValues;
import cloze.media.parquet.ParquetColumn;
import cloze.media.parquet.ParquetFile;
import cloze.text.TextSource;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Parquet is read as pyarrow wrote it, and no damage to it costs more than an IOException. */
class ParquetFileTest {
    private static final int ROWS = 60;
    private static final int MUTATIONS = Integer.getInteger("cloze.fuzz.parquet", 2000);
    private static final List<String> READ = List.of(
            "none",
            "snappy",
            "gzip",
            "lz4",
            "zstd",
            "none-second",
            "none-plain",
            "none-delta",
            "zstd-second",
            "zstd-plain",
            "zstd-delta");

    @TempDir
    Path folder;

    private static Path golden(String name) {
        try {
            var found = ParquetFileTest.class.getResource("/golden/" + name);
            return Path.of(java.util.Objects.requireNonNull(found, name).toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static String text(int i) {
        return i % 7 == 3 ? "null" : String.format(Locale.ROOT, "Row %d: %s", i, "Зима 😀 ".repeat(i % 5));
    }

    private static String blob(int i) {
        byte[] bytes = new byte[i];
        Arrays.fill(bytes, (byte) i);
        return i % 11 < 2 ? "null" : Arrays.toString(bytes);
    }

    private static List<String> expected(String column) {
        List<String> rows = new ArrayList<>();
        for (int i = 0; i < ROWS; i++) {
            rows.add(
                    switch (column) {
                        case "text" -> text(i);
                        case "word" -> List.of("red", "green", "blue").get(i % 3);
                        case "number" -> i % 5 == 0 ? "null" : "" + (i * (i * 1000003L) - 7);
                        case "small" -> "" + (i - 30);
                        default -> blob(i);
                    });
        }
        return rows;
    }

    private static ParquetColumn column(ParquetFile file, String path) {
        return file.columns().stream()
                .filter(c -> c.path().equals(path))
                .findFirst()
                .orElseThrow();
    }

    private static List<String> rows(ParquetFile file, ParquetColumn column, long from) throws IOException {
        List<String> rows = new ArrayList<>();
        ColumnValues values = file.values(column, from);
        while (values.next()) {
            if (values.isNull()) {
                rows.add("null");
            } else if (column.isWhole()) {
                rows.add("" + values.whole());
            } else {
                byte[] bytes = values.bytes();
                rows.add(
                        column.content() == ParquetColumn.Content.TEXT
                                ? new String(bytes, UTF_8)
                                : Arrays.toString(bytes));
            }
        }
        return rows;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "none",
                "snappy",
                "gzip",
                "lz4",
                "zstd",
                "none-second",
                "none-plain",
                "none-delta",
                "zstd-second",
                "zstd-plain",
                "zstd-delta"
            })
    void reads_what_pyarrow_wrote(String name) throws IOException {
        try (ParquetFile file = ParquetFile.open(golden("parquet/" + name + ".parquet"))) {
            assertThat(file.rows()).isEqualTo(ROWS);
            assertThat(file.metadata()).containsEntry("note", "sixty rows");
            for (String path : List.of("text", "word", "number", "small", "blob.bytes")) {
                List<String> all = expected(path);
                assertThat(rows(file, column(file, path), 0)).as(path).isEqualTo(all);
                for (int from : new int[] {1, 24, 25, 26, 50, 59, 60}) { // the groups have 25 rows
                    assertThat(rows(file, column(file, path), from))
                            .as("%s from %d", path, from)
                            .isEqualTo(all.subList(from, ROWS));
                }
            }
        }
    }

    @Test
    void names_a_codec_that_is_not_read() throws IOException {
        Path brotli = golden("parquet/brotli.parquet");
        assertThatThrownBy(() -> TextSource.of(brotli, "text").readAll())
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll("brotli.parquet", "column text", "row 0", "found Brotli");
    }

    @Test
    void a_changed_byte_does_not_pass_where_pages_have_checksums() throws IOException {
        byte[] bytes = Files.readAllBytes(golden("parquet/none-plain.parquet"));
        int at = new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf("Row 51");
        bytes[at + 5] = 'X';
        Path file = Files.write(folder.resolve("changed.parquet"), bytes);
        assertThatThrownBy(() -> TextSource.of(file, "text").readAll())
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll("changed.parquet", "column text", "checksum");
    }

    @Test
    void what_is_no_parquet_is_named() throws IOException {
        byte[] whole = Files.readAllBytes(golden("parquet/none.parquet"));
        for (byte[] bad : List.of(new byte[0], "PAR1".getBytes(UTF_8), new byte[100], Arrays.copyOf(whole, 5000))) {
            Path file = Files.write(folder.resolve("bad.parquet"), bad);
            assertThatThrownBy(() -> ParquetFile.open(file))
                    .isInstanceOf(DataException.class)
                    .hasMessageContainingAll("bad.parquet", "footer", "expected", "found");
        }
        whole[whole.length - 1] = 'E';
        Path locked = Files.write(folder.resolve("locked.parquet"), whole);
        assertThatThrownBy(() -> ParquetFile.open(locked)).hasMessageContaining("encrypted");
    }

    /** Every mutation ends soon, in values or an IOException; the JVM of an earlier reader was aborted by some. */
    @Test
    void survives_mutations() throws IOException {
        List<byte[]> seeds = new ArrayList<>();
        for (String name : READ) {
            seeds.add(Files.readAllBytes(golden("parquet/" + name + ".parquet")));
        }
        seeds.add(Files.readAllBytes(golden("images.parquet")));
        seeds.add(Files.readAllBytes(golden("data/snappy.parquet")));
        var random = new Random(12);
        Path file = folder.resolve("mutated.parquet");
        int refused = 0;
        for (int i = 0; i < MUTATIONS; i++) {
            byte[] bad = mutated(seeds.get(i % seeds.size()), random);
            Files.write(file, bad);
            long start = System.nanoTime();
            refused += readAll(file) ? 0 : 1;
            assertThat(Duration.ofNanos(System.nanoTime() - start))
                    .as("mutation %d", i)
                    .isLessThan(Duration.ofSeconds(20));
        }
        assertThat(refused).isBetween(MUTATIONS / 4, MUTATIONS - 1); // they reach what they are meant to reach
    }

    /** True if all was read. */
    private static boolean readAll(Path path) {
        boolean whole = true;
        try (ParquetFile file = ParquetFile.open(path)) {
            for (ParquetColumn column : file.columns()) {
                if (column.isBytes() || column.isWhole()) {
                    try {
                        ColumnValues values = file.values(column, 0);
                        while (values.next()) {
                            if (!values.isNull() && column.isBytes()) {
                                assertThat(values.bytes()).isNotNull();
                            }
                        }
                    } catch (DataException e) {
                        assertThat(e).hasMessageContaining("mutated.parquet");
                        whole = false;
                    }
                }
            }
        } catch (IOException e) {
            assertThat(e).isInstanceOf(DataException.class).hasMessageContaining("mutated.parquet");
            whole = false;
        }
        return whole;
    }

    /** One to eight bytes changed anywhere, or in the footer or near the start of a page; or numbers made huge. */
    private static byte[] mutated(byte[] seed, Random random) {
        byte[] bad = seed.clone();
        int changes = 1 + random.nextInt(8);
        int footer = Math.min(bad.length, 12 + ((bad[bad.length - 8] & 0xFF) | ((bad[bad.length - 7] & 0xFF) << 8)));
        for (int k = 0; k < changes; k++) {
            int at = random.nextInt(4) == 0 ? bad.length - 1 - random.nextInt(footer) : random.nextInt(bad.length);
            bad[at] = switch (random.nextInt(4)) {
                case 0 -> (byte) 0xFF;
                case 1 -> (byte) (bad[at] ^ (1 << random.nextInt(8)));
                case 2 -> 0;
                default -> (byte) random.nextInt();
            };
        }
        return random.nextInt(20) == 0 ? Arrays.copyOf(bad, random.nextInt(bad.length)) : bad;
    }

    /** The files by which an earlier reader was aborted, and hung. */
    @Test
    void a_page_that_says_too_little_or_too_much_is_refused() throws IOException {
        byte[] bytes = Files.readAllBytes(golden("images.parquet"));
        byte[] size = {(byte) 0x15, (byte) 0x92, (byte) 0x8F, 0x01}; // field 2 of a page: 9161 bytes
        int at = indexOf(bytes, size);
        for (int says : new int[] {0x10, 0x90}) {
            byte[] bad = bytes.clone();
            bad[at + 1] = (byte) (says | 0x80);
            bad[at + 2] = (byte) 0x80;
            bad[at + 3] = says == 0x10 ? 0 : (byte) 0x7F;
            Path file = Files.write(folder.resolve("size.parquet"), bad);
            assertThatThrownBy(() -> images(file))
                    .isInstanceOf(DataException.class)
                    .hasMessageContainingAll("size.parquet", "column image.bytes", "row 0", "expected", "found");
        }
    }

    private static void images(Path file) throws IOException {
        try (ImageSet images = ImageData.set(file)) {
            assertThat(images.count()).isPositive();
        }
    }

    private static int indexOf(byte[] all, byte[] part) {
        for (int i = 0; i + part.length <= all.length; i++) {
            if (Arrays.equals(all, i, i + part.length, part, 0, part.length)) {
                return i;
            }
        }
        throw new AssertionError("the bytes of the page are not there");
    }
}
