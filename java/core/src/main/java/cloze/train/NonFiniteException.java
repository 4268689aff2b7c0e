package cloze.train;

/** A loss or gradient is NaN or infinite; the message names the first tensor with such a value. */
public final class NonFiniteException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public NonFiniteException(String message) {
        super(message);
    }
}
