package cloze.checkpoint;

import cloze.io.FileKind;
import cloze.tensor.DType;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of a safetensors file, or of several with an index, mapped into memory.
 *
 * <p>Thread-safe. A file that violates the format is refused before its data is read.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">the format</a>
 */
public final class Safetensors implements AutoCloseable {
    static final String MODEL = "model.safetensors";
    static final String INDEX = "model.safetensors.index.json";

    private static final Pattern OTHERS =
            Pattern.compile(".*\\.(bin|pt|pth|ckpt|gguf|h5|msgpack|onnx|npz|safetensors)");
    private static final int SHOWN = 3;

    private record Shard(Path file, SafetensorsHeader header, MemorySegment data) {}

    private final Path path;
    private @Nullable Arena arena;
    private final SequencedMap<String, StoredTensor> tensors = new LinkedHashMap<>();
    private final Map<String, Shard> homes = new LinkedHashMap<>();
    private final SequencedMap<String, String> metadata = new LinkedHashMap<>();

    private Safetensors(Path path) {
        this.path = path;
    }

    /** Creates the arena only for a valid header, since closing it briefly stops all threads. */
    @SuppressWarnings("MustBeClosedChecker") // close() closes it
    private Arena arena() {
        if (arena == null) {
            arena = Arena.ofShared();
        }
        return arena;
    }

    /**
     * Opens one file, or a folder with {@code model.safetensors} or {@code model.safetensors.index.json}.
     *
     * @throws CheckpointException if the file or its index violates the format
     */
    public static Safetensors open(Path path) throws IOException {
        var opened = new Safetensors(path);
        try {
            if (!Files.isDirectory(path)) {
                opened.add(opened.map(path));
            } else if (Files.exists(path.resolve(MODEL))) {
                opened.add(opened.map(path.resolve(MODEL)));
            } else if (Files.exists(path.resolve(INDEX))) {
                opened.addShards(ShardIndex.read(path.resolve(INDEX)));
            } else {
                throw new CheckpointException(path, "folder", "one with " + MODEL + " or " + INDEX, others(path));
            }
            return opened;
        } catch (IOException | RuntimeException | Error e) {
            opened.close();
            throw e;
        }
    }

    /** Weights of other formats in a folder without safetensors. */
    private static String others(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            String names = files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> OTHERS.matcher(name).matches())
                    .sorted()
                    .limit(SHOWN)
                    .collect(Collectors.joining(", "));
            return names.isEmpty() ? "one without" : "one with weights of another format: " + names;
        }
    }

    private Shard map(Path file) throws IOException {
        // opening a named pipe would block
        if (!Files.isRegularFile(file)) {
            String actual = FileKind.of(file).orElse("something else");
            throw new CheckpointException(file, "safetensors", "a regular file", actual);
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            var header = SafetensorsHeader.read(file, channel);
            MemorySegment all =
                    channel.map(FileChannel.MapMode.READ_ONLY, 0, header.dataStart() + header.dataLength(), arena());
            return new Shard(file, header, all.asSlice(header.dataStart()));
        }
    }

    private void add(Shard shard) {
        for (StoredTensor tensor : shard.header().tensors().values()) {
            tensors.put(tensor.name(), tensor);
            homes.put(tensor.name(), shard);
        }
        shard.header().metadata().forEach(metadata::putIfAbsent);
    }

    private void addShards(ShardIndex index) throws IOException {
        for (String name : index.shards()) {
            Shard shard = map(path.resolve(name));
            for (String tensor : shard.header().tensors().keySet()) {
                if (!name.equals(index.shardOf().get(tensor))) {
                    String expected = "in " + index.shardOf().getOrDefault(tensor, "no shard") + " by " + INDEX;
                    throw new CheckpointException(shard.file(), tensor, expected, "here");
                }
            }
            add(shard);
        }
        for (var entry : index.shardOf().entrySet()) {
            if (!tensors.containsKey(entry.getKey())) {
                throw new CheckpointException(
                        path.resolve(INDEX), entry.getKey(), "in " + entry.getValue(), "not there");
            }
        }
    }

    /** The file or folder that was opened. */
    public Path path() {
        return path;
    }

    /** All tensors by name, in the order of the file. */
    public SequencedMap<String, StoredTensor> tensors() {
        return Collections.unmodifiableSequencedMap(tensors);
    }

    /** The metadata of the header. */
    public Map<String, String> metadata() {
        return Collections.unmodifiableMap(metadata);
    }

    /**
     * Type and shape of one tensor.
     *
     * @throws CheckpointException if there is no tensor of this name
     */
    public StoredTensor tensor(String name) throws CheckpointException {
        StoredTensor tensor = tensors.get(name);
        if (tensor == null) {
            String some = String.join(
                    ", ", tensors.sequencedKeySet().stream().limit(8).toList());
            throw new CheckpointException(path, "tensor " + name, "in the file", "not among " + some);
        }
        return tensor;
    }

    /**
     * The bytes of one tensor in the file: read-only, little-endian, possibly unaligned, valid until {@link #close}.
     */
    public MemorySegment segment(String name) throws CheckpointException {
        StoredTensor tensor = tensor(name);
        Shard home = homes.get(name);
        if (home == null) {
            throw new IllegalStateException(name + " has no file");
        }
        return home.data().asSlice(tensor.begin(), tensor.bytes());
    }

    /**
     * Copies one tensor as f32: rounds F64 to nearest, exact for F32, F16 and BF16.
     *
     * @param floats segment of exactly as many f32 as the tensor has elements
     */
    public void copyTo(String name, MemorySegment floats) throws CheckpointException {
        conversion(name, floats).copyTo(floats);
    }

    /** Like {@link #copyTo}, but transposes a matrix [rows, columns] to [columns, rows]. */
    public void copyTransposedTo(String name, MemorySegment floats) throws CheckpointException {
        StoredTensor tensor = tensor(name);
        if (tensor.shape().rank() != 2) {
            throw new CheckpointException(path, "shape of " + name, "a matrix", "" + tensor.shape());
        }
        int columns = tensor.shape().extent(1);
        conversion(name, floats).copyTransposedTo(floats, tensor.shape().extent(0), columns);
    }

    private FloatConversion conversion(String name, MemorySegment floats) throws CheckpointException {
        StoredTensor tensor = tensor(name);
        if (!tensor.type().convertsToFloat()) {
            throw new CheckpointException(path, "dtype of " + name, "F32, F16, BF16 or F64", "" + tensor.type());
        }
        if (floats.byteSize() != tensor.size() * Float.BYTES) {
            String expected = floats.byteSize() / Float.BYTES + " elements";
            throw new CheckpointException(path, name, expected, "" + tensor);
        }
        return new FloatConversion(segment(name), tensor.type());
    }

    /** Copies one tensor without conversion to a segment of the same size in bytes. */
    public void copyBytesTo(String name, StoredType type, MemorySegment elements) throws CheckpointException {
        StoredTensor tensor = tensor(name);
        if (tensor.type() != type || tensor.bytes() != elements.byteSize()) {
            String expected = String.format(Locale.ROOT, "%d elements of %s", elements.byteSize() / type.bytes(), type);
            throw new CheckpointException(path, name, expected, "" + tensor);
        }
        elements.copyFrom(segment(name));
    }

    /**
     * Fills a tensor of the same shape in host memory. An f32 tensor takes any floating-point type; other types must
     * match.
     */
    public void copyTo(String name, Tensor tensor) throws CheckpointException {
        StoredTensor stored = tensor(name);
        if (!stored.shape().equals(tensor.shape())) {
            throw new CheckpointException(path, "shape of " + name, "" + tensor.shape(), "" + stored.shape());
        }
        if (tensor.dtype() == DType.F32) {
            copyTo(name, elements(tensor));
        } else {
            copyBytesTo(name, StoredType.of(tensor.dtype()), elements(tensor));
        }
    }

    /** The elements of a tensor in host memory, without the rest of its block. */
    public static MemorySegment elements(Tensor tensor) {
        return tensor.memory().asSlice(0, tensor.shape().size() * tensor.dtype().bytes());
    }

    /** The files: one, or the shards. */
    public List<Path> files() {
        return new ArrayList<>(homes.values())
                .stream().map(Shard::file).distinct().toList();
    }

    /** Unmaps the files; segments from {@link #segment} become invalid. */
    @Override
    public void close() {
        if (arena != null) {
            arena.close();
        }
    }
}
