package cloze.cli;

import java.nio.file.Path;

/** The folder of installed and encoded texts and unpacked libraries. */
public final class Cache {
    private Cache() {}

    /** The environment's CLOZE_CACHE, or else {@code ~/.cache/cloze}. */
    public static Path folder() {
        String asked = System.getenv("CLOZE_CACHE");
        return asked == null ? Path.of(System.getProperty("user.home"), ".cache", "cloze") : Path.of(asked);
    }
}
