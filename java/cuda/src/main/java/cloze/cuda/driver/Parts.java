package cloze.cuda.driver;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/** Parts that depend on the ones before: created in order, freed in reverse order. */
public final class Parts {
    private final Deque<Runnable> made = new ArrayDeque<>();

    /** @return {@code part}, which {@code free} frees */
    public <T> T add(T part, Consumer<? super T> free) {
        made.push(() -> free.accept(part));
        return part;
    }

    /** Frees all, even if some fail. */
    public void free(Teardown teardown) {
        made.forEach(teardown::free);
        made.clear();
    }
}
