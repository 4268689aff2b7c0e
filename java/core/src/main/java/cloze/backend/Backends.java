package cloze.backend;

import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/** The backends that are on the class or module path. */
public final class Backends {
    private Backends() {}

    public static List<BackendProvider> all() {
        return ServiceLoader.load(BackendProvider.class).stream()
                .map(ServiceLoader.Provider::get)
                .toList();
    }

    /**
     * Opens the backend of that name; there is no fall-back to another.
     *
     * @throws BackendException if there is none of that name, or it can not run here; the message says why
     */
    public static Backend open(String name, BackendOptions options) {
        BackendProvider provider = all().stream()
                .filter(p -> p.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new BackendException("no device '%s'; there is: %s".formatted(name, names())));
        String reason = provider.unavailable();
        if (reason != null) {
            throw new BackendException("device '%s' can not be used: %s".formatted(name, reason));
        }
        return provider.open(options);
    }

    private static String names() {
        return all().stream().map(BackendProvider::name).collect(Collectors.joining(", "));
    }
}
