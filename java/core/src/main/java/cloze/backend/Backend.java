package cloze.backend;

import cloze.tensor.DType;
import cloze.tensor.Pool;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One device: its memory, its kernels, and the ways in and out. Thread-safe. */
public interface Backend extends AutoCloseable {
    String name();

    /** What was chosen and why, in one line: instruction set, threads, libraries. */
    String description();

    Pool memory();

    /**
     * The kernel that {@code type} declares, for example {@code LayerNorm.Forward}; its parameters are those of the C or
     * CUDA function {@code layer_norm_forward}, with tensors as pointers and null for none.
     *
     * @throws MissingKernelException if this backend has none
     */
    <K> K kernel(Class<K> type);

    /** Copies host memory into a tensor; {@code host} has at least as many bytes as the tensor. */
    void upload(MemorySegment host, Tensor tensor);

    /** Copies a tensor into host memory of at least as many bytes, after all work that writes it. */
    void download(Tensor tensor, MemorySegment host);

    /** Copies one tensor into another of as many bytes on this device. */
    void copy(Tensor from, Tensor to);

    /** Sets every byte to zero. */
    void zero(Tensor tensor);

    /** Waits until all that was asked of the device is done. */
    void synchronize();

    /**
     * Memory for tensors, those that there are included.
     *
     * @param words the clause of a message that tells it, "the machine has 15.5 GiB"
     */
    record Room(long bytes, String words) {}

    /** What tensors of this device may take, or null where they share the memory of the machine. */
    default @Nullable Room room() {
        return null;
    }

    /** What {@link #repeated} began. */
    interface Repeated extends AutoCloseable {
        @Override
        void close();
    }

    /**
     * Says that what this thread asks of the device until the result is closed is mostly what it asked the last time under
     * the same name: a device may learn it by heart. Results are the same.
     */
    default Repeated repeated(String what) {
        return () -> {};
    }

    /** What was chosen by measuring, such as libraries for products, and must be repeated to give the same bits. */
    default Map<String, String> choices() {
        return Map.of();
    }

    /**
     * Makes the choices that {@link #choices} gave.
     *
     * @throws BackendException if they need a library that is not here
     */
    default void repeat(Map<String, String> choices) {
        if (!choices.isEmpty()) {
            throw new BackendException("%s can not repeat the choices %s".formatted(name(), choices.keySet()));
        }
    }

    /** What models that are built here compute in. */
    default Precision precision() {
        return Precision.FP32;
    }

    default float[] floats(Tensor tensor) {
        var values = new float[Math.toIntExact(tensor.shape().size())];
        if (tensor.dtype() == DType.BF16) {
            var halves = new short[values.length];
            download(tensor, MemorySegment.ofArray(halves));
            for (int i = 0; i < values.length; i++) {
                values[i] = Float.intBitsToFloat(halves[i] << 16);
            }
        } else {
            download(tensor, MemorySegment.ofArray(values));
        }
        return values;
    }

    default int[] ints(Tensor tensor) {
        var values = new int[Math.toIntExact(tensor.shape().size())];
        download(tensor, MemorySegment.ofArray(values));
        return values;
    }

    /** The only element of an f32 tensor. */
    default float scalar(Tensor tensor) {
        requireSize(tensor, 1);
        return floats(tensor)[0];
    }

    default Tensor set(Tensor tensor, float... values) {
        requireSize(tensor, values.length);
        upload(MemorySegment.ofArray(values), tensor);
        return tensor;
    }

    default Tensor set(Tensor tensor, int... values) {
        requireSize(tensor, values.length);
        upload(MemorySegment.ofArray(values), tensor);
        return tensor;
    }

    private static void requireSize(Tensor tensor, int length) {
        if (tensor.shape().size() != length) {
            throw new IllegalArgumentException("%d values for %s".formatted(length, tensor));
        }
        if (tensor.dtype().bytes() != ValueLayout.JAVA_FLOAT.byteSize()) {
            throw new IllegalArgumentException("4-byte values for %s".formatted(tensor));
        }
    }

    @Override
    void close();
}
