package cloze.cli.train;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.cli.CommandLines;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code cloze finetune}, as typed, behind {@code cloze pretrain mae}. */
class FinetuneCommandTest {
    @TempDir
    private Path folder;

    private static String golden() {
        return golden("fashion-mnist");
    }

    private static String golden(String name) {
        try {
            return Path.of(Objects.requireNonNull(FinetuneCommandTest.class.getResource("/golden/" + name))
                            .toURI())
                    .toString();
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private String path(String name) {
        return folder.resolve(name).toString();
    }

    private static CommandLines.Ran cloze(List<String> head, String... tail) {
        return CommandLines.run(Stream.concat(head.stream(), Stream.of(tail)).toArray(String[]::new));
    }

    private void pretrain() {
        List<String> mae = List.of("pretrain", "mae", "--preset", "vit-nano-32", "--image", "28", "--patch", "7");
        CommandLines.Ran ran = cloze(mae, "--data", golden(), "--steps", "2", "--batch", "4", "--run", path("encoder"));
        assertThat(ran.exitCode()).as(ran.err()).isZero();
    }

    @Test
    void tells_classes_apart_and_what_pre_training_is_worth() throws IOException {
        pretrain();
        List<String> finetune = List.of(
                "finetune", "--checkpoint", path("encoder"), "--data", golden(), "--steps", "2", "--batch", "4");
        CommandLines.Ran single = cloze(finetune, "--run", path("single"));
        assertThat(single.exitCode()).as(single.err()).isZero();
        assertThat(single.err()).contains("2,000 images to learn from, 400 held out, 10 classes");
        assertThat(single.out()).contains("held-out images: ", " % right, loss ");
        assertThat(folder.resolve("single/loss.png")).exists();
        assertThat(Files.readString(folder.resolve("single/config.json")))
                .contains("\"recipe\" : \"classifier\"", "Sneaker");
        assertThat(cloze(finetune, "--run", path("single")).err()).contains("already holds a run");
        assertThat(cloze(List.of("finetune"), "--resume", "--run", path("single"))
                        .exitCode())
                .isZero();

        String image = golden("images/rgb.jpg");
        CommandLines.Ran seen = cloze(List.of("classify"), "--run", path("single"), "--top", "2", image);
        assertThat(seen.exitCode()).as(seen.err()).isZero();
        assertThat(seen.out().lines().toList()).hasSize(1);
        assertThat(seen.out()).contains("rgb.jpg: ", " %, ");
        CommandLines.Ran facts = cloze(List.of("classify"), "--run", path("single"), "--json", image);
        assertThat(facts.out()).contains("\"image\"", "\"guesses\"", "\"probability\"");

        CommandLines.Ran few = cloze(finetune, "--labels-per-class", "2,3", "--seeds", "2", "--run", path("few"));
        assertThat(few.exitCode()).as(few.err()).isZero();
        assertThat(few.err()).contains("pretrained-2-seed-1337, run 1 of 8: 20 images to learn from, 400 held out");
        assertThat(few.out().lines().toList()).hasSize(6);
        assertThat(few.out()).contains("begins with", "pre-training", "random weights");
        assertThat(folder.resolve("few/few-labels.png")).exists();
        CommandLines.Ran again = cloze(List.of("finetune"), "--resume", "--json", "--run", path("few"));
        assertThat(again.exitCode()).as(again.err()).isZero();
        assertThat(again.err()).doesNotContain("run 1 of 8");
        assertThat(again.out()).contains("\"gain\"", "\"labels_per_class\" : 3");
    }

    @Test
    void says_what_is_wrong() {
        assertThat(cloze(List.of("finetune")).exitCode()).isEqualTo(2);
        assertThat(cloze(List.of("finetune")).err()).contains("--checkpoint is missing");
        List<String> finetune = List.of("finetune", "--checkpoint", path("none"));
        assertThat(cloze(finetune, "--steps", "3", "--epochs", "2").err()).contains("exclude each other");
        assertThat(cloze(finetune, "--seeds", "2").err()).contains("--seeds is for --labels-per-class");
        assertThat(cloze(finetune, "--labels-per-class", "10", "--seeds", "0").err())
                .contains("--seeds must be 1 or more, but it is 0");
        assertThat(cloze(finetune, "--labels-per-class", "10,many").err())
                .contains("--labels-per-class must be numbers from 1 up, or all, but one is 'many'");
        assertThat(cloze(finetune, "--labels-per-class", "10", "--from-scratch").err())
                .contains("compares with random weights anyway");
        CommandLines.Ran missing = cloze(finetune, "--run", path("run"));
        assertThat(missing.exitCode()).isEqualTo(1);
        assertThat(missing.err()).contains("none is missing, but an image encoder is needed");
        assertThat(cloze(List.of("finetune"), "--resume", "--run", path("run"), "--batch", "4")
                        .err())
                .contains("leave out --batch");
    }
}
