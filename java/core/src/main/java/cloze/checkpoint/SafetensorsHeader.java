package cloze.checkpoint;

import cloze.io.FileKind;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * The validated header: all tensors are inside the file, do not overlap, and cover the data completely.
 *
 * @param tensors by name, in the order of the header
 * @param dataStart offset of the data in the file, in bytes
 */
record SafetensorsHeader(
        SequencedMap<String, StoredTensor> tensors, Map<String, String> metadata, long dataStart, long dataLength) {
    /** The limit of the reference implementation. */
    static final int LONGEST = 100_000_000;

    static SafetensorsHeader read(Path file, FileChannel channel) throws IOException {
        long size = channel.size();
        long length = headerLength(file, channel, size);
        long dataStart = Long.BYTES + length;
        long dataLength = size - dataStart;
        channel.position(Long.BYTES);
        var decoder = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        // the parser closes the reader, but the stream ignores close(): the caller owns the channel
        Reader json = new InputStreamReader(new First(channel, length), decoder);
        var parsed = HeaderParser.parse(file, json, dataLength);
        requireTiling(file, parsed.tensors(), dataLength);
        return new SafetensorsHeader(parsed.tensors(), parsed.metadata(), dataStart, dataLength);
    }

    private static long headerLength(Path file, FileChannel channel, long size) throws IOException {
        ByteBuffer start = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        int read;
        do {
            read = channel.read(start, start.position());
        } while (read > 0 && start.hasRemaining());
        if (start.hasRemaining()) {
            requireUnknown(file);
            throw new CheckpointException(file, "size", "at least 8 bytes", start.position() + " bytes");
        }
        long length = start.getLong(0);
        long limit = Math.min(LONGEST, size - Long.BYTES);
        if (length < 2 || length > limit) {
            requireUnknown(file);
            String actual = Long.toUnsignedString(length);
            throw new CheckpointException(file, "header length (bytes 0 to 7)", "2 to " + limit, actual);
        }
        return length;
    }

    /** Names a file that is of another known kind. */
    private static void requireUnknown(Path file) throws IOException {
        Optional<String> kind = FileKind.of(file);
        if (kind.isPresent()) {
            throw new CheckpointException(file, "weights", "a safetensors file", kind.get());
        }
    }

    private static void requireTiling(Path file, Map<String, StoredTensor> tensors, long dataLength)
            throws CheckpointException {
        List<StoredTensor> byOffset = new ArrayList<>(tensors.values());
        byOffset.sort(Comparator.comparingLong(StoredTensor::begin).thenComparingLong(StoredTensor::end));
        long end = 0;
        for (StoredTensor tensor : byOffset) {
            if (tensor.begin() != end) {
                String expected = end + ", where the tensor before it ends";
                throw new CheckpointException(file, "begin of " + tensor.name(), expected, "" + tensor.begin());
            }
            end = tensor.end();
        }
        if (end != dataLength) {
            String actual = end + (end < dataLength ? ": bytes after it belong to no tensor" : "");
            throw new CheckpointException(file, "end of the last tensor", "the file's end, " + dataLength, actual);
        }
    }

    /** The next {@code left} bytes of a channel. */
    private static final class First extends InputStream {
        private final FileChannel channel;
        private long left;

        First(FileChannel channel, long left) {
            this.channel = channel;
            this.left = left;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int from, int length) throws IOException {
            if (length == 0) {
                return 0;
            }
            int read = left == 0 ? -1 : channel.read(ByteBuffer.wrap(into, from, (int) Math.min(length, left)));
            left -= Math.max(read, 0);
            return read;
        }
    }
}
