package cloze.backend;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A kind of device, found by {@link java.util.ServiceLoader}. */
public interface BackendProvider {
    /** Name of this kind of device, as given to {@code --device}. */
    String name();

    /** The reason why this backend cannot run here, with a remedy; null if it can run. */
    @Nullable
    String unavailable();

    /** One line for each device of this kind, beginning with its name for {@code --device}. */
    default List<String> devices() {
        return List.of();
    }

    Backend open(BackendOptions options);
}
