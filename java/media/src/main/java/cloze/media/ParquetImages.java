package cloze.media;

import cloze.image.ImageArchive;
import cloze.image.ImageCodec;
import cloze.image.ImageSet;
import cloze.image.Picture;
import cloze.io.DataException;
import cloze.io.SharedFile;
import cloze.media.parquet.ColumnValues;
import cloze.media.parquet.ParquetColumn;
import cloze.media.parquet.ParquetFile;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Reads encoded images of a Parquet file, as in data sets of Hugging Face: a column of bytes ({@code image.bytes},
 * {@code img.bytes}, {@code image}, {@code img}, {@code bytes}, or the only one) and classes from {@link ParquetLabels}.
 * The bytes are copied to a temporary file for random access.
 */
public final class ParquetImages implements ImageArchive {
    private static final List<String> USUAL = List.of("image.bytes", "img.bytes", "image", "img", "bytes");
    private static final long ROWS_A_BYTE = 8; // an image has bytes: many more rows than bytes are a false header

    @Override
    public boolean reads(Path file) {
        return ImageCodec.ending(file).equals("parquet");
    }

    @Override
    public ImageSet open(Path file, ImageCodec codec) throws IOException {
        try (ParquetFile parquet = ParquetFile.open(file)) {
            if (parquet.rows() == 0) {
                throw new DataException(file + ": no images are in this file");
            }
            if (parquet.rows() > Math.min(ROWS_A_BYTE * parquet.size(), Integer.MAX_VALUE - 8)) {
                throw new DataException(
                        file,
                        "footer",
                        String.format(Locale.ROOT, "images in %d bytes", parquet.size()),
                        parquet.rows() + " of them");
            }
            ParquetColumn images = images(parquet);
            ParquetLabels labels = ParquetLabels.read(parquet);
            Path copy = Files.createTempFile("cloze-images", ".bin");
            try {
                long[] ends = copy(parquet, images, copy);
                return new Images(file, SharedFile.open(copy), codec, ends, labels);
            } finally {
                Files.delete(copy); // what is open stays readable, and leaves nothing behind if the process is killed
            }
        }
    }

    private static ParquetColumn images(ParquetFile parquet) throws DataException {
        List<ParquetColumn> bytes = parquet.columns().stream()
                .filter(c -> c.isBytes() && c.content() != ParquetColumn.Content.TEXT && !ParquetLabels.isNamed(c))
                .toList();
        if (bytes.size() == 1) {
            return bytes.getFirst();
        }
        for (String usual : USUAL) {
            for (ParquetColumn column : bytes) {
                if (column.path().equals(usual)) {
                    return column;
                }
            }
        }
        List<String> names = bytes.stream().map(ParquetColumn::path).toList();
        throw new DataException(
                parquet.path(), "schema", "one column of bytes, the encoded images, or one of " + USUAL, "" + names);
    }

    /** Copies all images one after the other and returns the end of each. */
    private static long[] copy(ParquetFile parquet, ParquetColumn column, Path to) throws IOException {
        var ends = new long[(int) parquet.rows()];
        long end = 0;
        ColumnValues values = parquet.values(column, 0);
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(to), 1 << 16)) {
            for (int row = 0; values.next(); row++) {
                if (!values.isNull()) {
                    byte[] bytes = values.bytes();
                    out.write(bytes);
                    end += bytes.length;
                }
                ends[row] = end;
            }
        }
        return ends;
    }

    private static final class Images implements ImageSet {
        private final Path file;
        private final SharedFile bytes;
        private final ImageCodec codec;
        private final long[] ends;
        private final ParquetLabels labels;

        Images(Path file, SharedFile bytes, ImageCodec codec, long[] ends, ParquetLabels labels) {
            this.file = file;
            this.bytes = bytes;
            this.codec = codec;
            this.ends = ends;
            this.labels = labels;
        }

        @Override
        public int count() {
            return ends.length;
        }

        @Override
        public String name(int i) {
            return file + "#" + i;
        }

        @Override
        public int label(int i) {
            return labels.of(i);
        }

        @Override
        public List<String> classes() {
            return labels.classes();
        }

        @Override
        public Picture read(int i) throws IOException {
            long from = i == 0 ? 0 : ends[i - 1];
            return codec.decode(name(i), bytes.read(from, (int) (ends[i] - from)));
        }

        @Override
        public void close() throws IOException {
            bytes.close();
        }
    }
}
