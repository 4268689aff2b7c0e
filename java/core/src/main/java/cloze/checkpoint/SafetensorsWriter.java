package cloze.checkpoint;

import cloze.io.DurableFiles;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;

/**
 * Collects named tensors and texts, then writes them as safetensors in one pass without copying the data.
 *
 * <p>The segments are read only during the write.
 */
public final class SafetensorsWriter {
    private static final int CHUNK = 1 << 20;

    /** Loads the elements of a tensor when they are written. */
    @FunctionalInterface
    public interface Contents {
        /** @param memory for computed elements; freed after the tensor has been written */
        MemorySegment load(SegmentAllocator memory) throws IOException;
    }

    record Entry(String name, StoredType type, Shape shape, Contents contents) {
        long bytes() {
            return Math.multiplyExact(shape.size(), type.bytes());
        }
    }

    private final SequencedMap<String, Entry> entries = new LinkedHashMap<>();
    private final Map<String, String> metadata = new TreeMap<>();

    /** Creates an empty writer. */
    public SafetensorsWriter() {}

    /** Adds a tensor under its own name. */
    public SafetensorsWriter add(Tensor tensor) {
        return add(tensor.name(), tensor);
    }

    /** Adds a tensor in host memory under another name. */
    public SafetensorsWriter add(String name, Tensor tensor) {
        return add(name, StoredType.of(tensor.dtype()), tensor.shape(), memory -> Safetensors.elements(tensor));
    }

    /** Adds a tensor; {@code elements} holds exactly {@code shape} elements of {@code type}. */
    public SafetensorsWriter add(String name, StoredType type, Shape shape, MemorySegment elements) {
        return add(name, type, shape, memory -> elements);
    }

    /** Adds a tensor whose elements are computed when they are written. */
    public SafetensorsWriter add(String name, StoredType type, Shape shape, Contents contents) {
        if (name.isEmpty() || name.equals("__metadata__") || name.length() > HeaderParser.LONGEST_NAME) {
            throw new IllegalArgumentException("no name for a tensor: " + CheckpointException.quote(name));
        }
        if (entries.putIfAbsent(name, new Entry(name, type, shape, contents)) != null) {
            throw new IllegalArgumentException("two tensors named " + name);
        }
        return this;
    }

    /** Adds a metadata text; each key only once. */
    public SafetensorsWriter metadata(String key, String value) {
        if (metadata.putIfAbsent(key, value) != null) {
            throw new IllegalArgumentException("two values of the metadata " + key);
        }
        return this;
    }

    /** Size of all tensors in bytes, without headers. */
    public long bytes() {
        return entries.values().stream().mapToLong(Entry::bytes).sum();
    }

    /** Writes or replaces one file: after a crash, the old or the new file is there, complete. */
    public void write(Path file) throws IOException {
        DurableFiles.replace(file, channel -> write(file, entries.values(), channel));
    }

    /** Like {@link #write} for a file that must not exist; the caller syncs the folder. */
    void create(Path file) throws IOException {
        DurableFiles.create(file, channel -> write(file, entries.values(), channel));
    }

    /**
     * Writes {@code model.safetensors} into a folder, or shards with an index if that file would exceed
     * {@code shardBytes}. An older model of the folder is deleted first; the index is written last, so after an
     * interruption the folder has no model.
     */
    public void writeFolder(Path folder, long shardBytes) throws IOException {
        if (bytes() <= shardBytes) {
            write(folder.resolve(Safetensors.MODEL));
            ShardWriter.removeShards(folder);
        } else {
            ShardWriter.write(this, folder, shardBytes);
        }
    }

    Collection<Entry> entries() {
        return entries.values();
    }

    /** Writes the given entries as one file. */
    void write(Path file, Collection<Entry> some, FileChannel channel) throws IOException {
        List<Entry> widestFirst = new ArrayList<>(some); // aligns every tensor to its element size
        widestFirst.sort(Comparator.comparingInt((Entry e) -> e.type().bytes()).reversed());
        ByteBuffer header = HeaderWriter.header(file, widestFirst, metadata);
        while (header.hasRemaining()) {
            channel.write(header);
        }
        for (Entry entry : widestFirst) {
            try (Arena memory = Arena.ofConfined()) {
                MemorySegment elements = entry.contents().load(memory);
                if (elements.byteSize() != entry.bytes()) {
                    throw new IllegalArgumentException(String.format(
                            Locale.ROOT,
                            "%s must be %d bytes, %s of %s, but is %d",
                            entry.name(),
                            entry.bytes(),
                            entry.shape(),
                            entry.type(),
                            elements.byteSize()));
                }
                write(elements, channel);
            }
        }
    }

    private static void write(MemorySegment elements, FileChannel channel) throws IOException {
        ByteBuffer copy = elements.isNative() ? null : ByteBuffer.allocateDirect(CHUNK);
        for (long at = 0; at < elements.byteSize(); ) {
            long part = Math.min(elements.byteSize() - at, CHUNK);
            MemorySegment slice = elements.asSlice(at, part);
            ByteBuffer bytes;
            if (copy == null) {
                bytes = slice.asByteBuffer();
            } else {
                MemorySegment.ofBuffer(copy.clear()).asSlice(0, part).copyFrom(slice);
                bytes = copy.limit((int) part);
            }
            while (bytes.hasRemaining()) {
                at += channel.write(bytes);
            }
        }
    }
}
