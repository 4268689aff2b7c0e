package cloze.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.SafetensorsWriter;
import cloze.checkpoint.StoredType;
import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.image.Picture;
import cloze.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageIndexTest {
    private static final int WIDTH = 19;

    @TempDir
    private Path folder;

    private static List<float[]> vectors(int count, long seed) {
        var random = new SplittableRandom(seed);
        List<float[]> vectors = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            float[] vector = new float[WIDTH];
            double scale = random.nextDouble(0.1, 10);
            for (int d = 0; d < WIDTH; d++) {
                vector[d] = (float) (scale * random.nextGaussian());
            }
            vectors.add(vector);
        }
        return vectors;
    }

    private static List<String> names(int count) {
        return IntStream.range(0, count).mapToObj(i -> "Bild №" + i + ".png").toList();
    }

    private static ImageIndex index(int count) {
        var index = new ImageIndex(WIDTH);
        index.add(names(count), vectors(count, 1));
        return index;
    }

    private static double cosine(float[] x, float[] y) {
        double xy = 0;
        double xx = 0;
        double yy = 0;
        for (int d = 0; d < WIDTH; d++) {
            xy += (double) x[d] * y[d];
            xx += (double) x[d] * x[d];
            yy += (double) y[d] * y[d];
        }
        return xy / Math.sqrt(xx * yy);
    }

    @Test
    void the_nearest_are_those_of_a_naive_search() {
        ImageIndex index = index(200);
        List<float[]> known = vectors(200, 1);
        for (float[] query : vectors(20, 2)) {
            List<Integer> order = IntStream.range(0, 200)
                    .boxed()
                    .sorted(Comparator.comparingDouble((Integer i) -> -cosine(known.get(i), query)))
                    .toList();
            List<ImageIndex.Neighbour> found = index.nearest(query, 7);
            for (int i = 0; i < 7; i++) {
                assertThat(found.get(i).name()).isEqualTo("Bild №" + order.get(i) + ".png");
                assertThat((double) found.get(i).cosine())
                        .isCloseTo(cosine(known.get(order.get(i)), query), within(1e-6));
            }
        }
        assertThat(index.nearest(vectors(1, 3).getFirst(), 1000)).hasSize(200);
        assertThat(new ImageIndex(WIDTH).nearest(vectors(1, 3).getFirst(), 3)).isEmpty();
    }

    /** By pixels alone: 1-NN of clothes is right about four times in five. */
    @Test
    void the_nearest_of_clothes_is_mostly_of_the_same_kind() throws Exception {
        Path golden = Path.of(Objects.requireNonNull(ImageIndexTest.class.getResource("/golden/fashion-mnist"))
                .toURI());
        try (ImageData clothes = ImageData.open(golden.toString(), folder, 0.1)) {
            var index = new ImageIndex(28 * 28);
            for (int i = 0; i < clothes.train().count(); i++) {
                index.add(List.of("" + clothes.train().label(i)), List.of(pixels(clothes.train(), i)));
            }
            int right = 0;
            for (int i = 0; i < clothes.heldOut().count(); i++) {
                String nearest = index.nearest(pixels(clothes.heldOut(), i), 1)
                        .getFirst()
                        .name();
                right += nearest.equals("" + clothes.heldOut().label(i)) ? 1 : 0;
            }
            assertThat(right).isBetween(290, 350); // of 400
        }
    }

    private static float[] pixels(ImageSet images, int i) throws IOException {
        Picture picture = images.read(i);
        float[] pixels = new float[picture.height() * picture.width()];
        for (int j = 0; j < pixels.length; j++) {
            pixels[j] = picture.at(j / picture.width(), j % picture.width(), 0);
        }
        return pixels;
    }

    @Test
    void what_was_saved_finds_the_same() throws IOException {
        Path file = folder.resolve("images.index");
        ImageIndex index = index(50);
        index.save(file);
        ImageIndex read = ImageIndex.load(file);
        assertThat(read.count()).isEqualTo(50);
        assertThat(read.width()).isEqualTo(WIDTH);
        for (float[] query : vectors(5, 4)) {
            List<ImageIndex.Neighbour> found = read.nearest(query, 3);
            List<ImageIndex.Neighbour> before = index.nearest(query, 3);
            for (int i = 0; i < 3; i++) {
                assertThat(found.get(i).name()).isEqualTo(before.get(i).name());
                assertThat(found.get(i).cosine()).isCloseTo(before.get(i).cosine(), within(1e-6f));
            }
        }
        new ImageIndex(WIDTH).save(file);
        assertThat(ImageIndex.load(file).count()).isZero();
    }

    @Test
    void many_search_while_one_adds() throws Exception {
        var index = new ImageIndex(WIDTH);
        List<float[]> all = vectors(2000, 1);
        List<String> names = names(2000);
        try (var threads = Executors.newFixedThreadPool(4)) {
            List<Future<?>> searches = new ArrayList<>();
            for (int t = 0; t < 3; t++) {
                searches.add(threads.submit(() -> {
                    while (index.count() < 2000) {
                        int count = index.count() / 10 * 10;
                        if (count > 0) {
                            assertThat(index.nearest(all.get(count - 1), 1)
                                            .getFirst()
                                            .name())
                                    .isEqualTo(names.get(count - 1));
                        }
                    }
                }));
            }
            for (int i = 0; i < 2000; i += 10) {
                index.add(names.subList(i, i + 10), all.subList(i, i + 10));
            }
            for (Future<?> search : searches) {
                search.get();
            }
        }
    }

    @Test
    void what_does_not_fit_is_refused() {
        ImageIndex index = index(3);
        assertThatThrownBy(() -> index.add(List.of("a"), List.of()))
                .hasMessage("ImageIndex: a name for each vector is needed, but there are 1 for 0");
        assertThatThrownBy(() -> index.add(List.of("a"), List.of(new float[2])))
                .hasMessage("ImageIndex: vectors must be [19], but that of a is [2]");
        assertThatThrownBy(() -> index.add(List.of("a"), List.of(new float[WIDTH])))
                .hasMessage("ImageIndex: vectors must be finite and not zero, but that of a is not");
        assertThat(index.count()).isEqualTo(3);
        assertThatThrownBy(() -> index.nearest(new float[WIDTH], 1)).hasMessageContaining("that of the query is not");
        assertThatThrownBy(() -> index.nearest(vectors(1, 1).getFirst(), 0))
                .hasMessage("ImageIndex: k must be 1 or more, but it is 0");
    }

    @Test
    void a_file_that_is_something_else_is_refused() throws IOException {
        Path file = folder.resolve("other.safetensors");
        new SafetensorsWriter()
                .add("vectors", StoredType.F32, new Shape(1, 2), MemorySegment.ofArray(new float[] {1, 2}))
                .write(file);
        assertThatThrownBy(() -> ImageIndex.load(file))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("format");
        Path broken = folder.resolve("broken.index");
        new SafetensorsWriter()
                .add("vectors", StoredType.F32, new Shape(1, 2), MemorySegment.ofArray(new float[] {1, 2}))
                .add("ends", StoredType.I32, new Shape(1), MemorySegment.ofArray(new int[] {9}))
                .add("names", StoredType.U8, new Shape(1), MemorySegment.ofArray(new byte[] {65}))
                .metadata("format", "cloze-image-index")
                .write(broken);
        assertThatThrownBy(() -> ImageIndex.load(broken))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("end 0");
    }
}
