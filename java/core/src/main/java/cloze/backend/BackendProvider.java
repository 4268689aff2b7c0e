package cloze.backend;

import org.jspecify.annotations.Nullable;

/** A kind of device, found by {@link java.util.ServiceLoader}. */
public interface BackendProvider {
    /** As given to {@code --device}. */
    String name();

    /** Why this backend can not run here and how that can be mended, or null if it can. */
    @Nullable
    String unavailable();

    Backend open(BackendOptions options);
}
