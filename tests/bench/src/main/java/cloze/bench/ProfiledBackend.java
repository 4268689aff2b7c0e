package cloze.bench;

import cloze.backend.Backend;
import cloze.backend.KernelName;
import cloze.tensor.Pool;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;

/** A backend that sums the time of its kernels; matrix multiplications count by their extents. */
final class ProfiledBackend implements Backend {
    /** Time of all calls of one kernel, and the operations of a call where it is a matrix multiplication. */
    record Total(String kernel, int calls, double ns, double flops) {
        Total plus(double more) {
            return new Total(kernel, calls + 1, ns + more, flops);
        }
    }

    private final Backend backend;
    private final Clock clock;
    private final Map<Class<?>, Object> kernels = new HashMap<>();
    private final Map<String, Total> totals = new HashMap<>();

    ProfiledBackend(Backend backend, Clock clock) {
        this.backend = backend;
        this.clock = clock;
    }

    void reset() {
        totals.clear();
    }

    List<Total> totals() {
        return new ArrayList<>(totals.values());
    }

    @Override
    public <K> K kernel(Class<K> type) {
        return type.cast(kernels.computeIfAbsent(type, _ -> timed(type, backend.kernel(type))));
    }

    private Object timed(Class<?> type, Object kernel) {
        String name = KernelName.of(type);
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (_, method, arguments) -> {
            long begin = clock.now();
            Object result = invoke(kernel, method, arguments);
            add(name, arguments, (double) (clock.now() - begin));
            return result;
        });
    }

    private static Object invoke(Object kernel, Method method, Object[] arguments) throws ReflectiveOperationException {
        try {
            return method.invoke(kernel, arguments);
        } catch (InvocationTargetException e) {
            throw new IllegalStateException(method.toString(), e.getCause());
        }
    }

    private void add(String name, Object[] arguments, double ns) {
        if (!name.startsWith("mat_mul")) {
            totals.merge(name, new Total(name, 1, ns, 0), (total, _) -> total.plus(ns));
            return;
        }
        double product = 2;
        var extents = new StringJoiner("x");
        int found = 0;
        for (Object argument : arguments) {
            if (argument instanceof Long extent && found++ < 3) {
                product *= (double) extent;
                extents.add(extent.toString());
            }
        }
        double flops = name.endsWith("forward") ? product : 2 * product;
        String label = name + " n k m " + extents;
        totals.merge(label, new Total(label, 1, ns, flops), (total, _) -> total.plus(ns));
    }

    @Override
    public String name() {
        return backend.name();
    }

    @Override
    public String description() {
        return backend.description();
    }

    @Override
    public Pool memory() {
        return backend.memory();
    }

    @Override
    public void upload(MemorySegment host, Tensor tensor) {
        backend.upload(host, tensor);
    }

    @Override
    public void download(Tensor tensor, MemorySegment host) {
        backend.download(tensor, host);
    }

    @Override
    public void copy(Tensor from, Tensor to) {
        long begin = clock.now();
        backend.copy(from, to);
        add("copy", new Object[0], (double) (clock.now() - begin));
    }

    @Override
    public void zero(Tensor tensor) {
        long begin = clock.now();
        backend.zero(tensor);
        add("zero", new Object[0], (double) (clock.now() - begin));
    }

    @Override
    public void synchronize() {
        backend.synchronize();
    }

    /** Leaves the backend open, which is its owner's. */
    @Override
    public void close() {
        kernels.clear();
    }
}
