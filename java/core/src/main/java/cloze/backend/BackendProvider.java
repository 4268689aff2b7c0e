package cloze.backend;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A kind of device, found by {@link java.util.ServiceLoader}. */
public interface BackendProvider {
    /** As given to {@code --device}. */
    String name();

    /** Why this backend can not run here and how that can be mended, or null if it can. */
    @Nullable
    String unavailable();

    /** A line for each device of this kind that was found, beginning with its name for {@code --device}. */
    default List<String> devices() {
        return List.of();
    }

    Backend open(BackendOptions options);
}
