package cloze.cuda.graph;

import cloze.backend.BackendException;
import cloze.cuda.driver.CudaMemory;
import cloze.cuda.driver.CudaStream;
import cloze.cuda.driver.Driver;
import cloze.cuda.driver.Extent;
import cloze.cuda.driver.KernelImages;
import java.util.Locale;
import java.util.function.Consumer;
import jcuda.driver.JCudaDriver;

/** A piece of work for a stream, which may be repeated. */
public sealed interface Work {
    /** Returns true if {@code other} repeats this work. */
    boolean repeats(Work other);

    /** The kind of work, without its arguments. */
    String name();

    /** Enqueues it in a stream: the queue's own or one that captures. */
    void enqueue(CudaQueue queue, CudaStream stream);

    /** A kernel. Its numbers may change when it is repeated, its pointers may not. */
    final class Launch implements Work {
        private final KernelImages.Kernel kernel;
        private final Extent extent;
        private final long pointers;
        private long[] slots;
        private boolean changed;

        /** @param pointers bit i is set if slot i holds an address */
        Launch(KernelImages.Kernel kernel, Extent extent, long[] slots, long pointers) {
            this.kernel = kernel;
            this.extent = extent;
            this.slots = slots;
            this.pointers = pointers;
        }

        /** Takes the new numbers if the rest is the same. */
        boolean repeats(KernelImages.Kernel otherKernel, Extent otherExtent, long[] otherSlots) {
            if (kernel.address() != otherKernel.address() || !extent.equals(otherExtent)) {
                return false;
            }
            long differs = 0;
            for (int i = 0; i < slots.length; i++) {
                differs |= slots[i] == otherSlots[i] ? 0 : 1L << i;
            }
            if ((differs & pointers) != 0) {
                return false;
            }
            if (differs != 0) {
                slots = otherSlots;
                changed = true;
            }
            return true;
        }

        @Override
        public boolean repeats(Work other) {
            return other instanceof Launch launch && repeats(launch.kernel, launch.extent, launch.slots);
        }

        /** Returns true if numbers have changed since {@link #settle}. */
        boolean changed() {
            return changed;
        }

        void settle() {
            changed = false;
        }

        KernelImages.Kernel kernel() {
            return kernel;
        }

        Extent extent() {
            return extent;
        }

        long[] slots() {
            return slots;
        }

        @Override
        public String name() {
            return kernel.name();
        }

        @Override
        public void enqueue(CudaQueue queue, CudaStream stream) {
            int result = queue.submit(kernel, extent, slots, stream);
            if (result != 0) {
                throw queue.failure(
                        String.format(Locale.ROOT, "%s of %s", kernel.name(), extent), Driver.errorName(result));
            }
        }

        @Override
        public String toString() {
            return kernel.name();
        }
    }

    /**
     * A call of a library, which launches kernels of its own in the stream.
     *
     * @param key equal for equal calls; begins with the name of the op
     */
    record Library(Object key, Consumer<CudaStream> call) implements Work {
        @Override
        public boolean repeats(Work other) {
            return other instanceof Library library && key.equals(library.key);
        }

        @Override
        public String name() {
            return key.toString().split(" ", 2)[0] + " by a library";
        }

        @Override
        public void enqueue(CudaQueue queue, CudaStream stream) {
            call.accept(stream);
        }

        @Override
        public String toString() {
            return key.toString();
        }
    }

    /** A copy on the device. */
    record Copy(long from, long to, long bytes) implements Work {
        @Override
        public boolean repeats(Work other) {
            return equals(other);
        }

        @Override
        public void enqueue(CudaQueue queue, CudaStream stream) {
            queue.guard(
                    String.format(Locale.ROOT, "copy of %d bytes", bytes),
                    () -> JCudaDriver.cuMemcpyDtoDAsync(CudaMemory.at(to), CudaMemory.at(from), bytes, stream));
        }

        @Override
        public String name() {
            return "copy";
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "copy of %d bytes from 0x%x to 0x%x", bytes, from, to);
        }
    }

    /** Zeroes bytes. */
    record Zero(long at, long bytes) implements Work {
        @Override
        public boolean repeats(Work other) {
            return equals(other);
        }

        @Override
        public void enqueue(CudaQueue queue, CudaStream stream) {
            queue.guard(
                    String.format(Locale.ROOT, "zeroing %d bytes", bytes),
                    () -> JCudaDriver.cuMemsetD8Async(CudaMemory.at(at), (byte) 0, bytes, stream));
        }

        @Override
        public String name() {
            return "zero";
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "zero of %d bytes at 0x%x", bytes, at);
        }
    }

    /** Sets one word of 4 bytes. */
    record Word(long at, int value) implements Work {
        @Override
        public boolean repeats(Work other) {
            return equals(other);
        }

        @Override
        public void enqueue(CudaQueue queue, CudaStream stream) {
            queue.guard("setting a word", () -> JCudaDriver.cuMemsetD32Async(CudaMemory.at(at), value, 1, stream));
        }

        @Override
        public String name() {
            return "word";
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "word 0x%08x at 0x%x", value, at);
        }
    }

    /** A copy to or from the host, which is never part of a graph. */
    record Meeting(String what, long at, long bytes) implements Work {
        @Override
        public boolean repeats(Work other) {
            return equals(other);
        }

        @Override
        public String name() {
            return what;
        }

        @Override
        public void enqueue(CudaQueue queue, CudaStream stream) {
            throw new BackendException(this + " is in no graph");
        }
    }
}
