package cloze;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The packages of the core look down the README's map or sideways, never up. */
class PackagesTest {
    /** Highest first; packages of one line may see each other. */
    private static final List<List<String>> LEVELS = List.of(
            List.of("measure"),
            List.of("task"),
            List.of("serve"),
            List.of("model"),
            List.of("train"),
            List.of("optim"),
            List.of("nn"),
            List.of("eval", "image"),
            List.of("data", "checkpoint"),
            List.of("autograd", "op"),
            List.of("backend"),
            List.of("tensor"));

    private static final Pattern IMPORT = Pattern.compile("^import (?:static )?cloze\\.([a-z]+)\\.", Pattern.MULTILINE);

    private static int level(String name) {
        for (int i = 0; i < LEVELS.size(); i++) {
            if (LEVELS.get(i).contains(name)) {
                return i;
            }
        }
        throw new AssertionError("the package cloze.%s has no place in the order".formatted(name));
    }

    private static Path sources() {
        Path here = Path.of("").toAbsolutePath();
        Path project =
                Files.exists(here.resolve("java")) && Files.exists(here.resolve("native")) ? here : here.getParent();
        return project.resolve("java/core/src/main/java/cloze");
    }

    @Test
    void look_down_or_sideways() throws IOException {
        List<String> upwards = new ArrayList<>();
        int files = 0;
        try (Stream<Path> tree = Files.walk(sources())) {
            for (Path file : tree.filter(f -> f.toString().endsWith(".java")).toList()) {
                files++;
                String from = file.getParent().getFileName().toString();
                Matcher imports = IMPORT.matcher(Files.readString(file));
                while (imports.find()) {
                    if (level(imports.group(1)) < level(from)) {
                        upwards.add("%s sees cloze.%s".formatted(file.getFileName(), imports.group(1)));
                    }
                }
            }
        }
        assertThat(files).isGreaterThan(100);
        assertThat(upwards).isEmpty();
    }
}
