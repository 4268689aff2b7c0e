package cloze.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.train.log.MetricsLog;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs are the same in every locale, and text is UTF-8 where there is none. */
final class PlaceTest {
    private static final Path SCRIPTS = Path.of("").toAbsolutePath().resolveSibling("build-scripts");

    private final Locale usual = Locale.getDefault();

    @TempDir
    Path temporary;

    @AfterEach
    void goHome() {
        Locale.setDefault(usual);
    }

    @ParameterizedTest
    @ValueSource(strings = {"ar-EG-u-nu-arab", "my-MM-u-nu-mymr", "tr-TR"})
    void a_run_under_digits_of_another_script_is_found_again_and_goes_on(String locale) throws IOException {
        Locale.setDefault(Locale.forLanguageTag(locale));
        Path text = Files.writeString(temporary.resolve("text.txt"), "A line of İstanbul text, i and I.\n".repeat(60));
        Path run = temporary.resolve("run");
        String sizes = "--context 16 --batch 2 --warmup 0 --steps 4 --checkpoint-every 2 --threads 1";
        List<String> start = new ArrayList<>(List.of("pretrain", "gpt", "--data", text.toString()));
        start.addAll(List.of(sizes.split(" ", -1)));
        start.addAll(List.of("--run", run.toString()));
        succeeds(start.toArray(String[]::new));
        try (Stream<Path> files = Files.walk(run)) {
            assertThat(files)
                    .allSatisfy(
                            file -> assertThat(file.getFileName().toString()).matches("\\p{ASCII}+"));
        }
        int lines = Files.readAllLines(run.resolve("metrics.jsonl")).size();
        assertThat(MetricsLog.read(run.resolve("metrics.jsonl"))).hasSize(lines).isNotEmpty();
        succeeds("pretrain", "--resume", "--run", run.toString(), "--threads", "1");
        assertThat(Files.readAllLines(run.resolve("metrics.jsonl"))).hasSizeGreaterThanOrEqualTo(lines);
    }

    /** The script is a file: the JVM of the tests itself may have no UTF-8 to name files with. */
    @Test
    void the_scripts_speak_utf_8_without_a_locale() throws IOException, InterruptedException {
        Path script = Files.writeString(temporary.resolve("script"), """
                set -e
                mkdir naïve-каталог
                cd naïve-каталог
                for i in {1..400}; do echo "naïve тест $i"; done >één.txt
                source "$SCRIPTS/env.sh"
                cloze() { "$JAVA_HOME/bin/java" --enable-native-access=ALL-UNNAMED -cp "$CLASSES" cloze.cli.Cloze "$@"; }
                cloze tokenize train --data één.txt --vocabulary 300 --out ж.json
                cloze tokenize decode --tokenizer ж.json $(cloze tokenize encode --tokenizer ж.json ёж)
                test -s ж.json
                cloze pretrain gpt --data нет.txt --run run || true
                """, StandardCharsets.UTF_8);
        var builder = new ProcessBuilder("bash", script.toString());
        String path = builder.environment().get("PATH");
        builder.environment().clear();
        builder.environment().put("PATH", path);
        builder.environment().put("SCRIPTS", SCRIPTS.toString());
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("CLASSES", System.getProperty("java.class.path"));
        Path output = temporary.resolve("output");
        Process process = builder.directory(temporary.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        int code = process.waitFor();
        String said = Files.readString(output, StandardCharsets.UTF_8);
        assertThat(code).as(said).isZero();
        assertThat(said).contains("ж.json", "ёж", "нет.txt").doesNotContain("?", "\uFFFD");
    }

    private static void succeeds(String... arguments) {
        CommandLines.Ran ran = CommandLines.run(arguments);
        assertThat(ran.exitCode()).as(ran.err()).isZero();
    }
}
