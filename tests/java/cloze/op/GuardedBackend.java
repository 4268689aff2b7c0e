package cloze.op;

import cloze.backend.Backend;
import cloze.backend.Precision;
import cloze.tensor.DType;
import cloze.tensor.Pool;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Runs each kernel on copies that lie between guard bands. A tensor that nothing has written yet is handed over full of
 * NaN. The bands are NaN too, so that a read outside shows; where their extent is odd, addresses are as unaligned as
 * slices of a flat buffer can be.
 */
public final class GuardedBackend implements Backend {
    /** Words of a band. */
    enum Band {
        ODD(67),
        ALIGNED(64);

        private final int words;

        Band(int words) {
            this.words = words;
        }
    }

    private static final int GUARD = 0x7fc0beef;
    private static final int UNWRITTEN = Float.floatToRawIntBits(Float.NaN);

    private final Backend inner;
    private final int band;
    private final Set<Tensor> written = new HashSet<>();

    public GuardedBackend(Backend inner) {
        this(inner, Band.ODD);
    }

    GuardedBackend(Backend inner, Band band) {
        this.inner = inner;
        this.band = band.words;
    }

    @Override
    public Precision precision() {
        return inner.precision();
    }

    @Override
    public <K> K kernel(Class<K> type) {
        K kernel = inner.kernel(type);
        Object guarded = Proxy.newProxyInstance(
                type.getClassLoader(),
                new Class<?>[] {type},
                (_, method, arguments) -> call(kernel, type, method, arguments));
        return type.cast(guarded);
    }

    private Object call(Object kernel, Class<?> type, Method method, Object[] arguments) throws Throwable {
        try (Scope scope = inner.memory().scope("guarded")) {
            Map<Tensor, Tensor> copies = new HashMap<>();
            Object[] guarded = Arrays.stream(arguments)
                    .map(a -> a instanceof Tensor t ? slice(scope, copies.computeIfAbsent(t, u -> in(scope, u)), t) : a)
                    .toArray();
            Object result = method.invoke(kernel, guarded);
            copies.forEach((tensor, copy) -> out(type, tensor, copy));
            return result;
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private Tensor in(Scope scope, Tensor tensor) {
        int size = Math.toIntExact(tensor.shape().size());
        var words = new int[size + 2 * band];
        Arrays.fill(words, GUARD);
        if (written.contains(tensor)) {
            inner.download(tensor, payload(words, tensor));
        } else if (tensor.dtype() == DType.F32) {
            Arrays.fill(words, band, band + size, UNWRITTEN);
        } else {
            throw new AssertionError(tensor + " is read before it is written");
        }
        Tensor copy = scope.tensor(tensor.name(), new Shape(words.length), tensor.dtype());
        inner.upload(MemorySegment.ofArray(words), copy);
        return copy;
    }

    private Tensor slice(Scope scope, Tensor copy, Tensor tensor) {
        return scope.slice(copy, band, tensor.name(), tensor.shape(), tensor.trainable());
    }

    private MemorySegment payload(int[] words, Tensor tensor) {
        return MemorySegment.ofArray(words).asSlice(band * ValueLayout.JAVA_INT.byteSize(), tensor.bytes());
    }

    private void out(Class<?> kernel, Tensor tensor, Tensor copy) {
        var words = new int[Math.toIntExact(copy.shape().size())];
        inner.download(copy, MemorySegment.ofArray(words));
        for (int i = 0; i < band; i++) {
            int after = words.length - band + i;
            if (words[i] != GUARD || words[after] != GUARD) {
                throw new AssertionError(String.format(
                        Locale.ROOT,
                        "%s writes %s %s",
                        kernel.getName(),
                        words[i] == GUARD ? i + 1 + " past the end of" : band - i + " before the start of",
                        tensor));
            }
        }
        inner.upload(payload(words, tensor), tensor);
        written.add(tensor);
    }

    @Override
    public String name() {
        return inner.name();
    }

    @Override
    public String description() {
        return inner.description();
    }

    @Override
    public Pool memory() {
        return inner.memory();
    }

    @Override
    public void upload(MemorySegment host, Tensor tensor) {
        inner.upload(host, tensor);
        written.add(tensor);
    }

    @Override
    public void download(Tensor tensor, MemorySegment host) {
        inner.download(tensor, host);
    }

    @Override
    public void copy(Tensor from, Tensor to) {
        inner.copy(from, to);
        written.add(to);
    }

    @Override
    public void zero(Tensor tensor) {
        inner.zero(tensor);
        written.add(tensor);
    }

    @Override
    public void synchronize() {
        inner.synchronize();
    }

    @Override
    public void close() {
        inner.close();
    }
}
