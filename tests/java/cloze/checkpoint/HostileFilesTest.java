package cloze.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import cloze.foreign.GptTwoConfig;
import cloze.tensor.Shape;
import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged files on purpose and by chance: refused with a {@link CheckpointException}, or truly consistent. */
class HostileFilesTest {
    private static final int CASES = 100_000;
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    @TempDir
    Path folder;

    private record Outcome(boolean accepted, long allocated) {}

    private List<byte[]> seeds() throws IOException {
        List<byte[]> seeds = new ArrayList<>();
        List<StoredType> types = List.of(StoredType.values());
        Path file = folder.resolve("seed");
        for (int tensors : new int[] {1, 3, 9}) {
            var writer = new SafetensorsWriter().metadata("format", "pt").metadata("step", "400");
            for (int i = 0; i < tensors; i++) {
                StoredType type = types.get((i * 5 + tensors) % types.size());
                MemorySegment data = SafetensorsTest.random(i, (i + 1L) * 3 * type.bytes());
                writer.add("h." + i + ".weight", type, new Shape(i + 1, 3), data);
            }
            writer.write(file);
            seeds.add(Files.readAllBytes(file));
        }
        return seeds;
    }

    @Test
    void no_mutation_of_header_or_body_crashes_or_allocates_what_it_claims() throws IOException {
        List<byte[]> seeds = seeds();
        var random = new SplittableRandom(20261122);
        Path file = folder.resolve("mutant");
        int accepted = 0;
        long allocated = 0;
        long most = 0;
        try (var channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            for (int i = 0; i < CASES; i++) {
                byte[] mutant = Mutation.of(seeds.get(i % seeds.size()), random);
                channel.write(ByteBuffer.wrap(mutant), 0);
                channel.truncate(mutant.length);
                Outcome outcome = open(file, mutant);
                accepted += outcome.accepted() ? 1 : 0;
                allocated += outcome.allocated();
                most = Math.max(most, outcome.allocated());
            }
        }
        // the first case also links the code; the parser's buffers are 20 KB; a claim may be of 2^63
        assertThat(most).isLessThan(4_000_000);
        assertThat(allocated / CASES).isLessThan(40_000);
        // both verdicts must have been put to the test
        assertThat(accepted).isBetween(CASES / 50, CASES / 2);
    }

    private static Outcome open(Path file, byte[] bytes) throws IOException {
        long before = THREADS.getCurrentThreadAllocatedBytes();
        try (var read = Safetensors.open(file)) {
            long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
            requireConsistent(read, bytes);
            return new Outcome(true, allocated);
        } catch (CheckpointException e) {
            long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
            String message = "" + e.getMessage();
            boolean clear = message.startsWith(file + ": ") && message.length() < 900;
            if (!clear || message.chars().anyMatch(Character::isISOControl)) {
                throw new AssertionError(message, e);
            }
            return new Outcome(false, allocated);
        }
    }

    /** Every byte after the header belongs to exactly one tensor, and is read as it is. */
    private static void requireConsistent(Safetensors read, byte[] bytes) throws IOException {
        int dataStart = 8
                + Math.toIntExact(
                        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(0));
        int[] owners = new int[bytes.length - dataStart];
        for (StoredTensor tensor : read.tensors().values()) {
            MemorySegment segment = read.segment(tensor.name());
            long size = tensor.type().bytes();
            for (int extent : tensor.shape().extents()) {
                size *= extent;
            }
            assertThat(segment.byteSize()).isEqualTo(size);
            for (long i = 0; i < size; i++) {
                owners[Math.toIntExact(tensor.begin() + i)]++;
            }
            long from = dataStart + tensor.begin();
            assertThat(segment.mismatch(MemorySegment.ofArray(bytes).asSlice(from, size)))
                    .isEqualTo(-1);
            if (tensor.type().convertsToFloat()) {
                read.copyTo(tensor.name(), MemorySegment.ofArray(new float[Math.toIntExact(tensor.size())]));
            }
        }
        assertThat(IntStream.of(owners).allMatch(owner -> owner == 1)).isTrue();
    }

    @Test
    void no_mutation_of_an_index_or_a_configuration_crashes() throws IOException {
        var random = new SplittableRandom(7);
        byte[] index = "{\"metadata\":{\"total_size\":8},\"weight_map\":{\"x\":\"a.safetensors\"}}".getBytes(UTF_8);
        byte[] config = "{\"model_type\":\"gpt2\",\"n_layer\":2,\"n_embd\":32,\"n_head\":4}".getBytes(UTF_8);
        for (int i = 0; i < 2_000; i++) {
            Path file = Files.write(folder.resolve("index" + i), Mutation.flipped(index, random));
            try {
                assertThat(ShardIndex.read(file).shards()).allMatch(shard -> shard.matches("[\\w.-]+"));
            } catch (CheckpointException e) {
                assertThat(e).hasMessageStartingWith(file + ": ");
            }
            Path json = Files.write(folder.resolve("config" + i), Mutation.flipped(config, random));
            try {
                assertThat(GptTwoConfig.read(json).layers()).isBetween(1, 1000);
            } catch (CheckpointException e) {
                assertThat(e).hasMessageStartingWith(json + ": ");
            }
        }
    }

    @Test
    void a_claimed_header_of_100_megabytes_costs_nothing() throws IOException {
        Path file = folder.resolve("sparse");
        try (var channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            ByteBuffer start = ByteBuffer.allocate(10).order(ByteOrder.LITTLE_ENDIAN);
            channel.write(
                    start.putLong(100_000_000).put((byte) '{').put((byte) '}').flip());
            channel.write(ByteBuffer.allocate(1), 1L << 33);
        }
        Outcome outcome = open(file, new byte[0]);
        assertThat(outcome.accepted()).isFalse();
        assertThat(outcome.allocated()).isLessThan(4_000_000);
    }
}
