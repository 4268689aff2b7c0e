package cloze.train;

import java.io.IOException;

/** A run folder can not be used; the message says why and what to do. */
public final class RunException extends IOException {
    private static final long serialVersionUID = 1L;

    public RunException(String message) {
        super(message);
    }
}
