package cloze.cli.train;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.cli.Cloze;
import cloze.foreign.VitFolder;
import cloze.image.ImageCodec;
import cloze.image.Picture;
import cloze.recipe.Encoders;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code cloze pretrain mae} and {@code cloze reconstruct}, as typed. */
class MaeCommandTest {
    @TempDir
    private Path folder;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int cloze(String... args) {
        return Cloze.run(new PrintWriter(out), new PrintWriter(err), args);
    }

    private static Path golden(String name) {
        try {
            return Path.of(Objects.requireNonNull(MaeCommandTest.class.getResource("/golden/" + name))
                    .toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void trains_goes_on_and_fills_in_images_of_a_user() throws IOException {
        String run = folder.resolve("run").toString();
        String data = golden("fashion-mnist").toString();
        int code = cloze(
                "pretrain",
                "mae",
                "--preset",
                "vit-nano-32",
                "--data",
                data,
                "--steps",
                "3",
                "--batch",
                "8",
                "--raw-pixels",
                "--run",
                run);
        assertThat(code).as(err.toString()).isZero();
        assertThat(err.toString()).contains("2,000 images to train on, 400 held out, 48 of 64 patches hidden");
        assertThat(out.toString()).contains("held-out images: loss ", "by inverse distance ");
        assertThat(folder.resolve("run/loss.png")).exists();
        assertThat(cloze("pretrain", "mae", "--run", run)).isEqualTo(1);
        assertThat(err.toString()).contains("already holds a run");
        assertThat(cloze("pretrain", "mae", "--resume", "--run", run)).isZero();
        for (String format : new String[] {"huggingface", "timm", "paper"}) {
            Path exported = folder.resolve(format);
            code = cloze("export", "--run", run, "--format", format, "--to", exported.toString());
            assertThat(code).as(err.toString()).isZero();
            assertThat(exported.resolve("model.safetensors")).exists();
            if (!format.equals("paper")) {
                assertThat(VitFolder.normalization(exported)).isEqualTo(Encoders.normalization(Path.of(run)));
                assertThat(VitFolder.config(exported).patches()).isEqualTo(64);
            }
        }
        Path to = folder.resolve("filled.png");
        Path images = golden("images");
        code = cloze(
                "reconstruct",
                "--checkpoint",
                run,
                "--out",
                to.toString(),
                images.resolve("rgb.jpg").toString(),
                images.resolve("grey.tif").toString());
        assertThat(code).as(err.toString()).isZero();
        Picture drawn = ImageCodec.installed().decode("filled.png", Files.readAllBytes(to));
        assertThat(drawn.height()).isEqualTo(2 * (160 + 4) + 4);
        assertThat(drawn.width()).isEqualTo(4 * (160 + 4) + 4);
    }

    @Test
    void trains_and_shows_a_simmim() throws IOException {
        String run = folder.resolve("simmim").toString();
        String data = golden("fashion-mnist").toString();
        int code = cloze(
                "pretrain",
                "simmim",
                "--preset",
                "vit-nano-32",
                "--data",
                data,
                "--steps",
                "2",
                "--batch",
                "8",
                "--run",
                run);
        assertThat(code).as(err.toString()).isZero();
        // 10 of 16 squares of 2 x 2 patches
        assertThat(err.toString()).contains("2,000 images to train on, 400 held out, 40 of 64 patches hidden");
        assertThat(folder.resolve("simmim/reconstruction-000002.png")).exists();
        assertThat(cloze("pretrain", "simmim", "--resume", "--run", run)).isZero();
        Path filled = folder.resolve("filled.png");
        String image = golden("images").resolve("grey.png").toString();
        code = cloze("reconstruct", "--checkpoint", run, "--out", filled.toString(), image);
        assertThat(code).as(err.toString()).isZero();
        assertThat(filled).exists();
        assertThat(Encoders.config(Path.of(run)).patches()).isEqualTo(64);
    }

    @Test
    void says_what_is_wrong() {
        assertThat(cloze("pretrain", "mae", "--preset", "vit-tiny-23")).isEqualTo(2);
        assertThat(err.toString()).contains("there is no preset 'vit-tiny-23'; did you mean vit-tiny-32?");
        assertThat(cloze("pretrain", "mae", "--steps", "3", "--epochs", "2")).isEqualTo(2);
        assertThat(err.toString()).contains("--steps and --epochs exclude each other");
        assertThat(cloze(
                        "pretrain",
                        "mae",
                        "--mask-ratio",
                        "1",
                        "--data",
                        golden("images").toString(),
                        "--run",
                        folder.resolve("r").toString()))
                .isNotZero();
        assertThat(err.toString()).contains("--mask-ratio must be 0 to 0.95, but it is 1");
        assertThat(cloze(
                        "pretrain",
                        "mae",
                        "--patch",
                        "5",
                        "--data",
                        golden("images").toString(),
                        "--run",
                        folder.resolve("s").toString()))
                .isNotZero();
        assertThat(err.toString()).contains("images of 32 x 32 pixels can not be cut into patches of 5 x 5");
        assertThat(cloze(
                        "pretrain",
                        "mae",
                        "--data",
                        "no-such-images",
                        "--run",
                        folder.resolve("t").toString()))
                .isEqualTo(1);
        assertThat(err.toString()).contains("no images 'no-such-images'");
    }
}
