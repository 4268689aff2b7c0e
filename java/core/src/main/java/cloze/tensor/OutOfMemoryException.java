package cloze.tensor;

/** Thrown if a tensor does not fit the budget or the device; the message lists the largest scopes with their sizes. */
public final class OutOfMemoryException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public OutOfMemoryException(String message) {
        super(message);
    }
}
