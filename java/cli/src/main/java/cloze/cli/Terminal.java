package cloze.cli;

import java.io.Console;

/** Tells if the command runs in a terminal. */
public final class Terminal {
    private Terminal() {}

    /** Both standard input and output are a terminal. */
    @SuppressWarnings("SystemConsoleNull") // null again since JDK 25 where a stream is redirected
    public static boolean isTerminal() {
        Console console = System.console();
        return console != null && console.isTerminal();
    }
}
