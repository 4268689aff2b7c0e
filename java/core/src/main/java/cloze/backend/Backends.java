package cloze.backend;

import java.util.List;
import java.util.Locale;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/** Finds the backends on the class path or module path. */
public final class Backends {
    private Backends() {}

    public static List<BackendProvider> all() {
        return ServiceLoader.load(BackendProvider.class).stream()
                .map(ServiceLoader.Provider::get)
                .toList();
    }

    /**
     * Opens the backend with the given name; there is no fallback to another one. A number after a colon selects a
     * device: {@code cuda:1}.
     *
     * @throws BackendException if there is no such backend, or it cannot run here; the message gives the reason
     */
    public static Backend open(String device, BackendOptions options) {
        int colon = device.indexOf(':');
        String name = colon < 0 ? device : device.substring(0, colon);
        BackendProvider provider = all().stream()
                .filter(p -> p.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new BackendException(
                        String.format(Locale.ROOT, "no device '%s'; there is: %s", device, names())));
        BackendOptions numbered =
                colon < 0 ? options : options.withOrdinal(ordinal(device, device.substring(colon + 1)));
        String reason = provider.unavailable();
        if (reason != null) {
            throw new BackendException(String.format(Locale.ROOT, "device '%s' can not be used: %s", device, reason));
        }
        return provider.open(numbered);
    }

    private static int ordinal(String device, String number) {
        if (!number.matches("[0-9]{1,4}")) {
            throw new BackendException(
                    String.format(Locale.ROOT, "device '%s': after the colon must be a number, as in cuda:1", device));
        }
        return Integer.parseInt(number);
    }

    private static String names() {
        return all().stream().map(BackendProvider::name).collect(Collectors.joining(", "));
    }
}
