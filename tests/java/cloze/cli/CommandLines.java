package cloze.cli;

import java.io.PrintWriter;
import java.io.StringWriter;

/** Runs the command in this process. */
public final class CommandLines {
    /** What a run of the command did. */
    public record Ran(int exitCode, String out, String err) {}

    private CommandLines() {}

    public static Ran run(String... args) {
        var out = new StringWriter();
        var err = new StringWriter();
        int code = Cloze.run(new PrintWriter(out), new PrintWriter(err), args);
        return new Ran(code, out.toString(), err.toString());
    }
}
