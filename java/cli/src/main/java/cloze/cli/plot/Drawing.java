package cloze.cli.plot;

import java.io.IOException;
import java.io.PrintWriter;

/** Charts need fonts, which a small machine may lack: what is computed must not be lost by that. */
final class Drawing {
    /** What draws a file. */
    @FunctionalInterface
    interface Picture {
        void draw() throws IOException;
    }

    private Drawing() {}

    /** Draws, or says what to install. */
    static void tryTo(PrintWriter err, String name, Picture picture) throws IOException {
        try {
            picture.draw();
        } catch (RuntimeException | LinkageError | InternalError e) { // Java throws one of these
            err.printf(
                    "%s is not written, for Java can not draw: install fontconfig and a font such as"
                            + " fonts-dejavu-core (%s)%n",
                    name, e.getMessage());
        }
    }
}
