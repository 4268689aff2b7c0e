package cloze.autograd;

import cloze.backend.Backend;
import cloze.tensor.Tensor;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The gradients of a model's parameters. They live as long as the model and are summed over the micro-batches between
 * two calls of {@link #reset}; the first write overwrites, so nothing has to be zeroed.
 */
public final class ParameterGradients {
    private static final class State {
        private boolean written;
    }

    private record Slot(Tensor gradient, State state) {}

    private final Backend backend;
    private final Map<Tensor, Slot> slots = new HashMap<>();

    /** @param gradients for each parameter the tensor that takes its gradient */
    public ParameterGradients(Backend backend, Map<Tensor, Tensor> gradients) {
        this.backend = backend;
        gradients.forEach((parameter, gradient) -> slots.put(parameter, new Slot(gradient, new State())));
    }

    /**
     * Says that {@code other} is memory of {@code parameter} too, so that their gradients are summed in one place.
     *
     * @param gradient of {@code other}, memory of the parameter's gradient
     */
    public void alias(Tensor parameter, Tensor other, Tensor gradient) {
        Slot slot = slots.get(parameter);
        if (slot == null) {
            throw new IllegalArgumentException(parameter + " has no gradient here");
        }
        slots.put(other, new Slot(gradient, slot.state));
    }

    /** Forgets what was summed. */
    public void reset() {
        slots.values().forEach(slot -> slot.state.written = false);
    }

    /** Zeroes the gradients that nothing has reached, so that all can be read. */
    public void complete() {
        for (Slot slot : slots.values()) {
            if (!slot.state.written) {
                backend.zero(slot.gradient);
                slot.state.written = true;
            }
        }
    }

    /** Where the gradient of {@code parameter} is summed, or null if it is none of this model's. */
    @Nullable
    Tensor of(Tensor parameter) {
        Slot slot = slots.get(parameter);
        return slot == null ? null : slot.gradient;
    }

    /** Marks the gradient as written. @return whether it had been before */
    boolean write(Tensor parameter) {
        Slot slot = slots.get(parameter);
        boolean before = slot != null && slot.state.written;
        if (slot != null) {
            slot.state.written = true;
        }
        return before;
    }
}
