package cloze.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.image.ImageCodec;
import cloze.image.ImageSettings;
import cloze.image.Picture;
import cloze.model.GptConfig;
import cloze.text.TextSettings;
import cloze.train.RunFolder;
import cloze.train.TrainingHooks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run goes on with what it began with, or says what has changed. */
class ChangedDataTest {
    private static final String LINE = "It was the best of times, it was the worst of times.\n";

    @TempDir
    Path temporary;

    private void resume(Path path, Run.Changes changes) throws IOException {
        try (Backend backend = TestRuns.cpu(1);
                RunFolder folder = RunFolder.resume(path);
                Run<?, ?> run = Run.resume(folder, backend, Opening.of(temporary), changes)) {
            run.trainer(TrainingHooks.NONE).run();
        }
    }

    private void refused(Path path, String what) {
        assertThatThrownBy(() -> resume(path, Run.Changes.NONE))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(path + ": the run began on something else")
                .hasMessageContaining(what);
    }

    private Path text(Preset<GptConfig> preset) throws IOException {
        Path path = temporary.resolve("run");
        TestRuns.run(path, Recipes.GPT, preset, 1, 2);
        return path;
    }

    @Test
    void text_must_be_the_same_or_accepted() throws IOException {
        Preset<GptConfig> tiny = TestRuns.tiny(Recipes.GPT, temporary);
        Path file = Path.of(((TextSettings) tiny.data()).data());
        Path path = text(tiny);
        String before = Files.readString(file);

        Files.writeString(file, before.substring(LINE.length()).replace("best", "sebt") + LINE);
        refused(path, "checksum of the text to train on");
        Files.writeString(file, before.replace('w', '#'));
        assertThatThrownBy(() -> resume(path, new Run.Changes(true, null, 0))).isInstanceOf(IOException.class);

        Path moved = Files.writeString(temporary.resolve("moved.txt"), before);
        Files.delete(file);
        resume(path, new Run.Changes(false, moved.toString(), 0));
        resume(path, new Run.Changes(false, null, 6));
        assertThatThrownBy(() -> resume(path, new Run.Changes(false, null, 6)))
                .hasMessageContaining("more than its 6 steps");
        Files.writeString(moved, before.replace("best", "sebt"));
        refused(path, "--accept-changed-data");
        resume(path, new Run.Changes(true, null, 8));
        assertThat(path.resolve("config.json")).content().contains("checksum of the text to train on: ");
        resume(path, Run.Changes.NONE);

        Path tokenizer = path.resolve("tokenizer.json");
        Files.writeString(
                path.resolve("config.json"),
                Files.readString(path.resolve("config.json"))
                        .replaceFirst("(\"tokenizer\"\\s*:\\s*\")[0-9a-f]{8}", "$100000000"));
        assertThat(tokenizer).exists();
        assertThatThrownBy(() -> resume(path, new Run.Changes(true, null, 0)))
                .hasMessageContaining("tokenizer: ")
                .hasMessageContaining("restore it");
    }

    @Test
    void images_and_kernels_must_be_the_same() throws IOException {
        Path data = temporary.resolve("data");
        for (int i = 0; i < 12; i++) {
            image(data.resolve("abc".charAt(i % 3) + "/" + i + ".png"), i);
        }
        var tiny = Recipes.MAE.tiny();
        Path path = temporary.resolve("run");
        TestRuns.run(path, Recipes.MAE, tiny.withData(((ImageSettings) tiny.data()).withData(data.toString())), 1, 2);

        Files.move(data.resolve("a/0.png"), data.resolve("b/0.png"));
        refused(path, "names and classes of the images");
        Files.move(data.resolve("b/0.png"), data.resolve("a/0.png"));
        image(data.resolve("a/99.png"), 7);
        refused(path, "images to train on: ");
        Files.delete(data.resolve("a/99.png"));
        Files.move(data.resolve("a"), data.resolve("z"));
        refused(path, "classes: a, b, c then, b, c, z now");
        Files.move(data.resolve("z"), data.resolve("a"));
        byte[] first = Files.readAllBytes(data.resolve("a/0.png"));
        image(data.resolve("a/0.png"), 200);
        refused(path, "sizes and content of the files");
        Files.write(data.resolve("a/0.png"), first);

        Path config = path.resolve("config.json");
        String before = Files.readString(config);
        Files.writeString(config, before.replaceAll("cpu, \\w+ kernels", "cpu, other kernels"));
        refused(path, "kernels: cpu, other kernels then");
        Files.writeString(config, before);

        Path elsewhere = Files.move(data, temporary.resolve("elsewhere"));
        resume(path, new Run.Changes(false, elsewhere.toString(), 0));
    }

    private static void image(Path file, int grey) throws IOException {
        Files.createDirectories(file.getParent());
        var pixels = new byte[16 * 16];
        java.util.Arrays.fill(pixels, (byte) grey);
        Files.write(file, ImageCodec.installed().png(new Picture(16, 16, 1, pixels)));
    }
}
