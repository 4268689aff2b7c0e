package cloze.cli.plot;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Locale;

/** Draws charts. They need fonts; a machine without any keeps its results and prints a message. */
final class Drawing {
    /** Draws a file. */
    @FunctionalInterface
    interface Picture {
        void draw() throws IOException;
    }

    private Drawing() {}

    /** Draws, or prints a message with the packages to install. */
    static void tryTo(PrintWriter err, String name, Picture picture) throws IOException {
        try {
            picture.draw();
        } catch (RuntimeException | LinkageError | InternalError e) { // Java throws one of these
            err.printf(
                    Locale.ROOT,
                    "%s is not written, for Java can not draw: install fontconfig and a font such as"
                            + " fonts-dejavu-core (%s)%n",
                    name,
                    e.getMessage());
        }
    }
}
