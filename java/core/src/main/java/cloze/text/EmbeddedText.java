package cloze.text;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.GZIPInputStream;

/** Text in the jar, so that a first run needs no download. */
public final class EmbeddedText {
    private EmbeddedText() {}

    /** Herman Melville, Moby-Dick; or, The Whale (1851): 1.2 MB, public domain; see moby-dick.txt.LICENSE. */
    public static String mobyDick() {
        try (InputStream packed = EmbeddedText.class.getResourceAsStream("moby-dick.txt.gz")) {
            if (packed == null) {
                throw new IllegalStateException("moby-dick.txt.gz is missing from the jar");
            }
            return new String(new GZIPInputStream(packed).readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("moby-dick.txt.gz in the jar is damaged", e);
        }
    }

    public static TextSource mobyDickSource() {
        return TextSource.of("moby-dick", mobyDick());
    }
}
