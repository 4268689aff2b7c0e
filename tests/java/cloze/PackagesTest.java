package cloze;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Packages look down the README's map or sideways, are small, and have no two classes of one name. */
class PackagesTest {
    /** Packages of the core, highest first; those of one line may see each other. */
    private static final List<List<String>> LEVELS = List.of(
            List.of("measure"),
            List.of("serve"),
            List.of("recipe"),
            List.of("eval", "generate", "task", "foreign"),
            List.of("model"),
            List.of("train", "train.log"),
            List.of("optim"),
            List.of("nn"),
            List.of("text", "text.bpe", "text.token", "image"),
            List.of("setting"),
            List.of("checkpoint", "stat"),
            List.of("io"),
            List.of("autograd", "op"),
            List.of("backend"),
            List.of("tensor"));

    private static final int LARGEST = 24;

    /** The family of ops is sealed, and a file each. */
    private static final Set<String> LARGER = Set.of("cloze.op");

    /** Names that say nothing of what is in a package. */
    private static final Set<String> EMPTY = Set.of("util", "utils", "common", "helper", "impl", "manager", "misc");

    private static final Pattern PACKAGE = Pattern.compile("^package ([a-z.]+);", Pattern.MULTILINE);
    private static final Pattern IMPORT =
            Pattern.compile("^import (?:static )?cloze\\.([a-z]+(?:\\.[a-z]+)*)\\.[A-Z]", Pattern.MULTILINE);

    private record Source(String module, String name, String simple, String text) {}

    private static Path java() {
        Path here = Path.of("").toAbsolutePath();
        boolean top = Files.exists(here.resolve("java")) && Files.exists(here.resolve("native"));
        return (top ? here : here.getParent()).resolve("java");
    }

    private static List<Source> sources() throws IOException {
        List<Source> sources = new ArrayList<>();
        for (String module : List.of("core", "cpu", "cuda", "media", "cli")) {
            try (Stream<Path> tree = Files.walk(java().resolve(module).resolve("src/main/java"))) {
                for (Path file :
                        tree.filter(f -> f.toString().endsWith(".java")).toList()) {
                    String text = Files.readString(file);
                    Matcher name = PACKAGE.matcher(text);
                    if (name.find()) {
                        String simple = file.getFileName().toString().replace(".java", "");
                        sources.add(new Source(module, name.group(1), simple, text));
                    }
                }
            }
        }
        assertThat(sources).hasSizeGreaterThan(300);
        return sources;
    }

    private static int level(String name) {
        for (int i = 0; i < LEVELS.size(); i++) {
            if (LEVELS.get(i).contains(name)) {
                return i;
            }
        }
        throw new AssertionError(String.format(Locale.ROOT, "the package cloze.%s has no place in the order", name));
    }

    @Test
    void the_core_looks_down_or_sideways() throws IOException {
        List<String> upwards = new ArrayList<>();
        for (Source source : sources()) {
            if (source.module.equals("core")) {
                String from = source.name.substring("cloze.".length());
                Matcher imports = IMPORT.matcher(source.text);
                while (imports.find()) {
                    if (level(imports.group(1)) < level(from)) {
                        upwards.add(String.format(
                                Locale.ROOT, "%s.%s sees cloze.%s", source.name, source.simple, imports.group(1)));
                    }
                }
            }
        }
        assertThat(upwards).isEmpty();
    }

    /** The general never names the special: layers, images and protocols know no text. */
    @Test
    void layers_and_images_know_no_text() throws IOException {
        for (Source source : sources()) {
            if (Set.of("cloze.nn", "cloze.image", "cloze.optim", "cloze.checkpoint")
                    .contains(source.name)) {
                assertThat(source.text).as(source.simple).doesNotContain("import cloze.text");
            }
            if (source.name.equals("cloze.checkpoint")) {
                assertThat(source.text).as(source.simple).doesNotContain("import cloze.model");
            }
        }
    }

    @Test
    void packages_are_small_and_named_after_what_is_in_them() throws IOException {
        Map<String, Integer> sizes = new TreeMap<>();
        for (Source source : sources()) {
            sizes.merge(source.name, 1, Integer::sum);
        }
        sizes.forEach((name, size) -> {
            if (!LARGER.contains(name)) {
                assertThat(size).as(name).isLessThanOrEqualTo(LARGEST);
            }
            assertThat(EMPTY).as(name).doesNotContain(name.substring(name.lastIndexOf('.') + 1));
        });
    }

    @Test
    void simple_names_are_unique() throws IOException {
        Map<String, List<String>> places = new TreeMap<>();
        for (Source source : sources()) {
            places.computeIfAbsent(source.simple, _ -> new ArrayList<>()).add(source.name);
        }
        places.values().removeIf(of -> of.size() == 1);
        assertThat(places).isEmpty();
    }
}
