package cloze.autograd;

import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The gradient of one scalar with respect to the tensors of a tape, while it is propagated. A buffer is allocated when
 * the first gradient arrives, which overwrites it; later ones add. Tensors whose gradients are equal, such as the two
 * terms of a residual sum, share one buffer until one of them has to change.
 */
public final class Gradients {
    /** Adds {@code x} into {@code y}. */
    public interface Add {
        void call(Tensor x, Tensor y, long n);
    }

    private static final class Buffer {
        private final Tensor tensor;
        private int shares = 1;

        Buffer(Tensor tensor) {
            this.tensor = tensor;
        }
    }

    private final Backend backend;
    private final Scope scope;
    private final @Nullable ParameterGradients parameters;
    private final Map<Tensor, Buffer> arrived = new HashMap<>();

    /** @param scope owns the gradients of everything that is no parameter */
    public Gradients(Backend backend, Scope scope, @Nullable ParameterGradients parameters) {
        this.backend = backend;
        this.scope = scope;
        this.parameters = parameters;
    }

    /** The gradient that has arrived at {@code tensor}. */
    public Tensor of(Tensor tensor) {
        Tensor gradient = arrivedAt(tensor);
        if (gradient == null) {
            throw new IllegalStateException("no gradient has reached " + tensor);
        }
        return gradient;
    }

    /** Like {@link #of}, in a buffer that the caller may overwrite. */
    public Tensor ownedOf(Tensor tensor) {
        of(tensor);
        return own(tensor);
    }

    boolean hasReached(Tensor tensor) {
        return arrived.containsKey(tensor);
    }

    /** The gradient that has arrived at {@code tensor}, or null. */
    public @Nullable Tensor arrivedAt(Tensor tensor) {
        Buffer buffer = arrived.get(tensor);
        if (buffer != null) {
            return buffer.tensor;
        }
        return parameters == null ? null : parameters.of(tensor);
    }

    /** Sets the gradient of {@code tensor}, which nothing has reached, to a buffer of its own scope. */
    public void set(Tensor tensor, Tensor gradient) {
        if (arrived.put(tensor, new Buffer(gradient)) != null) {
            throw new IllegalStateException("a gradient has already reached " + tensor);
        }
    }

    /** Says that {@code gradient}, a tensor that others still own, is the gradient of {@code tensor}. */
    public void lend(Tensor tensor, Tensor gradient) {
        var buffer = new Buffer(gradient);
        buffer.shares = 0;
        give(tensor, buffer);
    }

    /** Hands the gradient of {@code from} on to {@code to}, the same value computed again. */
    void move(Tensor from, Tensor to) {
        Buffer buffer = arrived.remove(from);
        if (buffer != null) {
            arrived.put(to, buffer);
        }
    }

    /** The outputs of one backward kernel, in its parameter order. */
    public Targets targets() {
        return new Targets();
    }

    /** How the gradient passes {@code s = x + residual}, or arrives at {@code x} where there is no residual. */
    public Residual residual(Tensor s, Tensor x, @Nullable Tensor residual) {
        return new Residual(s, x, residual);
    }

    /** Where a backward kernel writes, and which of its outputs it adds into. */
    public final class Targets {
        private int count;
        private long mask;

        private Targets() {}

        /** Where to write the gradient of {@code tensor}, of its type; null if it needs none. */
        public @Nullable Tensor add(@Nullable Tensor tensor) {
            return add(tensor, tensor == null ? DType.F32 : tensor.dtype());
        }

        /** Where to write the gradient of a parameter, f32 whatever the type of the parameter; null if it needs none. */
        public @Nullable Tensor addParameter(@Nullable Tensor parameter) {
            return add(parameter, DType.F32);
        }

        private @Nullable Tensor add(@Nullable Tensor tensor, DType dtype) {
            int bit = count++;
            if (tensor == null || !tensor.trainable()) {
                return null;
            }
            Tensor parameter = parameters == null ? null : parameters.of(tensor);
            if (parameter != null) {
                mask |= parameters != null && parameters.write(tensor) ? 1L << bit : 0;
                return parameter;
            }
            if (arrived.containsKey(tensor)) {
                mask |= 1L << bit;
                return own(tensor);
            }
            Tensor buffer = allocate(tensor, dtype);
            arrived.put(tensor, new Buffer(buffer));
            return buffer;
        }

        /** Where to write the gradient that passes a residual sum. */
        public @Nullable Tensor add(Residual residual) {
            if (residual.second == null) {
                return add(residual.first);
            }
            count++;
            return residual.target();
        }

        /** Bit i is set if the i-th target is added into, clear if it is overwritten. */
        public long accumulate() {
            return mask;
        }
    }

    /** The gradient on its way through a residual sum; closing it hands the result to both terms. */
    public final class Residual implements AutoCloseable {
        private final Tensor first;
        private final @Nullable Tensor second;
        private final @Nullable Tensor arrived;
        private final @Nullable Tensor target;

        private Residual(Tensor s, Tensor x, @Nullable Tensor residual) {
            first = x;
            second = residual;
            boolean wanted = residual != null && (x.trainable() || residual.trainable());
            Buffer buffer = residual == null ? null : Gradients.this.arrived.get(s);
            arrived = buffer == null ? null : buffer.tensor;
            if (!wanted) {
                target = null;
            } else if (buffer != null && buffer.shares == 1) {
                target = buffer.tensor;
                Gradients.this.arrived.remove(s); // the terms take the buffer over
            } else {
                target = allocate(s, s.dtype());
            }
        }

        /** The gradient that has reached the sum on its other ways, or null. */
        public @Nullable Tensor arrived() {
            return arrived;
        }

        @Nullable
        Tensor target() {
            return target;
        }

        @Override
        public void close() {
            if (target != null && second != null) {
                var buffer = new Buffer(target);
                buffer.shares = 0;
                give(first, buffer);
                give(second, buffer);
                if (buffer.shares == 0) {
                    scope.release(target);
                }
            }
        }
    }

    private void give(Tensor tensor, Buffer buffer) {
        if (!tensor.trainable()) {
            return;
        }
        Tensor parameter = parameters == null ? null : parameters.of(tensor);
        if (parameter != null && parameters != null) {
            if (parameters.write(tensor)) {
                addInto(buffer.tensor, parameter);
            } else {
                backend.copy(buffer.tensor, parameter);
            }
        } else if (arrived.containsKey(tensor)) {
            addInto(buffer.tensor, own(tensor));
        } else {
            buffer.shares++;
            arrived.put(tensor, buffer);
        }
    }

    private void addInto(Tensor x, Tensor y) {
        backend.kernel(Add.class).call(x, y, x.shape().size());
    }

    /** The gradient of {@code tensor} in a buffer that no other tensor shares. */
    private Tensor own(Tensor tensor) {
        Buffer buffer = arrived.get(tensor);
        if (buffer == null) {
            throw new IllegalStateException("no gradient has reached " + tensor);
        }
        if (buffer.shares > 1) {
            Tensor copy = allocate(tensor, buffer.tensor.dtype());
            backend.copy(buffer.tensor, copy);
            buffer.shares--;
            arrived.put(tensor, new Buffer(copy));
            return copy;
        }
        return buffer.tensor;
    }

    private Tensor allocate(Tensor tensor, DType dtype) {
        return scope.tensor("d" + tensor.name(), tensor.shape(), dtype);
    }

    /** Forgets the gradient of {@code tensor} and frees its buffer if no other tensor shares it. */
    void release(Tensor tensor) {
        Buffer buffer = arrived.remove(tensor);
        if (buffer != null && --buffer.shares == 0) {
            scope.release(buffer.tensor);
        }
    }
}
