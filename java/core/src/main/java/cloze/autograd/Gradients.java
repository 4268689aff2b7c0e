package cloze.autograd;

import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Gradients of one scalar with respect to the tensors of a tape, during backpropagation. The first gradient of a tensor
 * allocates and overwrites a buffer; later ones are added. Tensors with equal gradients, such as the two terms of a
 * residual sum, share one buffer until one of them changes.
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

    /** @param scope owns the gradients of all tensors that are not parameters */
    public Gradients(Backend backend, Scope scope, @Nullable ParameterGradients parameters) {
        this.backend = backend;
        this.scope = scope;
        this.parameters = parameters;
    }

    /** The gradient of {@code tensor} so far; an exception if there is none. */
    public Tensor of(Tensor tensor) {
        Tensor gradient = arrivedAt(tensor);
        if (gradient == null) {
            throw new IllegalStateException("no gradient has reached " + tensor);
        }
        return gradient;
    }

    /** Like {@link #of}, but in a buffer that the caller may overwrite. */
    public Tensor ownedOf(Tensor tensor) {
        of(tensor);
        return own(tensor);
    }

    boolean hasReached(Tensor tensor) {
        return arrived.containsKey(tensor);
    }

    /** The gradient of {@code tensor} so far, or null. */
    public @Nullable Tensor arrivedAt(Tensor tensor) {
        Buffer buffer = arrived.get(tensor);
        if (buffer != null) {
            return buffer.tensor;
        }
        return parameters == null ? null : parameters.of(tensor);
    }

    /** Sets the gradient of {@code tensor}, which must have none, to a tensor of this object's scope. */
    public void set(Tensor tensor, Tensor gradient) {
        if (arrived.put(tensor, new Buffer(gradient)) != null) {
            throw new IllegalStateException("a gradient has already reached " + tensor);
        }
    }

    /** Adds {@code gradient}, a tensor that stays owned by another scope, to the gradient of {@code tensor}. */
    public void lend(Tensor tensor, Tensor gradient) {
        var buffer = new Buffer(gradient);
        buffer.shares = 0;
        give(tensor, buffer);
    }

    /** Moves the gradient of {@code from} to {@code to}, which is the recomputed value. */
    void move(Tensor from, Tensor to) {
        Buffer buffer = arrived.remove(from);
        if (buffer != null) {
            arrived.put(to, buffer);
        }
    }

    /** The outputs of one backward kernel, in the order of its parameters. */
    public Targets targets() {
        return new Targets();
    }

    /** The backward pass of {@code s = x + residual}, or of {@code x} alone if there is no residual. */
    public Residual residual(Tensor s, Tensor x, @Nullable Tensor residual) {
        return new Residual(s, x, residual);
    }

    /** The output buffers of a backward kernel, with a bit for each that says if it is added to. */
    public final class Targets {
        private int count;
        private long mask;

        private Targets() {}

        /** The buffer for the gradient of {@code tensor}, in the tensor's type; null if it needs no gradient. */
        public @Nullable Tensor add(@Nullable Tensor tensor) {
            return add(tensor, tensor == null ? DType.F32 : tensor.dtype());
        }

        /** The buffer for the gradient of a parameter, always f32; null if it needs no gradient. */
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

        /** The buffer for the gradient of both terms of a residual sum; null if neither needs it. */
        public @Nullable Tensor add(Residual residual) {
            if (residual.second == null) {
                return add(residual.first);
            }
            count++;
            return residual.target();
        }

        /** A mask: bit i is set if the i-th target is added to, clear if it is overwritten. */
        public long accumulate() {
            return mask;
        }
    }

    /** The gradient of a residual sum; {@link #close} passes it to both terms. */
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
                Gradients.this.arrived.remove(s); // the two terms own the buffer now
            } else {
                target = allocate(s, s.dtype());
            }
        }

        /** The gradient of the sum from its other uses, or null. */
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

    /** Drops the gradient of {@code tensor} and frees its buffer if no other tensor shares it. */
    void release(Tensor tensor) {
        Buffer buffer = arrived.remove(tensor);
        if (buffer != null && --buffer.shares == 0) {
            scope.release(buffer.tensor);
        }
    }
}
