package cloze.cli.image;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.cli.CommandLines;
import cloze.image.ImageCodec;
import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.image.Picture;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code cloze probe}, as typed, over a run of three steps on the first images of Fashion-MNIST. */
class ProbeCommandTest {
    @TempDir
    private static Path folder;

    private static String golden(String name) {
        try {
            return Path.of(Objects.requireNonNull(ProbeCommandTest.class.getResource("/golden/" + name))
                            .toURI())
                    .toString();
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static String run() {
        return folder.resolve("run").toString();
    }

    @BeforeAll
    static void pretrain() {
        CommandLines.Ran ran = CommandLines.run(
                "pretrain",
                "mae",
                "--preset",
                "vit-nano-32",
                "--patch",
                "8",
                "--data",
                golden("fashion-mnist"),
                "--steps",
                "3",
                "--batch",
                "8",
                "--run",
                run());
        assertThat(ran.exitCode()).as(ran.err()).isZero();
    }

    @Test
    void a_table_shows_the_encoder_beside_an_untrained_one_and_pixels() {
        CommandLines.Ran ran = CommandLines.run("probe", "--checkpoint", run(), "--labels", "5", "--draws", "2");
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        List<String> lines = ran.out().lines().toList();
        assertThat(lines.getFirst()).isEqualTo("2,000 images to learn from, 400 held out, 10 classes");
        assertThat(lines.get(1)).matches("labels +features +dimension +linear top-1 +linear top-5 +kNN top-1 +seconds");
        assertThat(lines).hasSize(8);
        assertThat(lines.get(2)).startsWith("all labels  encoder           128 ");
        assertThat(lines.get(7)).matches("5 a class +raw pixels +1024 .* \\+- .*");
    }

    @Test
    void json_says_the_same_and_threads_change_nothing() {
        JsonNode one = json("--class-token", "--threads", "1");
        JsonNode two = json("--class-token", "--threads", "2");
        assertThat(one.path("pooling").stringValue()).isEqualTo("class_token");
        List<Double> linear = shares(one, "linear_top1");
        assertThat(linear).hasSize(3).isEqualTo(shares(two, "linear_top1"));
        assertThat(shares(one, "knn_top1")).isEqualTo(shares(two, "knn_top1"));
        assertThat(linear.getLast()).isBetween(0.75, 0.87); // logistic regression on 2000 images of clothes
        assertThat(shares(one, "knn_top1").getLast()).isBetween(0.7, 0.87);
        assertThat(linear.get(1)).isBetween(0.3, 0.87); // random features are good ones
    }

    private static JsonNode json(String... more) {
        List<String> args = new ArrayList<>(List.of("probe", "--checkpoint", run(), "--json"));
        args.addAll(List.of(more));
        CommandLines.Ran ran = CommandLines.run(args.toArray(String[]::new));
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        return JsonMapper.shared().readTree(ran.out());
    }

    private static List<Double> shares(JsonNode table, String column) {
        return StreamSupport.stream(table.path("rows").spliterator(), false)
                .map(row -> row.path(column).path("mean").asDouble())
                .toList();
    }

    private static Picture drawn(Path file) throws IOException {
        return ImageCodec.installed().decode(file.toString(), Files.readAllBytes(file));
    }

    @Test
    void attention_is_drawn_for_every_head() throws IOException {
        Path to = folder.resolve("attention.png");
        CommandLines.Ran ran = CommandLines.run(
                "attention",
                "--checkpoint",
                run(),
                "--out",
                to.toString(),
                golden("images/rgb.jpg"),
                golden("images/grey.tif"));
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(drawn(to).width()).isEqualTo(6 * (160 + 10) + 10); // the image, the mean, four heads
        assertThat(drawn(to).height()).isEqualTo(2 * (160 + 20 + 10) + 10);
    }

    @Test
    void vectors_are_projected_to_two_dimensions() throws IOException {
        Path to = folder.resolve("projection.png");
        CommandLines.Ran ran =
                CommandLines.run("project", "--checkpoint", run(), "--most", "100", "--out", to.toString());
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out())
                .matches("(?s).*projection.png: 100 images, \\d+\\.\\d % of the variance of their 128 numbers\\s");
        assertThat(drawn(to).width()).isEqualTo(1000);
    }

    @Test
    void an_image_is_nearest_to_itself_also_when_the_index_is_read_again() throws IOException {
        String index = folder.resolve("images.index").toString();
        Path to = folder.resolve("nearest.png");
        Path query = folder.resolve("query.png");
        try (ImageSet clothes = ImageData.all(golden("fashion-mnist"), folder)) {
            Files.write(query, ImageCodec.installed().png(clothes.read(17)));
        }
        CommandLines.Ran ran =
                nearest(query, "--data", golden("fashion-mnist"), "--index", index, "--out", to.toString());
        assertThat(ran.err()).contains("2,000 images indexed, 0 could not be read");
        List<String> lines = ran.out().lines().toList();
        assertThat(lines).hasSize(4);
        assertThat(lines.getFirst()).isEqualTo(query.toString());
        assertThat(lines.get(1)).isEqualTo("  1.0000  train-images-idx3-ubyte.gz#17");
        assertThat(drawn(to).width()).isEqualTo(4 * (140 + 10) + 10);
        CommandLines.Ran again =
                nearest(query, "--data", golden("fashion-mnist"), "--index", index, "--out", to.toString(), "--json");
        assertThat(again.err()).doesNotContain("indexed");
        JsonNode found = JsonMapper.shared().readTree(again.out()).path(0).path("nearest");
        assertThat(found.path(0).path("name").stringValue()).isEqualTo("train-images-idx3-ubyte.gz#17");
        assertThat(found.path(0).path("cosine").asDouble()).isGreaterThan(0.99999);
        assertThat(found.size()).isEqualTo(3);
    }

    private static CommandLines.Ran nearest(Path query, String... more) {
        List<String> args = new ArrayList<>(List.of("nearest", "--checkpoint", run(), "--neighbours", "3"));
        args.addAll(List.of(more));
        args.add(query.toString());
        CommandLines.Ran ran = CommandLines.run(args.toArray(String[]::new));
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        return ran;
    }

    @Test
    void says_what_is_wrong() {
        CommandLines.Ran ran = CommandLines.run("probe", "--checkpoint", golden("mae-tiny"));
        assertThat(ran.exitCode()).isEqualTo(2);
        assertThat(ran.err()).contains("is no run that names them: give --data");
        ran = CommandLines.run("probe", "--checkpoint", run(), "--data", golden("images"));
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains("the images have no classes");
        ran = CommandLines.run("probe", "--checkpoint", run(), "--labels", "0");
        assertThat(ran.exitCode()).isEqualTo(2);
        assertThat(ran.err()).contains("labels per class must be 1 or more, but it is [0]");
        ran = CommandLines.run("nearest", "--checkpoint", run(), golden("images/rgb.jpg"));
        assertThat(ran.exitCode()).isEqualTo(2);
        assertThat(ran.err()).contains("there is nothing to search: give --data, or an --index that exists");
    }
}
