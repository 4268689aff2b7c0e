package cloze.backend;

import cloze.tensor.DeviceMemory;
import cloze.tensor.Pool;
import cloze.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** A backend without memory whose kernels do nothing; running a model on it measures the memory that it needs. */
public final class ShapeBackend implements Backend {
    /** Addresses without memory behind them. */
    private static final class Addresses implements DeviceMemory {
        private static final long ALIGNMENT = 2L << 20;

        private long next = ALIGNMENT;

        @Override
        public synchronized long map(long bytes) {
            long address = next;
            next += Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
            return address;
        }

        @Override
        public void unmap(long address, long bytes) {
            // addresses are never used up
        }

        @Override
        public MemorySegment view(long address, long bytes, Arena lifetime) {
            return MemorySegment.ofAddress(address);
        }
    }

    private final Pool memory = new Pool("shapes", new Addresses(), Long.MAX_VALUE);
    private final Map<Class<?>, Object> kernels = new ConcurrentHashMap<>();
    private final Precision precision;

    public ShapeBackend(Precision precision) {
        this.precision = precision;
    }

    @Override
    public Precision precision() {
        return precision;
    }

    @Override
    public String name() {
        return "shapes";
    }

    @Override
    public String description() {
        return "shapes: runs nothing";
    }

    @Override
    public Pool memory() {
        return memory;
    }

    @Override
    public <K> K kernel(Class<K> type) {
        return type.cast(kernels.computeIfAbsent(
                type, k -> Proxy.newProxyInstance(k.getClassLoader(), new Class<?>[] {k}, ShapeBackend::call)));
    }

    /** Nothing, but for what a kernel says of itself, such as the shape of what it keeps. */
    private static @Nullable Object call(Object kernel, Method method, Object[] arguments) throws Throwable {
        return method.isDefault() ? InvocationHandler.invokeDefault(kernel, method, arguments) : null;
    }

    @Override
    public void upload(MemorySegment host, Tensor tensor) {
        // there is no memory to write
    }

    @Override
    public void download(Tensor tensor, MemorySegment host) {
        host.asSlice(0, tensor.bytes()).fill((byte) 0);
    }

    @Override
    public void copy(Tensor from, Tensor to) {
        // there is no memory to copy
    }

    @Override
    public void zero(Tensor tensor) {
        // there is no memory to zero
    }

    @Override
    public void synchronize() {
        // there is no work to wait for
    }

    @Override
    public void close() {
        memory.close();
    }
}
