package cloze.cuda.driver;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Frees one part after another, also when one of them fails: a context that a kernel has broken answers every call with the
 * error of that kernel. What failed first is thrown at the end and has the others with it, each message once.
 */
public final class Teardown {
    private @Nullable RuntimeException first;

    public Teardown() {}

    /** @param first why all this is freed */
    public Teardown(RuntimeException first) {
        this.first = first;
    }

    public Teardown free(Runnable part) {
        try {
            part.run();
        } catch (RuntimeException e) {
            add(e);
        }
        return this;
    }

    private void add(RuntimeException failure) {
        if (first == null) {
            first = failure;
        } else if (Arrays.stream(first.getSuppressed())
                .noneMatch(told -> Objects.equals(told.getMessage(), failure.getMessage()))) {
            first.addSuppressed(failure);
        }
    }

    /** To be called last, by whoever does not throw what it began with. */
    public void end() {
        if (first != null) {
            throw first;
        }
    }
}
