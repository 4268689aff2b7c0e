package cloze.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** Memory that is not enough is said in one line. */
class ExhaustionTest {
    private static String said(Error error, String... args) {
        var err = new StringWriter();
        CommandLine command = Cloze.commandLine().setErr(new PrintWriter(err));
        assertThat(Errors.exhausted(error, command, args)).isEqualTo(1);
        return err.toString();
    }

    @Test
    void names_the_option_that_gives_more() {
        assertThat(said(new OutOfMemoryError("Java heap space")).lines())
                .singleElement()
                .asString()
                .startsWith("cloze: out of memory (Java heap space)")
                .contains("CLOZE_JAVA_OPTIONS=-Xmx");
        assertThat(said(new StackOverflowError()).lines())
                .singleElement()
                .asString()
                .contains("stack", "CLOZE_JAVA_OPTIONS=-Xss");
        assertThat(said(new StackOverflowError(), "--stacktrace")).contains("at ");
    }

    @Test
    void finds_it_behind_the_exception_of_another_thread() {
        var cause = new ExecutionException(new OutOfMemoryError("Java heap space"));
        assertThat(Errors.describe(new IOException("failed", cause))).startsWith("out of memory");
    }
}
