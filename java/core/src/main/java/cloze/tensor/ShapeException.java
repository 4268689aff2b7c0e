package cloze.tensor;

import java.util.Locale;

/** Thrown if a tensor has the wrong shape for an op; the message names op, argument, expected and actual shape. */
public final class ShapeException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    public ShapeException(String op, String argument, String expected, Tensor actual) {
        super(String.format(
                Locale.ROOT, "%s: %s must be %s, but %s is %s", op, argument, expected, actual.name(), actual.shape()));
    }

    public ShapeException(String op, String argument, String expected, String actual) {
        super(String.format(Locale.ROOT, "%s: %s must be %s, but it is %s", op, argument, expected, actual));
    }
}
