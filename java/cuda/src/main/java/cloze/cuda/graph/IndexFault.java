package cloze.cuda.graph;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Locale;
import jcuda.Pointer;
import jcuda.driver.JCudaDriver;

/**
 * The first wrong index that kernels met since the last {@link #check}, as in {@code device.cuh}. It lies in pinned memory
 * of the host, which the device writes, so that a look at it is no copy.
 */
public final class IndexFault implements AutoCloseable {
    private static final long BYTES = 64;
    private static final int COUNT = 0;
    private static final int ARGUMENT = 4;
    private static final int POSITION = 8;
    private static final int VALUE = 16;
    private static final int BOUND = 24;

    /** Ops and arguments by their numbers, from 1. */
    private static final List<String> ARGUMENTS = List.of(
            "Embedding: ids",
            "Embedding: starts",
            "GatherTokens: ids",
            "RestoreTokens: idsRestore",
            "SoftmaxCrossEntropy: targets",
            "CachedAttention: starts",
            "Rope: starts",
            "MaskedMse: mask",
            "MaskedL1: mask");

    private final Pointer pointer = new Pointer();
    private final MemorySegment memory;

    IndexFault() {
        JCudaDriver.cuMemAllocHost(pointer, BYTES);
        memory = MemorySegment.ofBuffer(pointer.getByteBuffer(0, BYTES).order(ByteOrder.nativeOrder()));
        memory.fill((byte) 0);
    }

    /** As the device sees it: addresses of pinned memory are the same on both sides. */
    public long address() {
        return memory.address();
    }

    /**
     * To be called after the device has finished.
     *
     * @throws IndexOutOfBoundsException if a kernel met an index out of bounds
     * @throws IllegalArgumentException if a mask hides nothing
     */
    public void check() {
        if (memory.get(ValueLayout.JAVA_INT, COUNT) == 0) {
            return;
        }
        String argument = ARGUMENTS.get(memory.get(ValueLayout.JAVA_INT, ARGUMENT) - 1);
        long position = memory.get(ValueLayout.JAVA_LONG, POSITION);
        long value = memory.get(ValueLayout.JAVA_LONG, VALUE);
        long bound = memory.get(ValueLayout.JAVA_LONG, BOUND);
        memory.fill((byte) 0);
        if (position < 0) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "%s must hide a patch (1), but it hides none of %d", argument, bound));
        }
        throw new IndexOutOfBoundsException(String.format(
                Locale.ROOT, "%s must be in [0, %d), but element %d is %d", argument, bound, position, value));
    }

    @Override
    public void close() {
        JCudaDriver.cuMemFreeHost(pointer);
    }
}
