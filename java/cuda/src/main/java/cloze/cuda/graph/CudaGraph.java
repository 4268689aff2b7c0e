package cloze.cuda.graph;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import cloze.backend.BackendException;
import cloze.cuda.driver.CudaStream;
import cloze.cuda.driver.Driver;
import cloze.cuda.driver.Extent;
import cloze.cuda.driver.SharedLibrary;
import cloze.cuda.driver.Teardown;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;

/** A CUDA graph: pieces of work in sequence, captured from a stream and launched in one call. */
final class CudaGraph implements AutoCloseable {
    /** CUDA_KERNEL_NODE_PARAMS_v2: function, extents, shared memory, arguments; the rest is zero. */
    private static final long PARAMS_BYTES = 72;

    private static final long ARGUMENTS = 40;

    /** An executable graph that tells its address. */
    private static final class Executable extends CUgraphExec {
        long address() {
            return getNativePointer();
        }
    }

    private final CudaQueue queue;
    private final List<Work> works;
    private final long[] nodes;
    private final CUgraph graph =
            new CUgraph(); // kept as long as the executable: its nodes are keys of the executable's
    private final Executable executable = new Executable();
    private final Arena arena = Arena.ofShared();
    private final MemorySegment params = arena.allocate(PARAMS_BYTES, JAVA_LONG.byteSize());

    /** Captures work, which does not run now. */
    CudaGraph(CudaQueue queue, List<Work> works) {
        this.queue = queue;
        this.works = works;
        nodes = new long[works.size()];
        try (var capturing = new CudaStream(queue.driver())) {
            // relaxed: other threads may use CUDA meanwhile
            JCudaDriver.cuStreamBeginCapture(capturing, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED);
            try {
                capture(capturing);
            } finally {
                JCudaDriver.cuStreamEndCapture(capturing, graph);
            }
            JCudaDriver.cuGraphInstantiate(executable, graph, 0);
        }
    }

    private void capture(CudaStream capturing) {
        MemorySegment status = arena.allocate(JAVA_INT);
        MemorySegment last = arena.allocate(JAVA_LONG);
        MemorySegment count = arena.allocate(JAVA_LONG);
        for (int i = 0; i < nodes.length; i++) {
            Work work = works.get(i);
            work.enqueue(queue, capturing);
            if (work instanceof Work.Launch launch) {
                nodes[i] = node(capturing, status, last, count);
                launch.settle();
            }
        }
    }

    /** The node that was captured last: the only one that the next work in the stream will wait for. */
    private long node(CudaStream capturing, MemorySegment status, MemorySegment last, MemorySegment count) {
        try {
            MemorySegment none = MemorySegment.NULL;
            int result = (int) queue.driver()
                    .functions()
                    .captureInfo()
                    .invokeExact(capturing.address(), status, none, none, last, count);
            Driver.check("cuStreamGetCaptureInfo", result);
        } catch (RuntimeException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("cuStreamGetCaptureInfo", e);
        }
        if (count.get(JAVA_LONG, 0) != 1) {
            throw new BackendException(
                    String.format(Locale.ROOT, "a stream that captures has %d ends", count.get(JAVA_LONG, 0)));
        }
        return SharedLibrary.longAt(last.get(JAVA_LONG, 0));
    }

    /** Launches the graph with the current numbers of its work. */
    void launch() {
        for (int i = 0; i < nodes.length; i++) {
            if (works.get(i) instanceof Work.Launch launch && launch.changed()) {
                set(nodes[i], launch);
                launch.settle();
            }
        }
        int result = queue.driver()
                .functions()
                .launchGraph(executable.address(), queue.stream().address());
        if (result != 0) {
            throw queue.failure("a graph of " + this, Driver.errorName(result));
        }
    }

    private void set(long node, Work.Launch launch) {
        Extent extent = launch.extent();
        params.set(JAVA_LONG, 0, launch.kernel().address());
        int[] numbers = {
            extent.blocksX(), extent.blocksY(), 1, extent.threadsX(), extent.threadsY(), 1, extent.sharedBytes()
        };
        for (int i = 0; i < numbers.length; i++) {
            params.set(JAVA_INT, 8 + 4L * i, numbers[i]);
        }
        params.set(JAVA_LONG, ARGUMENTS, queue.arguments(launch.slots()));
        try {
            int result = (int)
                    queue.driver().functions().setNode().invokeExact(executable.address(), node, params.address());
            Driver.check("cuGraphExecKernelNodeSetParams of " + launch, result);
        } catch (RuntimeException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("cuGraphExecKernelNodeSetParams", e);
        }
    }

    @Override
    public void close() {
        new Teardown()
                .free(() -> JCudaDriver.cuGraphExecDestroy(executable))
                .free(() -> JCudaDriver.cuGraphDestroy(graph))
                .free(arena::close)
                .end();
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%d works from %s to %s", works.size(), works.getFirst(), works.getLast());
    }
}
