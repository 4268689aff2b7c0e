package cloze.cuda.graph;

import cloze.backend.BackendException;
import cloze.cuda.driver.CudaMemory;
import cloze.cuda.driver.CudaStream;
import cloze.cuda.driver.Parts;
import cloze.cuda.driver.Teardown;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.function.LongConsumer;
import jcuda.CudaException;
import jcuda.Pointer;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * Copies between host and device through pinned memory, which the device reads and writes at the full speed of the bus. An
 * upload goes through a stream of its own to a buffer on the device while kernels run. The queue's stream then copies it to
 * the tensor in its turn, so that a tensor never changes while a kernel reads it. The host waits only if all buffers are in
 * use. Callers hold the lock of the queue.
 */
public final class Transfers implements AutoCloseable {
    private static final long BYTES = 8L << 20; // of a buffer
    private static final int MOST = 32; // buffers of uploads

    private static CUevent event() {
        var event = new CUevent();
        JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DISABLE_TIMING);
        return event;
    }

    /** Pinned memory of the host. */
    private static final class Pinned {
        private final Pointer pointer = new Pointer();
        private final MemorySegment memory;
        private final CUevent done = event();

        Pinned() {
            try {
                JCudaDriver.cuMemAllocHost(pointer, BYTES);
            } catch (RuntimeException e) {
                new Teardown(e).free(() -> JCudaDriver.cuEventDestroy(done));
                throw e;
            }
            memory = MemorySegment.ofBuffer(pointer.getByteBuffer(0, BYTES).order(ByteOrder.nativeOrder()));
        }

        void close() {
            new Teardown()
                    .free(() -> JCudaDriver.cuEventDestroy(done))
                    .free(() -> JCudaDriver.cuMemFreeHost(pointer))
                    .end();
        }
    }

    /**
     * A buffer on the host and one on the device.
     *
     * @param copied the event of the end of the copy to the device
     */
    private record Buffer(Pinned host, long device, CUevent copied) {}

    private final CudaQueue queue;
    private final CudaMemory memory;
    private final CudaStream uploads;
    private final Deque<Buffer> buffers = new ArrayDeque<>(); // in the order of their last use
    private final @Nullable Pinned[] downloads = new Pinned[2];

    public Transfers(CudaQueue queue, CudaMemory memory) {
        this.queue = queue;
        this.memory = memory;
        uploads = new CudaStream(queue.driver());
    }

    public void upload(MemorySegment from, long to, long bytes) {
        for (long at = 0; at < bytes; at += BYTES) {
            long count = Math.min(BYTES, bytes - at);
            Buffer buffer = free();
            buffers.addLast(buffer); // before the copy, which may fail
            MemorySegment.copy(from, at, buffer.host.memory, 0, count);
            JCudaDriver.cuMemcpyHtoDAsync(CudaMemory.at(buffer.device), buffer.host.pointer, count, uploads);
            JCudaDriver.cuEventRecord(buffer.copied, uploads);
            JCudaDriver.cuStreamWaitEvent(queue.stream(), buffer.copied, 0);
            JCudaDriver.cuMemcpyDtoDAsync(CudaMemory.at(to + at), CudaMemory.at(buffer.device), count, queue.stream());
            JCudaDriver.cuEventRecord(buffer.host.done, queue.stream());
        }
    }

    /** A buffer that is not in use. */
    private Buffer free() {
        Buffer first = buffers.peekFirst();
        if (first == null) {
            return require(buffer(memory.mapReclaiming(BYTES)));
        }
        if (!isDone(first.host.done)) {
            Buffer more = buffers.size() < MOST ? buffer(memory.map(BYTES)) : null;
            if (more != null) {
                return more;
            }
            JCudaDriver.cuEventSynchronize(first.host.done);
        }
        return buffers.removeFirst();
    }

    private static boolean isDone(CUevent event) {
        try {
            JCudaDriver.cuEventQuery(event);
            return true;
        } catch (CudaException e) {
            return false; // not ready; another error is thrown by the wait
        }
    }

    /** A new buffer, or null if the device has no memory left. */
    private @Nullable Buffer buffer(long device) {
        if (device == 0) {
            return null;
        }
        var parts = new Parts();
        try {
            parts.add(device, address -> memory.unmap(address, BYTES));
            Pinned host = parts.add(new Pinned(), Pinned::close);
            return new Buffer(host, device, event());
        } catch (RuntimeException e) {
            parts.free(new Teardown(e));
            throw e;
        }
    }

    private Buffer require(@Nullable Buffer buffer) {
        if (buffer == null) {
            throw new BackendException(String.format(
                    Locale.ROOT,
                    "%s has no %d bytes left for uploads",
                    queue.driver().device(),
                    BYTES));
        }
        return buffer;
    }

    /** Copies to the host and waits for it. The device fills one buffer while the host reads another. */
    public void download(long from, MemorySegment to, long bytes) {
        LongConsumer begin = at -> {
            Pinned pinned = pinned(at);
            JCudaDriver.cuMemcpyDtoHAsync(
                    pinned.pointer, CudaMemory.at(from + at), Math.min(BYTES, bytes - at), queue.stream());
            JCudaDriver.cuEventRecord(pinned.done, queue.stream());
        };
        if (bytes > 0) {
            begin.accept(0);
        }
        for (long at = 0; at < bytes; at += BYTES) {
            if (at + BYTES < bytes) {
                begin.accept(at + BYTES);
                JCudaDriver.cuEventSynchronize(pinned(at).done);
            } else {
                queue.synchronize();
            }
            MemorySegment.copy(pinned(at).memory, 0, to, at, Math.min(BYTES, bytes - at));
        }
    }

    private Pinned pinned(long at) {
        int place = (int) (at / BYTES % downloads.length);
        Pinned pinned = downloads[place];
        if (pinned == null) {
            pinned = new Pinned();
            downloads[place] = pinned;
        }
        return pinned;
    }

    @Override
    public void close() {
        var parts = new Teardown().free(uploads::close);
        for (Buffer buffer : buffers) {
            parts.free(() -> memory.unmap(buffer.device, BYTES))
                    .free(() -> JCudaDriver.cuEventDestroy(buffer.copied))
                    .free(buffer.host::close);
        }
        for (Pinned pinned : downloads) {
            if (pinned != null) {
                parts.free(pinned::close);
            }
        }
        parts.end();
    }
}
