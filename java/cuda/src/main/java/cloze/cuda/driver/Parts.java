package cloze.cuda.driver;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/** Parts that stand on one another: made in order, freed the other way round. */
public final class Parts {
    private final Deque<Runnable> made = new ArrayDeque<>();

    /** @return {@code part}, which {@code free} is to free */
    public <T> T add(T part, Consumer<? super T> free) {
        made.push(() -> free.accept(part));
        return part;
    }

    /** Frees all, also when some fail. */
    public void free(Teardown teardown) {
        made.forEach(teardown::free);
        made.clear();
    }
}
