package cloze.io;

import java.io.IOException;
import java.io.Serial;
import java.util.Locale;

/** Data that cannot be used; the message names the file, the place in it, the expected and the actual content. */
public class DataException extends IOException {
    @Serial
    private static final long serialVersionUID = 1;

    public DataException(String message) {
        super(message);
    }

    public DataException(String message, Throwable cause) {
        super(message, cause);
    }

    /** {@code <file>, <place>: expected <expected>, found <found>}. */
    public DataException(Object file, String place, String expected, String found) {
        super(String.format(Locale.ROOT, "%s, %s: expected %s, found %s", file, place, expected, found));
    }
}
