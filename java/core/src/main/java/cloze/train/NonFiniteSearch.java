package cloze.train;

import cloze.backend.Backend;
import cloze.backend.WatchedBackend;
import cloze.nn.Parameters;
import cloze.optim.GradientNorm;
import cloze.tensor.DType;
import cloze.tensor.Tensor;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Finds the first tensor of a step with a value that is not finite. */
final class NonFiniteSearch {
    private final Backend backend;
    private final Parameters parameters;

    /** Ends the repetition of a step where the value was found. */
    private static final class Found extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private final String what;

        Found(String what) {
            super(what);
            this.what = what;
        }
    }

    NonFiniteSearch(Backend backend, Parameters parameters) {
        this.backend = backend;
        this.parameters = parameters;
    }

    /**
     * A clause that names the tensor.
     *
     * @param again repeats the step on the backend that it is given
     */
    String find(Consumer<Backend> again) {
        for (Tensor parameter : parameters.tensors()) {
            String value = nonFinite(parameter);
            if (value != null) {
                return String.format(Locale.ROOT, "parameter %s has %s before the step", parameter, value);
            }
        }
        try {
            again.accept(new WatchedBackend(backend, this::check));
        } catch (Found found) {
            return found.what;
        }
        return "no tensor has such a value when the step is repeated, so the sum of squares overflowed f32";
    }

    private void check(String kernel, List<Tensor> arguments) {
        for (Tensor tensor : arguments) {
            String value = nonFinite(tensor);
            if (value != null) {
                String others = arguments.stream()
                        .filter(other -> other != tensor)
                        .map(this::describe)
                        .distinct()
                        .collect(Collectors.joining(", "));
                throw new Found(String.format(
                        Locale.ROOT,
                        "the first such value is %s in %s after %s with %s",
                        value,
                        describe(tensor),
                        kernel,
                        others));
            }
        }
    }

    private String describe(Tensor tensor) {
        if (parameters.tensors().contains(tensor)) {
            return "parameter " + tensor;
        }
        long from = parameters.gradients().memory().address();
        long at = tensor.memory().address() - from;
        return (at >= 0 && at < parameters.gradients().bytes() ? "gradient of " : "") + tensor;
    }

    /** The first value that is not finite, with its place, or null. */
    private @Nullable String nonFinite(Tensor tensor) {
        boolean sums = tensor.dtype() == DType.F32; // in one kernel; others are looked through
        if (tensor.dtype() == DType.I32 || (sums && Double.isFinite(GradientNorm.of(backend, tensor)))) {
            return null;
        }
        float[] values = backend.floats(tensor);
        for (int i = 0; i < values.length; i++) {
            // the logarithm of an attention row without keys is minus infinity by definition
            boolean meant = tensor.name().equals("lse") && values[i] == Float.NEGATIVE_INFINITY;
            if (!Float.isFinite(values[i]) && !meant) {
                return String.format(Locale.ROOT, "%s (element %d)", values[i], i);
            }
        }
        return null;
    }
}
