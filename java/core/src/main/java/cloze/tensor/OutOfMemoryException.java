package cloze.tensor;

/** A tensor did not fit the budget or the device; the message says what holds how much. */
public final class OutOfMemoryException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public OutOfMemoryException(String message) {
        super(message);
    }
}
