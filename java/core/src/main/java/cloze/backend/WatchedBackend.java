package cloze.backend;

import cloze.tensor.Pool;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** A backend that passes the tensors of every kernel call to a watcher after the call. */
public final class WatchedBackend implements Backend {
    /** Receives the tensors of a call, inputs before outputs. */
    public interface Watcher {
        void called(String kernel, List<Tensor> tensors);
    }

    private final Backend backend;
    private final Watcher watcher;
    private final Map<Class<?>, Object> kernels = new ConcurrentHashMap<>();

    public WatchedBackend(Backend backend, Watcher watcher) {
        this.backend = backend;
        this.watcher = watcher;
    }

    @Override
    public String kernels() {
        return backend.kernels();
    }

    @Override
    public Precision precision() {
        return backend.precision();
    }

    @Override
    public <K> K kernel(Class<K> type) {
        return type.cast(kernels.computeIfAbsent(type, this::watched));
    }

    private Object watched(Class<?> type) {
        Object kernel = backend.kernel(type);
        String name = type.getEnclosingClass().getSimpleName() + "." + type.getSimpleName();
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
            Object result = call(kernel, method, arguments);
            watcher.called(name, tensors(arguments));
            return result;
        });
    }

    private static @Nullable Object call(Object kernel, Method method, Object[] arguments) throws Throwable {
        try {
            return method.invoke(kernel, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause() == null ? e : e.getCause();
        }
    }

    private static List<Tensor> tensors(Object[] arguments) {
        var tensors = new ArrayList<Tensor>();
        for (Object argument : arguments) {
            if (argument instanceof Tensor tensor) {
                tensors.add(tensor);
            }
        }
        return tensors;
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
        backend.copy(from, to);
    }

    @Override
    public void zero(Tensor tensor) {
        backend.zero(tensor);
    }

    @Override
    public void synchronize() {
        backend.synchronize();
    }

    @Override
    public void close() {
        throw new IllegalStateException("closed by its owner");
    }
}
