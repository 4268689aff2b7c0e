package cloze.backend;

import cloze.tensor.DType;
import cloze.tensor.Pool;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One device: its memory, its kernels, and copies to and from the host. Thread-safe. */
public interface Backend extends AutoCloseable {
    String name();

    /** One line that describes the configuration and its reasons: instruction set, threads, libraries. */
    String description();

    /** The kind of kernels, such as {@code cpu, avx2 kernels}; another kind rounds otherwise. */
    default String kernels() {
        return name();
    }

    Pool memory();

    /**
     * The kernel that {@code type} declares, for example {@code LayerNorm.Forward}; its parameters are those of the C or
     * CUDA function {@code layer_norm_forward}, with tensors as pointers and null for none.
     *
     * @throws MissingKernelException if this backend has none
     */
    <K> K kernel(Class<K> type);

    /** Copies host memory into a tensor; {@code host} is at least as long as the tensor. */
    void upload(MemorySegment host, Tensor tensor);

    /** Copies a tensor into host memory that is at least as long, after all work that writes the tensor. */
    void download(Tensor tensor, MemorySegment host);

    /** Copies a tensor into another one of the same type and number of elements on this device. */
    void copy(Tensor from, Tensor to);

    /** Sets every byte to zero. */
    void zero(Tensor tensor);

    /** Waits until the device has finished all work. */
    void synchronize();

    /**
     * Memory capacity for tensors, including existing ones.
     *
     * @param words a clause for messages, such as "the machine has 15.5 GiB"
     */
    record Capacity(long bytes, String words) {}

    /** The capacity for tensors of this device, or null if they share the memory of the machine. */
    default @Nullable Capacity capacity() {
        return null;
    }

    /** A section of work started by {@link #repeated}. */
    interface Repeated extends AutoCloseable {
        @Override
        void close();
    }

    /**
     * Marks a section of work that this thread repeats mostly unchanged under the same name; closing the result ends
     * it. A device may record the section and replay it. Results do not change.
     */
    default Repeated repeated(String what) {
        return () -> {};
    }

    /**
     * Choices made by measurement, such as the library for each matrix multiplication; the same choices give the same
     * bits.
     */
    default Map<String, String> choices() {
        return Map.of();
    }

    /**
     * Restores choices returned by {@link #choices}.
     *
     * @throws BackendException if a choice needs a library that is missing
     */
    default void repeat(Map<String, String> choices) {
        if (!choices.isEmpty()) {
            throw new BackendException(
                    String.format(Locale.ROOT, "%s can not repeat the choices %s", name(), choices.keySet()));
        }
    }

    /** The precision of models on this backend. */
    default Precision precision() {
        return Precision.FP32;
    }

    /** The elements of an f32 or bf16 tensor. */
    default float[] floats(Tensor tensor) {
        if (tensor.dtype() == DType.I32) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "floats are read from f32 or bf16, not from %s", tensor));
        }
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

    /** The elements of an i32 tensor. */
    default int[] ints(Tensor tensor) {
        requireType(tensor, DType.I32, "ints are read from");
        var values = new int[Math.toIntExact(tensor.shape().size())];
        download(tensor, MemorySegment.ofArray(values));
        return values;
    }

    /** The only element of an f32 tensor. */
    default float scalar(Tensor tensor) {
        requireType(tensor, DType.F32, "a scalar is read from");
        requireSize(tensor, 1);
        return floats(tensor)[0];
    }

    /** Writes all elements of an f32 tensor. */
    default Tensor set(Tensor tensor, float... values) {
        requireType(tensor, DType.F32, "floats are written to");
        requireSize(tensor, values.length);
        upload(MemorySegment.ofArray(values), tensor);
        return tensor;
    }

    /** Writes all elements of an i32 tensor. */
    default Tensor set(Tensor tensor, int... values) {
        requireType(tensor, DType.I32, "ints are written to");
        requireSize(tensor, values.length);
        upload(MemorySegment.ofArray(values), tensor);
        return tensor;
    }

    private static void requireSize(Tensor tensor, int length) {
        if (tensor.shape().size() != length) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "%d values for %s", length, tensor));
        }
    }

    private static void requireType(Tensor tensor, DType type, String what) {
        if (tensor.dtype() != type) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "%s %s, not %s", what, type, tensor));
        }
    }

    /** Checks what {@link #copy} needs: the same type and number of elements. */
    static void requireAlike(Tensor from, Tensor to) {
        if (from.dtype() != to.dtype() || from.shape().size() != to.shape().size()) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "%s can not be copied to %s", from, to));
        }
    }

    /**
     * Waits for calls under way and frees all memory, then libraries. Every later call of the backend, of its kernels and
     * with its tensors throws an {@link IllegalStateException} that names what is closed. A second close does nothing.
     *
     * @throws IllegalStateException if scopes are still open; they are closed too, and the message names them
     */
    @Override
    void close();
}
