package cloze.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.checkpoint.Safetensors;
import cloze.foreign.VitFolder;
import cloze.image.Augmentation;
import cloze.image.ImageCodec;
import cloze.image.Normalization;
import cloze.image.Picture;
import cloze.model.Pooling;
import cloze.model.Vit;
import cloze.op.Device;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ImageEncoderTest {
    private static final int PIXELS = 20 * 20 * 3;

    private static Path golden() throws Exception {
        return Path.of(Objects.requireNonNull(ImageEncoderTest.class.getResource("/golden/mae-tiny"))
                .toURI());
    }

    private static float[] expected(String name) throws Exception {
        try (var file = Safetensors.open(golden().resolve("expected.safetensors"))) {
            var values = new float[(int) file.tensor(name).size()];
            file.copyTo(name, MemorySegment.ofArray(values));
            return values;
        }
    }

    /** Made for this test: each of another colour and direction. */
    private static float[] waves(int images, double noise) {
        var random = new SplittableRandom(7);
        var other = new SplittableRandom(8);
        var pixels = new float[images * PIXELS];
        for (int image = 0; image < images; image++) {
            double across = random.nextDouble(-1, 1);
            double down = random.nextDouble(-1, 1);
            double phase = random.nextDouble(6);
            for (int i = 0; i < PIXELS; i++) {
                int row = i / (20 * 3);
                int column = i / 3 % 20;
                double wave = Math.sin(across * column + down * row + phase + i % 3);
                pixels[image * PIXELS + i] = (float) (wave + noise * other.nextGaussian());
            }
        }
        return pixels;
    }

    static List<Device> devices() {
        return Device.all();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("devices")
    void vectors_are_those_of_the_independent_implementation(Device device) throws Exception {
        try (Backend backend = device.open(2);
                ImageEncoder encoder = ImageEncoder.load(golden(), backend);
                ImageEncoder larger = ImageEncoder.load(golden(), 28, backend)) {
            assertVectors(encoder.encode(expected("images")), expected("features"));
            assertVectors(larger.encode(expected("larger_images")), expected("larger_features"));
        }
    }

    private static void assertVectors(List<float[]> vectors, float[] expected) {
        assertThat(vectors).hasSize(expected.length / 16);
        for (int i = 0; i < expected.length; i++) {
            assertThat(vectors.get(i / 16)[i % 16]).isCloseTo(expected[i], within(1e-4f));
        }
    }

    @Test
    void the_nearest_image_is_the_one_that_is_alike() throws Exception {
        try (ImageEncoder encoder = ImageEncoder.load(golden())) {
            List<float[]> known = encoder.encode(waves(40, 0));
            List<float[]> asked = encoder.encode(waves(40, 0.1));
            for (int i = 0; i < asked.size(); i++) {
                assertThat(nearest(known, asked.get(i))).isEqualTo(i);
            }
        }
    }

    private static int nearest(List<float[]> known, float[] vector) {
        int best = 0;
        for (int i = 1; i < known.size(); i++) {
            if (distance(known.get(i), vector) < distance(known.get(best), vector)) {
                best = i;
            }
        }
        return best;
    }

    private static double distance(float[] x, float[] y) {
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += Math.pow(x[i] - y[i], 2);
        }
        return sum;
    }

    @Test
    void many_threads_and_batches_of_any_size_get_the_same_vectors() throws Exception {
        float[] images = waves(70, 0.5); // three batches
        try (ImageEncoder encoder = ImageEncoder.load(golden());
                var threads = Executors.newFixedThreadPool(8)) {
            List<float[]> together = encoder.encode(images);
            var alone = new ArrayList<Future<List<float[]>>>();
            for (int i = 0; i < 70; i++) {
                float[] one = Arrays.copyOfRange(images, i * PIXELS, (i + 1) * PIXELS);
                alone.add(threads.submit(() -> encoder.encode(one)));
            }
            for (int i = 0; i < 70; i++) {
                assertThat(alone.get(i).get()).hasSize(1);
                assertThat(alone.get(i).get().getFirst()).containsExactly(together.get(i), within(1e-5f));
            }
            assertThat(encoder.encode(new float[0])).isEmpty();
        }
    }

    @Test
    void files_and_pictures_are_encoded_in_one_call(@TempDir Path folder) throws Exception {
        for (String name : List.of("model.safetensors", "config.json")) {
            Files.copy(golden().resolve(name), folder.resolve(name));
        }
        Path image = golden().resolveSibling("images").resolve("rgb.png");
        Files.writeString(
                folder.resolve("preprocessor_config.json"),
                "{\"image_mean\": [0.5, 0.4, 0.3], \"image_std\": [0.1, 0.2, 0.3]}");
        try (ImageEncoder encoder = ImageEncoder.load(folder)) {
            Picture picture = ImageCodec.installed().decode("rgb.png", Files.readAllBytes(image));
            float[] pixels = new float[PIXELS];
            Augmentation.none(20, new Normalization(List.of(0.5, 0.4, 0.3), List.of(0.1, 0.2, 0.3)))
                    .apply(picture, 0, pixels, 0);
            float[] expected = encoder.encode(pixels).getFirst();
            assertThat(encoder.encodeFiles(List.of(image, image)).getLast()).containsExactly(expected, within(1e-5f));
            assertThat(encoder.encodePictures(List.of(picture)).getFirst()).containsExactly(expected, within(1e-5f));
            assertThatThrownBy(() -> encoder.encodeFiles(List.of(folder.resolve("config.json"))))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("config.json");
        }
    }

    @Test
    void the_class_token_may_stand_for_an_image() throws Exception {
        try (Backend backend = Device.all().getFirst().open(1);
                Scope scope = backend.memory().scope("test")) {
            Vit vit = VitFolder.load(golden(), 20, backend, scope).model();
            float[] image = waves(1, 0.5);
            Tape tape = Tape.inference(backend, scope);
            int[] all = IntStream.range(0, 25).toArray();
            Tensor ids = backend.set(scope.tensor("ids", new Shape(1, 25), DType.I32), all);
            float[] tokens = backend.floats(vit.encode(tape, vit.patches(tape, image), ids)); // [1, 26, 16]
            try (ImageEncoder encoder = ImageEncoder.load(golden(), backend)) {
                assertThat(encoder.encode(image, Pooling.CLASS_TOKEN).getFirst())
                        .containsExactly(Arrays.copyOf(tokens, 16), within(1e-5f));
                float[] map = encoder.attention(image).getFirst(); // [2, 25]
                assertThat(map).hasSize(50);
                for (int head = 0; head < 2; head++) {
                    double sum = 0;
                    for (int i = 0; i < 25; i++) {
                        assertThat(map[head * 25 + i]).isPositive();
                        sum += map[head * 25 + i];
                    }
                    assertThat(sum).isBetween(0.2, 0.9999999); // the rest is the class token's own
                }
            }
        }
    }

    @Test
    void half_an_image_is_refused(@TempDir Path empty) throws Exception {
        try (ImageEncoder encoder = ImageEncoder.load(golden())) {
            assertThat(encoder.width()).isEqualTo(16);
            assertThatThrownBy(() -> encoder.encode(new float[PIXELS / 2]))
                    .hasMessage("FrozenEncoder: images must be whole ones of [20, 20, 3], but are 600 numbers");
        }
        assertThatThrownBy(() -> ImageEncoder.load(empty))
                .isInstanceOf(IOException.class)
                .hasMessage(empty
                        + " is a folder without a config.json, but an image encoder is needed (a run of mae, simmim, classifier,"
                        + " or a vision transformer of Hugging Face or timm)");
    }
}
