package cloze.cuda.driver;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Frees parts one after another, even if one of them fails: after a kernel has broken a context, every call returns the error of
 * that kernel. The first failure is thrown at the end, with the others suppressed in it, each message once.
 */
public final class Teardown {
    private @Nullable RuntimeException first;

    public Teardown() {}

    /** @param first the failure that made all this necessary */
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

    /** Throws the first failure; called last, unless the caller throws it itself. */
    public void end() {
        if (first != null) {
            throw first;
        }
    }
}
