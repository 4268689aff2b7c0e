package cloze.autograd;

import cloze.backend.Backend;
import cloze.tensor.Tensor;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The gradients of a model's parameters. They live as long as the model and are summed over the micro-batches between
 * two calls of {@link #reset}. The first write overwrites, so buffers need not be zeroed.
 */
public final class ParameterGradients {
    private static final class State {
        private boolean written;
    }

    private record Slot(Tensor gradient, State state) {}

    private final Backend backend;
    private final Map<Tensor, Slot> slots = new HashMap<>();

    /** @param gradients the gradient tensor of each parameter */
    public ParameterGradients(Backend backend, Map<Tensor, Tensor> gradients) {
        this.backend = backend;
        gradients.forEach((parameter, gradient) -> slots.put(parameter, new Slot(gradient, new State())));
    }

    /**
     * Declares that {@code other} shares the memory of {@code parameter}, so that both gradients are summed in one
     * buffer.
     *
     * @param gradient of {@code other}, a view of the parameter's gradient
     */
    public void alias(Tensor parameter, Tensor other, Tensor gradient) {
        Slot slot = slots.get(parameter);
        if (slot == null) {
            throw new IllegalArgumentException(parameter + " has no gradient here");
        }
        slots.put(other, new Slot(gradient, slot.state));
    }

    /** Starts a new sum: the next write of each gradient overwrites it. */
    public void reset() {
        slots.values().forEach(slot -> slot.state.written = false);
    }

    /** Zeroes the gradients that have not been written, so that all can be read. */
    public void complete() {
        for (Slot slot : slots.values()) {
            if (!slot.state.written) {
                backend.zero(slot.gradient);
                slot.state.written = true;
            }
        }
    }

    /** The buffer of the gradient of {@code parameter}, or null if this model has no such parameter. */
    @Nullable
    Tensor of(Tensor parameter) {
        Slot slot = slots.get(parameter);
        return slot == null ? null : slot.gradient;
    }

    /**
     * Marks the gradient as written.
     *
     * @return true if it was written before
     */
    boolean write(Tensor parameter) {
        Slot slot = slots.get(parameter);
        boolean before = slot != null && slot.state.written;
        if (slot != null) {
            slot.state.written = true;
        }
        return before;
    }
}
