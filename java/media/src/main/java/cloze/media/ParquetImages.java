package cloze.media;

import cloze.image.ImageArchive;
import cloze.image.ImageCodec;
import cloze.image.ImageSet;
import cloze.image.Picture;
import cloze.io.DataException;
import dev.hardwood.InputFile;
import dev.hardwood.metadata.LogicalType;
import dev.hardwood.metadata.PhysicalType;
import dev.hardwood.reader.ColumnReader;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.schema.ColumnSchema;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Reads encoded images of a Parquet file, as in data sets of Hugging Face: the only column of bytes
 * ({@code image.bytes}), and classes from the column {@code label} if there is one. The bytes are copied to a temporary
 * file for random access.
 */
public final class ParquetImages implements ImageArchive {
    private static final String LABEL = "label";

    @Override
    public boolean reads(Path file) {
        return ImageCodec.ending(file).equals("parquet");
    }

    @Override
    public ImageSet open(Path file, ImageCodec codec) throws IOException {
        Path copy = Files.createTempFile("cloze-images", ".bin");
        FileChannel channel = FileChannel.open(
                copy, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE);
        try (ParquetFileReader parquet = ParquetFileReader.open(InputFile.of(file))) {
            long[] ends = copy(file, parquet, channel);
            return new Images(file, channel, codec, ends, labels(file, parquet, ends.length));
        } catch (IOException | RuntimeException e) {
            channel.close();
            if (e instanceof DataException) {
                throw e;
            }
            throw new DataException(file + ": expected Parquet that can be read: " + e.getMessage(), e);
        }
    }

    private static ColumnSchema images(Path file, ParquetFileReader parquet) throws DataException {
        List<ColumnSchema> bytes = parquet.getFileSchema().getColumns().stream()
                .filter(c -> c.type() == PhysicalType.BYTE_ARRAY
                        && !(c.logicalType() instanceof LogicalType.StringType)
                        && c.maxRepetitionLevel() == 0)
                .toList();
        if (bytes.size() != 1) {
            throw new DataException(
                    file,
                    "schema",
                    "one column of bytes, the encoded images",
                    bytes.stream().map(c -> c.fieldPath().toString()).toList().toString());
        }
        return bytes.getFirst();
    }

    /** Copies all images one after the other and returns the end of each. */
    private static long[] copy(Path file, ParquetFileReader parquet, FileChannel to) throws IOException {
        int rows = Math.toIntExact(parquet.getFileMetaData().numRows());
        if (rows == 0) {
            throw new DataException(file + ": no images are in this file");
        }
        var ends = new long[rows];
        int row = 0;
        long end = 0;
        try (ColumnReader column = parquet.columnReader(images(file, parquet).columnIndex())) {
            while (column.nextBatch()) {
                byte[] values = column.getBinaryValues();
                int[] offsets = column.getBinaryOffsets();
                for (int i = 0; i < column.getRecordCount(); i++) {
                    if (!column.getLeafValidity().isNull(i)) {
                        var bytes = ByteBuffer.wrap(values, offsets[i], offsets[i + 1] - offsets[i]);
                        end += bytes.remaining();
                        while (bytes.hasRemaining()) {
                            to.write(bytes);
                        }
                    }
                    ends[row++] = end;
                }
            }
        }
        return ends;
    }

    /** The values of the column of labels; empty if there is none. */
    private static int[] labels(Path file, ParquetFileReader parquet, int rows) throws IOException {
        for (ColumnSchema column : parquet.getFileSchema().getColumns()) {
            boolean whole = column.type() == PhysicalType.INT64 || column.type() == PhysicalType.INT32;
            if (whole && column.fieldPath().toString().equals(LABEL)) {
                return labels(file, parquet, column, rows);
            }
        }
        return new int[0];
    }

    private static int[] labels(Path file, ParquetFileReader parquet, ColumnSchema schema, int rows)
            throws IOException {
        var labels = new int[rows];
        int row = 0;
        try (ColumnReader column = parquet.columnReader(schema.columnIndex())) {
            while (column.nextBatch()) {
                for (int i = 0; i < column.getRecordCount(); i++, row++) {
                    long value = schema.type() == PhysicalType.INT64 ? column.getLongs()[i] : column.getInts()[i];
                    if (column.getLeafValidity().isNull(i) || value < 0 || value > 1_000_000) {
                        throw new DataException(file, "label of row " + row, "0 to 1000000", "" + value);
                    }
                    labels[row] = (int) value;
                }
            }
        }
        return labels;
    }

    private static final class Images implements ImageSet {
        private final Path file;
        private final FileChannel channel;
        private final ImageCodec codec;
        private final long[] ends;
        private final int[] labels;
        private final List<String> classes;

        Images(Path file, FileChannel channel, ImageCodec codec, long[] ends, int[] labels) {
            this.file = file;
            this.channel = channel;
            this.codec = codec;
            this.ends = ends;
            this.labels = labels;
            int count = IntStream.of(labels).max().orElse(-1) + 1;
            classes = IntStream.range(0, count).mapToObj(Integer::toString).toList();
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
            return labels.length == 0 ? -1 : labels[i];
        }

        @Override
        public List<String> classes() {
            return classes;
        }

        @Override
        public Picture read(int i) throws IOException {
            long from = i == 0 ? 0 : ends[i - 1];
            var bytes = ByteBuffer.allocate((int) (ends[i] - from));
            while (bytes.hasRemaining() && channel.read(bytes, from + bytes.position()) >= 0) {}
            return codec.decode(name(i), bytes.array());
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }
}
